"""What the metadata of installed distributions says of plugins; none of them is imported.

``importlib_metadata.entry_points()`` would find the same, but it looks into archives that are not there, and a
distribution's name is then told only by the whole e-mail package: together that costs more than all the reading.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain, takewhile
from pathlib import Path
from typing import TYPE_CHECKING

import importlib_metadata

if TYPE_CHECKING:
    from importlib_metadata import EntryPoint, EntryPoints, IDistribution


@dataclass(frozen=True, slots=True)
class Plugin:
    """An installed provider or override, as its distribution's metadata tells it; nothing is imported.

    Attributes:
        slug: the CRM it serves.
        distribution: name of the distribution.
        version: its version.
        module: what its entry point names.
        entry_point: the entry point, to load it.
    """

    slug: str
    distribution: str
    version: str
    module: str
    entry_point: EntryPoint

    def __str__(self) -> str:
        return f"{self.distribution} {self.version}"


def normal(name: str) -> str:
    """A distribution's name as it is compared."""
    return name.strip().lower().replace("_", "-").replace(".", "-")


def installed_plugins(groups: Collection[str]) -> dict[str, list[Plugin]]:
    """The plugins of each entry-point group.

    Of several distributions with one name only the first on ``sys.path`` counts. One without metadata is what an
    interrupted removal left behind, and counts for nothing.
    """
    found: dict[str, list[Plugin]] = {group: [] for group in groups}
    for points, metadata in _described(groups):
        for point in points:
            if point.group in found:
                name, version = metadata.get("name") or point.value, metadata.get("version") or ""
                found[point.group].append(Plugin(point.name, name, version, point.value, point))
    return found


def _described(groups: Collection[str]) -> Iterator[tuple[EntryPoints, Mapping[str, str]]]:
    """Entry points and metadata of the distributions that have some in the groups, each name once."""
    by_place = {place: list(importlib_metadata.distributions(path=[place])) for place in _places()}
    places = [place for place, distributions in by_place.items() if distributions]
    seen: set[str] = set()
    for distribution in chain.from_iterable(by_place.values()):
        points = distribution.entry_points
        if not any(point.group in groups for point in points):
            continue
        metadata = _metadata(distribution)
        name = metadata.get("name", "")
        if not metadata or normal(name) in seen:
            continue
        if name:
            seen.add(normal(name))
        yield _first_of(name, places) or (points, metadata)


def _places() -> list[str]:
    """The folders and archives of ``sys.path``; most Pythons name an archive there that does not exist."""
    return [place for place in (entry or os.curdir for entry in sys.path) if Path(place).exists()]


def _first_of(name: str, places: list[str]) -> tuple[EntryPoints, Mapping[str, str]] | None:
    """Of several distributions with one name the one that counts, even if it has no entry point of ours."""
    namesakes = list(importlib_metadata.distributions(name=name, path=places)) if name else []
    if len(namesakes) < 2:
        return None
    return next(((one.entry_points, metadata) for one in namesakes if (metadata := _metadata(one))), None)


def _metadata(distribution: IDistribution) -> Mapping[str, str]:
    """Fields of a distribution's metadata, by their names in lower case; none where it has no metadata."""
    text = distribution.read_text("METADATA") or distribution.read_text("PKG-INFO")
    if text:
        return headers(text)
    try:  # an old egg's only file, or what a finder of somebody's own makes up
        metadata = distribution.metadata
    except FileNotFoundError:
        return {}
    return {name.lower(): metadata[name] for name in metadata or ()}  # importlib-metadata 8.7 gives None for missing


def headers(text: str) -> Mapping[str, str]:
    """The fields above the first empty line that take one line each, as name and version do."""
    lines = list(takewhile(bool, text.splitlines()))
    pairs = (line.partition(":") for line in reversed(lines))  # of two the first counts
    return {name.lower(): value.strip() for name, _, value in pairs}
