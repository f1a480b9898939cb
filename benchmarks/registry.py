"""Picking a provider and calling its hooks, with one plugin installed and with a hundred.

The plugins are made up: a module and the metadata of a distribution each, in a folder on ``sys.path``.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.measure import Sample, choice, head, interleave, row

MODULE = """
from unilead import CreatedLead, Field, FieldMap, HeaderAuth, ProviderInfo, Request, SecretStr, Settings, hookimpl

FIELDS = FieldMap(Field("last_name", "surname", required=True), Field("first_name", "given_name"))

class Own(Settings):
    token: SecretStr

INFO = ProviderInfo(
    slug="{slug}", title="{slug}", base_url="https://api.{slug}.example", allowed_hosts=(r"api\\.{slug}\\.example",),
    auth=HeaderAuth("Authorization", "Bearer {{token}}"), settings=Own, fields=FIELDS,
)

@hookimpl
def describe():
    return INFO

@hookimpl
def validate_required(lead):
    return FIELDS.missing(lead)

@hookimpl
def build_request(lead, settings):
    record, dropped = FIELDS.render(lead, settings)
    return Request("POST", "/leads", json=record, dropped=dropped)

@hookimpl
def parse_response(response):
    return CreatedLead(id=response.json["id"])
"""
CALLS = """
import sys, time
sys.path.insert(0, {folder!r})
from unilead import Lead, Registry, Response
first = time.process_time()
registry = Registry()
provider = registry.get("made-up-0")
first = time.process_time() - first
settings, lead, response = provider.settings({{"token": "t"}}), Lead(last_name="Okafor"), Response.of(201, {{"id": 1}})

def call():
    provider = registry.get("made-up-0")
    provider.parse_response(response, provider.build_request(lead, settings), settings)

for _ in range(200):
    call()
later = time.process_time()
for _ in range({calls}):
    call()
later = time.process_time() - later
print(first * 1e6, later / {calls} * 1e6)
"""


@dataclass(frozen=True)
class Timed:
    """CPU µs of the first look-up, with discovery and import, and of each later one, with its three hooks."""

    first: float
    later: float


def install(folder: Path, count: int) -> None:
    """Make so many plugins up."""
    for number in range(count):
        slug, module = f"made-up-{number}", f"unilead_made_up_{number}"
        (folder / f"{module}.py").write_text(MODULE.format(slug=slug), encoding="utf-8")
        info = folder / f"unilead_made_up_{number}-1.0.dist-info"
        info.mkdir()
        metadata = f"Metadata-Version: 2.1\nName: unilead-made-up-{number}\nVersion: 1.0\n"
        (info / "METADATA").write_text(metadata, encoding="utf-8")
        (info / "entry_points.txt").write_text(f"[unilead.providers]\n{slug} = {module}\n", encoding="utf-8")


def measure(folder: Path, calls: int) -> Timed:
    """Time one fresh process."""
    code = CALLS.format(folder=str(folder), calls=calls)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    first, later = map(float, done.stdout.split())
    return Timed(first, later)


def main() -> None:
    run = choice("Picking and calling a provider, with one plugin installed and with a hundred")
    with TemporaryDirectory() as one, TemporaryDirectory() as hundred:
        folders: Mapping[str, Path] = {"1": Path(one), "100": Path(hundred)}
        for count, folder in folders.items():
            install(folder, int(count))
        taken: dict[str, list[Timed]] = {}

        def sample(count: str, what: str) -> Sample:
            if what == "first":
                taken.setdefault(count, []).append(measure(folders[count], 20_000 if run.is_full else 5_000))
            cpu = getattr(taken[count][-1], what)
            return Sample(cpu, cpu)

        found = interleave(
            {f"{what}, {count}": partial(sample, count, what) for count in folders for what in ("first", "later")},
            run.rounds,
        )
    head("plugins", "first look-up, CPU µs", "times that with 1", "pick and call, CPU µs", "times that with 1")
    for count in folders:
        ratios = {what: found.cpu_ratio(f"{what}, {count}", f"{what}, 1") for what in ("first", "later")}
        first, later = found.cpu(f"first, {count}"), found.cpu(f"later, {count}")
        row(count, first, ratios["first"], later, ratios["later"])


if __name__ == "__main__":
    main()
