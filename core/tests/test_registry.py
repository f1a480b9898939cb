"""Finding, ordering and loading plugins: F091 (and S045), F098, F099, S039, S041, S042."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import pytest
from pydantic import BaseModel

from acme import EmptyRegistry, make_info, make_plugin
from unilead import (
    HeaderAuth,
    HookContractError,
    Lead,
    Problem,
    ProviderConflictError,
    ProviderLoadError,
    Registry,
    UnknownProviderError,
    hookimpl,
)
from unilead.installed import Plugin


class _EntryPoint:
    """An entry point that loads what a test gives it."""

    def __init__(self, found: Any) -> None:
        self.found = found

    def load(self) -> Any:
        if isinstance(self.found, BaseException):
            raise self.found
        return self.found


def _plugin(distribution: str, found: Any) -> Plugin:
    return Plugin("acme", distribution, "1.0", "x", _EntryPoint(found))  # type: ignore[arg-type]


def _registry(providers: list[Plugin], overrides: list[Plugin] | None = None, **options: Any) -> Registry:
    class Fixed(Registry):
        def _scan(self) -> Any:
            return {"acme": providers, "other": []}, {"acme": overrides or []}

    return Fixed(**options)


def _override(**hooks: Any) -> ModuleType:
    module = ModuleType("override")
    for name, function in hooks.items():
        setattr(module, name, hookimpl(function))
    return module


@pytest.mark.parametrize("fault", [ImportError("no module x"), SyntaxError("bad"), SystemExit(1), RuntimeError("boom")])
def test_f091_a_broken_import_fails_only_its_slug(fault: BaseException) -> None:
    registry = _registry([_plugin("unilead-acme", fault)])
    registry.register("fine", make_plugin(describe=lambda: make_info(slug="fine")))
    with pytest.raises(ProviderLoadError, match=r"unilead-acme 1\.0 cannot be imported") as caught:
        registry.get("acme")
    assert caught.value.provider == "acme"
    assert registry.get("fine").slug == "fine"
    assert "acme" in registry.slugs


def test_f091_a_failure_that_is_told_again_does_not_grow() -> None:
    registry = _registry([_plugin("unilead-acme", ImportError("no module x"))])
    lengths = []
    for _ in range(4):
        with pytest.raises(ProviderLoadError) as caught:
            registry.get("acme")
        assert isinstance(caught.value.__cause__, ImportError)
        lengths.append(len(caught.traceback))
    assert lengths[1] == lengths[3], "each time the traceback of all earlier ones would be kept in memory"


def test_f098_a_misspelt_hook_is_refused_by_name() -> None:
    registry = _registry([_plugin("unilead-acme", make_plugin(biuld_request=lambda lead: None))])
    with pytest.raises(ProviderLoadError, match="biuld_request"):
        registry.get("acme")


def test_f098_a_misspelt_argument_is_refused_by_name() -> None:
    with pytest.raises(ProviderLoadError, match="laed"):
        _registry([_plugin("unilead-acme", make_plugin(build_request=lambda laed: None))]).get("acme")


def test_f098_an_async_hook_is_refused() -> None:
    async def build_request(lead: Lead) -> None: ...

    with pytest.raises(ProviderLoadError, match="build_request is async"):
        _registry([_plugin("unilead-acme", make_plugin(build_request=build_request))]).get("acme")


def test_f098_default_values_are_refused() -> None:
    def build_request(lead: Lead, settings: Any = None) -> None: ...

    with pytest.raises(ProviderLoadError, match="default values"):
        _registry([_plugin("unilead-acme", make_plugin(build_request=build_request))]).get("acme")


def test_f099_a_plugin_for_newer_hooks_says_so() -> None:
    module = make_plugin()
    module.UNILEAD_HOOK_API = 99  # type: ignore[attr-defined]
    with pytest.raises(ProviderLoadError, match="needs hook version 99"):
        _registry([_plugin("unilead-acme", module)]).get("acme")


@pytest.mark.parametrize("names", [("unilead-acme", "acme-fork"), ("acme-fork", "unilead-acme")])
def test_s039_two_distributions_for_a_slug_are_a_conflict(names: tuple[str, str]) -> None:
    registry = _registry([_plugin(name, make_plugin()) for name in names])
    with pytest.raises(ProviderConflictError) as caught:
        registry.get("acme")
    assert all(name in str(caught.value) for name in names)
    assert "UNILEAD_DISABLE" in str(caught.value)


def test_s041_order_is_the_applications() -> None:
    module = make_plugin()
    module.build_request = hookimpl(tryfirst=True)(lambda lead: None)  # type: ignore[attr-defined]
    with pytest.raises(ProviderLoadError, match="tryfirst"):
        _registry([_plugin("unilead-acme", module)]).get("acme")


def test_an_override_takes_one_hook_and_leaves_the_others() -> None:
    override = _override(validate_required=lambda lead: [Problem("title", "missing", "is required here")])
    provider = _registry([_plugin("unilead-acme", make_plugin())], [_plugin("acme-eu", override)]).get("acme")
    settings = provider.settings({"token": "x"})
    assert [problem.field for problem in provider.missing(Lead(last_name="A"), settings)] == ["title"]
    assert provider.compose(Lead(last_name="A"), settings).json == {"prospect": {"surname": "A"}}


def test_a_declining_override_falls_through() -> None:
    override = _override(validate_required=lambda lead: None)
    provider = _registry([_plugin("unilead-acme", make_plugin())], [_plugin("acme-eu", override)]).get("acme")
    assert [problem.field for problem in provider.missing(Lead(), provider.settings({"token": "x"}))] == ["last_name"]


def test_two_overrides_need_the_applications_order() -> None:
    def naming(field: str) -> ModuleType:
        return _override(validate_required=lambda lead: [Problem(field, "missing", "is required")])

    overrides = [_plugin("acme-eu", naming("a")), _plugin("acme-us", naming("b"))]
    with pytest.raises(ProviderConflictError, match=r"acme-eu 1\.0 and acme-us 1\.0"):
        _registry([_plugin("unilead-acme", make_plugin())], overrides).get("acme")
    for order, field in ((["acme-eu", "acme-us"], "b"), (["acme-us", "acme_eu"], "a")):
        registry = _registry([_plugin("unilead-acme", make_plugin())], list(overrides), order=order)
        provider = registry.get("acme")
        assert provider.missing(Lead(), provider.settings({"token": "x"}))[0].field == field
        assert [plugin.distribution for plugin in registry.overrides("acme")] == [n.replace("_", "-") for n in order]


def test_what_the_application_registers_is_asked_first() -> None:
    override = _override(validate_required=lambda lead: [Problem("a", "missing", "is required")])
    registry = _registry([_plugin("unilead-acme", make_plugin())], [_plugin("acme-eu", override)])
    registry.register("acme", _override(validate_required=lambda lead: []))
    provider = registry.get("acme")
    assert provider.missing(Lead(), provider.settings({"token": "x"})) == []


def test_a_refused_registration_changes_nothing() -> None:
    registry = EmptyRegistry()
    registry.register("acme", make_plugin())
    before = registry.get("acme")
    with pytest.raises(ProviderLoadError):
        registry.register("acme", _override(no_such_hook=lambda: None))
    assert registry.get("acme") is before


def test_s042_a_wrapper_sees_only_its_own_provider() -> None:
    seen: list[str] = []
    registry = EmptyRegistry()
    registry.register("acme", make_plugin())
    registry.register("other", make_plugin(describe=lambda: make_info(slug="other")))
    spy = ModuleType("spy")

    @hookimpl(wrapper=True, tryfirst=True)
    def build_request(lead: Lead) -> Any:
        seen.append(lead.last_name or "")
        return (yield)

    spy.build_request = build_request  # type: ignore[attr-defined]
    registry.register("acme", spy)
    for slug in ("acme", "other"):
        provider = registry.get(slug)
        provider.compose(Lead(last_name=slug), provider.settings({"token": "x"}))
    assert seen == ["acme"]


def test_an_unknown_slug_gets_a_suggestion() -> None:
    registry = EmptyRegistry()
    registry.register("acme", make_plugin())
    with pytest.raises(UnknownProviderError, match="did you mean acme"):
        registry.get("acmee")
    with pytest.raises(UnknownProviderError, match="did you mean acme"):
        registry.get("ACME")


def test_a_slug_nobody_serves_is_no_reason_to_install_something_of_that_name() -> None:
    with pytest.raises(UnknownProviderError) as caught:
        EmptyRegistry().get("no-such-crm")
    assert "pip install" not in str(caught.value)


def test_disabled_providers_are_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UNILEAD_DISABLE", "acme, other")
    assert _registry([_plugin("unilead-acme", make_plugin())]).slugs == ()


@pytest.mark.parametrize("name", ["Unilead_Acme", "acme"])
def test_what_is_left_out_by_its_distribution_or_slug_is_called_disabled(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UNILEAD_DISABLE", f"{name},acne")
    monkeypatch.setattr(
        "unilead.registry.installed_plugins",
        lambda groups: {group: [_plugin("unilead-acme", make_plugin())] for group in groups},
    )
    registry = Registry()
    assert registry.slugs == ()
    assert registry.idle_disables == ("acne",)
    with pytest.raises(UnknownProviderError, match="is disabled: unilead-acme") as caught:
        registry.get("acme")
    assert "UNILEAD_DISABLE" in str(caught.value)


class _NoSettings(BaseModel):
    token: str


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"settings": _NoSettings}, "settings that do not inherit from Settings"),
        (
            {"auth": HeaderAuth("Authorization", "Bearer {tokn}")},
            "'tokn', which AcmeSettings does not have",
        ),
        ({"base_url": "https://{region}.acme.example"}, "the setting 'region'"),
        ({"allowed_hosts": "api.acme.example"}, "as one text"),
        ({"allowed_hosts": (r"api\.(acme",)}, "no regular expression"),
    ],
)
def test_a_data_sheet_at_fault_is_refused_when_the_provider_is_loaded(changes: dict[str, Any], said: str) -> None:
    plugin = make_plugin(describe=lambda: make_info(**changes))
    with pytest.raises(HookContractError, match=said):
        EmptyRegistry().register("acme", plugin)


def test_a_provider_that_describes_another_slug_is_refused() -> None:
    with pytest.raises(HookContractError, match="describes 'acme'"):
        EmptyRegistry().register("wrong", make_plugin())
