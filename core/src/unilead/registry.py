"""Registry: finds, orders, loads and caches providers and the overrides stacked on them.

Discovery reads metadata only: the slugs are known without importing a single provider. A provider is imported when it
is first asked for; if that fails, only that slug fails. Which of two distributions wins is never left to installation
order: a conflict is an error that names both and the way out.
"""

from __future__ import annotations

import copy
import inspect
import os
import threading
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from unilead.errors import (
    HookContractError,
    LeadError,
    ProviderConflictError,
    ProviderLoadError,
    UnknownProviderError,
)
from unilead.installed import Plugin, installed_plugins, normal

if TYPE_CHECKING:
    from unilead.provider import Provider

PROVIDERS = "unilead.providers"
OVERRIDES = "unilead.overrides"
DISABLE = "UNILEAD_DISABLE"


class Registry:
    """The providers an application can use.

    Args:
        order: distributions of overrides, from the provider outwards; needed where a slug has several.
        disable: distributions or slugs to leave out, together with those in the variable ``UNILEAD_DISABLE``.
        overrides: ``False`` leaves all installed overrides out.
    """

    def __init__(self, *, order: Sequence[str] = (), disable: Iterable[str] = (), overrides: bool = True) -> None:
        self._order = [normal(name) for name in order]
        named = os.environ.get(DISABLE, "").split(",")
        self._disabled = {normal(name) for name in (*disable, *named) if name.strip()}
        self._with_overrides = overrides
        self._registered: dict[str, list[Any]] = {}
        self._loaded: dict[str, Provider] = {}
        self._failed: dict[str, LeadError] = {}
        self._lock = threading.RLock()
        self._found: tuple[dict[str, list[Plugin]], dict[str, list[Plugin]]] | None = None
        self._left_out: list[Plugin] = []

    # --- what is there, without importing it ----------------------------------------------------------------------

    @property
    def slugs(self) -> tuple[str, ...]:
        """Slugs of all providers, installed or registered, sorted."""
        return tuple(sorted({*self._providers, *self._registered} - self._disabled))

    def plugins(self, slug: str) -> tuple[Plugin, ...]:
        """The installed distributions that provide the slug; more than one is a conflict."""
        return tuple(self._providers.get(slug, ()))

    def overrides(self, slug: str) -> tuple[Plugin, ...]:
        """The installed overrides of the slug, from the provider outwards as far as the application's order says."""
        places = {name: place for place, name in enumerate(self._order)}
        found = self._overrides.get(slug, ())
        return tuple(sorted(found, key=lambda plugin: places.get(normal(plugin.distribution), len(places))))

    @property
    def idle_disables(self) -> tuple[str, ...]:
        """Names to leave out that nothing installed has: misspelt, or not installed."""
        self._scan()
        found = {name for plugin in self._left_out for name in (normal(plugin.distribution), plugin.slug)}
        return tuple(sorted(self._disabled - found))

    @property
    def _providers(self) -> dict[str, list[Plugin]]:
        return self._scan()[0]

    @property
    def _overrides(self) -> dict[str, list[Plugin]]:
        return self._scan()[1]

    def _scan(self) -> tuple[dict[str, list[Plugin]], dict[str, list[Plugin]]]:
        if self._found is None:
            groups = (PROVIDERS, OVERRIDES) if self._with_overrides else (PROVIDERS,)
            found = installed_plugins(groups)
            self._found = self._by_slug(found[PROVIDERS]), self._by_slug(found.get(OVERRIDES, ()))
        return self._found

    def _by_slug(self, plugins: Iterable[Plugin]) -> dict[str, list[Plugin]]:
        found: dict[str, list[Plugin]] = {}
        for plugin in sorted(plugins, key=lambda plugin: normal(plugin.distribution)):
            if normal(plugin.distribution) in self._disabled or plugin.slug in self._disabled:
                self._left_out.append(plugin)
                continue
            known = found.setdefault(plugin.slug, [])
            if not any((p.distribution, p.module) == (plugin.distribution, plugin.module) for p in known):
                known.append(plugin)
        return found

    # --- using it -------------------------------------------------------------------------------------------------

    def register(self, slug: str, plugin: Any) -> None:
        """Stack a module or object with hooks on a provider, or add a provider, at run time; the last one wins.

        Raises: ProviderLoadError when the plugin's hooks do not fit.
        """
        with self._lock:
            loaded, failed = self._loaded.pop(slug, None), self._failed.pop(slug, None)
            before = self._registered.get(slug)
            self._registered[slug] = [*(before or ()), plugin]
            try:
                self.get(slug)
            except ProviderLoadError:
                if before is None:
                    del self._registered[slug]
                else:
                    self._registered[slug] = before
                if loaded is not None:
                    self._loaded[slug] = loaded
                if failed is not None:
                    self._failed[slug] = failed
                raise

    def get(self, slug: str) -> Provider:
        """The provider, imported and checked at first use.

        Raises: UnknownProviderError, ProviderConflictError, ProviderLoadError, HookContractError.
        """
        provider = self._loaded.get(slug)
        if provider is not None:
            return provider
        with self._lock:
            if slug in self._failed:
                failed = self._failed[slug]
                raise copy.copy(failed) from failed.__cause__  # an error raised again and again grows its traceback
            if slug not in self._loaded:
                try:
                    self._loaded[slug] = self._load(slug)
                except (ProviderLoadError, HookContractError) as error:
                    self._failed[slug] = error
                    raise
            return self._loaded[slug]

    def all(self) -> list[Provider]:
        """Every provider that loads; see `get` for the reasons why one may not."""
        return [provider for slug in self.slugs if (provider := self._try(slug)) is not None]

    def _try(self, slug: str) -> Provider | None:
        try:
            return self.get(slug)
        except LeadError:
            return None

    def _load(self, slug: str) -> Provider:
        from unilead.hooks import REQUIRED_HOOKS, new_manager
        from unilead.provider import Provider

        if slug not in self.slugs:
            raise self._unknown(slug)
        installed = self._providers.get(slug, [])
        if len(installed) > 1:
            names = " and ".join(str(plugin) for plugin in installed)
            hint = "uninstall one, or name the other in UNILEAD_DISABLE or Registry(disable=[…])"
            raise ProviderConflictError(f"both {names} provide it", provider=slug, hint=hint)
        manager = new_manager()
        for plugin in [*installed, *self._ordered_overrides(slug)]:
            _register(manager, _import(plugin), slug, str(plugin))
        for plugin in self._registered.get(slug, ()):
            _register(manager, plugin, slug, getattr(plugin, "__name__", type(plugin).__name__), by_host=True)
        missing = [name for name in REQUIRED_HOOKS if not getattr(manager.hook, name).get_hookimpls()]
        if missing:
            raise ProviderLoadError(f"hook {missing[0]} is written by no plugin", provider=slug)
        return Provider(slug, manager.hook)

    def _ordered_overrides(self, slug: str) -> list[Plugin]:
        overrides = self._overrides.get(slug, [])
        if len(overrides) < 2:
            return list(overrides)
        places = {name: place for place, name in enumerate(self._order)}
        unplaced = [plugin for plugin in overrides if normal(plugin.distribution) not in places]
        if unplaced:
            names = " and ".join(str(plugin) for plugin in overrides)
            hint = "order them from the provider outwards, Registry(order=[…]), or leave one out with UNILEAD_DISABLE"
            raise ProviderConflictError(f"{names} override it, in no order", provider=slug, hint=hint)
        return sorted(overrides, key=lambda plugin: places[normal(plugin.distribution)])

    def _unknown(self, slug: str) -> UnknownProviderError:
        from difflib import get_close_matches  # only a misspelt slug needs it

        left_out = dict.fromkeys(str(plugin) for plugin in self._left_out if plugin.slug == slug)
        if left_out:
            hint = f"take it out of {DISABLE} or Registry(disable=[…])"
            return UnknownProviderError(f"is disabled: {', '.join(left_out)}", provider=slug, hint=hint)
        close = get_close_matches(slug.lower(), self.slugs, n=1)
        known = ", ".join(self.slugs) or "none"
        hint = f"did you mean {close[0]}?" if close else f"installed: {known}; install the plugin that serves it"
        return UnknownProviderError(f"no installed distribution provides {slug!r}", provider=slug, hint=hint)


