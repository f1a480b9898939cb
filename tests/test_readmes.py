"""Each plugin's README says what its users need, and says it as the provider is."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from docs.site.feature_tables import BEGIN, END, feature_table, with_table
from tests.members import PLUGINS, slug_of
from unilead import OAuth2, Registry
from unilead.account_files import account_of

REGISTRY = Registry(overrides=False)
SECTIONS = ["Account", "Credentials", "Features", "Where the fields go", "Good to know"]
plugins = pytest.mark.parametrize("plugin", PLUGINS, ids=slug_of)


def readme_of(plugin: Path) -> str:
    return (plugin / "README.md").read_text(encoding="utf-8")


@plugins
def test_the_feature_table_is_current(plugin: Path) -> None:
    text = readme_of(plugin)
    assert text == with_table(text, feature_table(REGISTRY.get(slug_of(plugin)))), "run docs/site/feature_tables.py"


@plugins
def test_the_sections_are_there_in_this_order(plugin: Path) -> None:
    found = re.findall(r"^## (.+)$", readme_of(plugin), re.MULTILINE)
    assert [title for title in found if title in SECTIONS] == SECTIONS
    title = REGISTRY.get(slug_of(plugin)).info.title
    words = title.split()
    ends = [f"Where {word} and the unified schema differ" for word in (title, words[0], words[-1])]
    assert any(end in found for end in ends)


@plugins
def test_the_install_brings_the_command_that_the_readme_goes_on_with(plugin: Path) -> None:
    assert f"pip install 'unilead[cli]' unilead-{slug_of(plugin)}\n" in readme_of(plugin)


@plugins
def test_every_setting_is_explained(plugin: Path) -> None:
    rows = re.findall(r"^\| (`.+?) \|", readme_of(plugin), re.MULTILINE)
    named = {name for row in rows for name in re.findall(r"`(\w+)`", row)}
    assert set(REGISTRY.get(slug_of(plugin)).info.settings.model_fields) <= named


@plugins
def test_the_account_in_the_readme_is_accepted(plugin: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = re.search(r"```toml\n(.*?)```", readme_of(plugin), re.DOTALL)[1]
    for name in re.findall(r"env:(\w+)", text):
        monkeypatch.setenv(name, "x" * 40)
    account = account_of(tomllib.loads(text), plugin)
    provider = REGISTRY.get(account.provider)
    assert account.provider == slug_of(plugin)
    assert provider.base_url(provider.settings_of(account)).startswith("https://")


@plugins
def test_scopes_are_named_where_there_are_any(plugin: Path) -> None:
    text = readme_of(plugin)
    assert "scopes" in text.lower()
    schemes = REGISTRY.get(slug_of(plugin)).info.auth_schemes
    for scope in (scope for scheme in schemes if isinstance(scheme, OAuth2) for scope in scheme.scopes):
        family = scope.rpartition(".")[0].rpartition(".")[2]
        assert f"`{scope}`" in text or (family in ("contacts", "companies") and family in text), scope


def test_a_readme_without_its_marks_is_refused() -> None:
    for text in ("", BEGIN, f"{END} {BEGIN} {BEGIN}"):
        with pytest.raises(ValueError, match="once each"):
            with_table(text, "table")
