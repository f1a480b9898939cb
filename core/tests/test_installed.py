"""What is installed, as its metadata tells it: archives, namesakes, remnants, and the same answer as the long way."""

from __future__ import annotations

import email
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import importlib_metadata
import pytest

from unilead import Plugin
from unilead.installed import headers, installed_plugins

GROUP = "acme.tests"  # nothing else that is installed has it
NAMED = "Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n\n# About\n\nName: not this one\n"


def _install(folder: Path, name: str, *, version: str = "1.0", points: str = "", metadata: str | None = NAMED) -> None:
    """Leave what pip leaves of a distribution; without metadata what an interrupted removal leaves."""
    info = folder / f"{name.replace('-', '_')}-{version}.dist-info"
    info.mkdir(parents=True)
    (info / "entry_points.txt").write_text(points, encoding="utf-8")
    if metadata is not None:
        (info / "METADATA").write_text(metadata.format(name=name, version=version), encoding="utf-8")


def _points(slug: str = "acme", module: str = "acme_module") -> str:
    return f"[console_scripts]\nacme = acme:main\n\n[{GROUP}]\n{slug} = {module}\n"


def _found(monkeypatch: pytest.MonkeyPatch, *places: Path | str) -> list[tuple[str, str, str]]:
    monkeypatch.setattr(sys, "path", [*map(str, places), *sys.path])
    return [(plugin.slug, plugin.distribution, plugin.version) for plugin in installed_plugins([GROUP])[GROUP]]


def test_all_that_is_installed_here_is_found_as_the_long_way_finds_it() -> None:
    found = installed_plugins(["unilead.providers", "pytest11"])
    for group, plugins in found.items():
        long_way = [
            Plugin(point.name, point.dist.metadata["Name"], point.dist.metadata["Version"], point.value, point)
            for point in importlib_metadata.entry_points(group=group)
            if point.dist is not None
        ]
        assert sorted(map(str, plugins)) == sorted(map(str, long_way))
        assert set(plugins) == set(long_way)
        assert plugins


def test_headers_are_those_that_the_email_package_reads() -> None:
    for distribution in importlib_metadata.distributions():
        text = distribution.read_text("METADATA") or ""
        long_way = email.message_from_string(text)
        found = headers(text)
        assert (found.get("name"), found.get("version")) == (long_way["Name"], long_way["Version"])


@pytest.mark.parametrize(
    "text", ["Name: a\nName: b\n\n", "NAME:a\n  Name: b\nVersion:  1 \n\nName: c", "\nName: a", ""]
)
def test_odd_headers_are_read_as_the_email_package_reads_them(text: str) -> None:
    name = email.message_from_string(text)["Name"]
    assert headers(text).get("name") == (name and name.partition("\n")[0])


@pytest.mark.parametrize("first", [_points(module="earlier"), "", "[console_scripts]\nx = y:z\n"])
def test_the_first_of_several_namesakes_counts_whatever_it_has(
    first: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _install(tmp_path / "a", "acme-crm", version="2.0", points=first)
    _install(tmp_path / "b", "Acme.CRM", version="1.0", points=_points())
    found = _found(monkeypatch, tmp_path / "a", tmp_path / "b")
    assert found == ([("acme", "acme-crm", "2.0")] if GROUP in first else [])
    assert len(importlib_metadata.entry_points(group=GROUP)) == len(found)


def test_a_folder_that_is_named_twice_counts_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _install(tmp_path, "acme-crm", points=_points())
    monkeypatch.chdir(tmp_path)
    assert _found(monkeypatch, tmp_path, tmp_path / "gone.zip", "", f"{tmp_path}/.") == [("acme", "acme-crm", "1.0")]


def test_two_distributions_for_a_slug_are_both_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _install(tmp_path, "acme-crm", points=_points())
    _install(tmp_path, "acme-fork", points=_points(module="fork"))
    assert sorted(_found(monkeypatch, tmp_path)) == [("acme", "acme-crm", "1.0"), ("acme", "acme-fork", "1.0")]


def test_remnants_without_metadata_count_for_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _install(tmp_path / "a", "acme-crm", version="0.9", points=_points(module="remnant"), metadata=None)
    assert _found(monkeypatch, tmp_path / "a") == []
    _install(tmp_path / "b", "acme-crm", points=_points())
    assert _found(monkeypatch, tmp_path / "a", tmp_path / "b") == [("acme", "acme-crm", "1.0")]


def test_metadata_without_a_name_names_the_module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _install(tmp_path, "acme-crm", points=_points(), metadata="Metadata-Version: 2.1\n")
    assert _found(monkeypatch, tmp_path) == [("acme", "acme_module", "")]


def test_editable_egg_info_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    info = tmp_path / "acme_crm.egg-info"
    info.mkdir()
    (info / "PKG-INFO").write_text(NAMED.format(name="acme-crm", version="3"), encoding="utf-8")
    (info / "entry_points.txt").write_text(_points(), encoding="utf-8")
    assert _found(monkeypatch, tmp_path) == [("acme", "acme-crm", "3")]


def test_zipped_eggs_and_wheels_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    archives = {"acme_crm-1.0-py3.11.egg": "EGG-INFO/PKG-INFO", "other.whl": "other-1.0.dist-info/METADATA"}
    for archive, metadata in archives.items():
        name = archive.partition("-")[0].partition(".")[0]
        with zipfile.ZipFile(tmp_path / archive, "w") as file:
            file.writestr(metadata, NAMED.format(name=name, version="1.0"))
            file.writestr(f"{metadata.partition('/')[0]}/entry_points.txt", _points(slug=name))
    found = _found(monkeypatch, *(tmp_path / archive for archive in archives))
    assert found == [("acme_crm", "acme_crm", "1.0"), ("other", "other", "1.0")]


def test_a_finder_of_somebodys_own_is_asked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    class Distribution(importlib_metadata.Distribution):
        @property
        def metadata(self) -> Any:
            return email.message_from_string(NAMED.format(name="made-up", version="7"))

        def read_text(self, filename: Any) -> str | None:
            return _points() if filename == "entry_points.txt" else None

        def locate_file(self, path: Any) -> Any:
            raise NotImplementedError

    class Finder:
        def find_spec(self, *args: Any) -> None: ...

        def find_distributions(self, context: Any) -> Iterator[Distribution]:
            yield Distribution()  # whatever the path

    monkeypatch.setattr(sys, "meta_path", [*sys.meta_path, Finder()])
    assert _found(monkeypatch, tmp_path, tmp_path.parent) == [("acme", "made-up", "7")]