def _import(plugin: Plugin) -> Any:
    try:
        return plugin.entry_point.load()
    except KeyboardInterrupt:
        raise
    except BaseException as fault:
        reason = f"{plugin} cannot be imported: {type(fault).__name__}"
        detail = str(fault).splitlines()[:1]
        message = f"{reason}: {detail[0][:200]}" if detail and detail[0] else reason
        raise ProviderLoadError(message, provider=plugin.slug, hint="reinstall or update the distribution") from fault


def _register(manager: Any, plugin: Any, slug: str, name: str, *, by_host: bool = False) -> None:
    """Add a plugin's hooks to a provider's manager, refusing what pluggy would ignore in silence."""
    from pluggy import PluginValidationError

    from unilead.hooks import HOOK_API

    wanted = getattr(plugin, "UNILEAD_HOOK_API", HOOK_API)
    if isinstance(wanted, int) and wanted > HOOK_API:
        reason = f"{name} needs hook version {wanted}, the installed unilead has {HOOK_API}"
        raise ProviderLoadError(reason, provider=slug, hint="update the distribution unilead")
    try:
        manager.register(plugin, name)
        manager.check_pending()
    except (PluginValidationError, ValueError) as fault:
        text = " ".join(str(fault).split())
        raise ProviderLoadError(
            f"{name}: {text}", provider=slug, hint="compare with the hooks in docs/hooks.md"
        ) from None
    for caller in manager.get_hookcallers(plugin) or ():
        for implementation in caller.get_hookimpls():
            if implementation.plugin is plugin:
                _check_implementation(implementation, caller.name, slug, name, by_host)


def _check_implementation(implementation: Any, hook: str, slug: str, name: str, by_host: bool) -> None:
    function = implementation.function
    if inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function):
        raise ProviderLoadError(f"{name}: hook {hook} is async; hooks are plain functions", provider=slug)
    if implementation.kwargnames:
        names = ", ".join(implementation.kwargnames)
        raise ProviderLoadError(
            f"{name}: hook {hook} has default values ({names}), which pluggy ignores", provider=slug
        )
    if implementation.hookwrapper:
        raise ProviderLoadError(f"{name}: hook {hook} is an old-style hookwrapper; use wrapper=True", provider=slug)
    if (implementation.tryfirst or implementation.trylast) and not (by_host and implementation.wrapper):
        raise ProviderLoadError(
            f"{name}: hook {hook} asks for tryfirst or trylast; order is the application's", provider=slug
        )


def hook_names(plugin: Any) -> tuple[str, ...]:
    """Names of the hooks that a plugin writes."""
    from unilead.hooks import HOOK_NAMES, PROJECT

    return tuple(name for name in HOOK_NAMES if hasattr(getattr(plugin, name, None), f"{PROJECT}_impl"))
