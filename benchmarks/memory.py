"""An import streams: peak memory from 10,000 rows up, and rows per second against plain ``csv`` and ``model_validate``.

Each size runs in a process of its own, the whole way: file, columns, leads, batches, verdicts, ledger. What sends
answers each batch at once and keeps nothing. Goals L006 and L007.
"""

from __future__ import annotations

import csv
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.measure import choice, head, interleave, row, timed
from unilead import Lead
from unilead.importing.readers import open_reader
from unilead.importing.run import columns_of

COLUMNS = ("first_name", "last_name", "title", "lead_source", "description")
WHOLE_WAY = """
import resource, sys
from pathlib import Path
from benchmarks.memory import send
from unilead import Account, Client, Registry
from unilead.importing.readers import open_reader
from unilead.importing.run import Import, prepare

registry, file = Registry(), Path(sys.argv[1])
settings = registry.get("zoho-crm").simulator().sample_settings
reader = open_reader(file)
columns, ledger = prepare(reader, file, file.with_suffix(".results"), provider="zoho-crm", account="a")
with Client(registry=registry, transport=send()) as client:
    counts = Import(reader, columns, ledger, client, Account("zoho-crm", settings, "a")).run()
assert counts["created"] == counts["rows"] == int(sys.argv[2]), counts
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def write(path: Path, count: int) -> Path:
    """Write a file with so many rows."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        writer.writerows(
            (f"First {number}", f"Last {number}", "Head of Procurement", "Web", "Wants a quote by Friday")
            for number in range(count)
        )
    return path


def send() -> object:
    """Make what answers Zoho's batch insert at once."""
    from unilead import Request, Response

    row = '{"code":"SUCCESS","details":{"id":"%d"},"message":"record added","status":"success"}'

    class Sending:
        sent = 0

        def send(self, request: Request, **options: object) -> Response:
            count = len(request.json["data"])
            rows = ",".join(row % (self.sent + number + 1) for number in range(count))
            self.sent += count
            return Response(201, {"content-type": "application/json"}, b'{"data":[%s]}' % rows.encode())

        def close(self) -> None:
            pass

    return Sending()


def peak(folder: Path, count: int) -> float:
    """Peak memory of one import of so many rows, in MB."""
    file = write(folder / f"{count}.csv", count)
    done = subprocess.run(
        [sys.executable, "-c", WHOLE_WAY, str(file), str(count)], capture_output=True, text=True, check=True
    )
    return int(done.stdout) / 1024


def plain(path: Path) -> Iterator[Lead]:
    """What a script of ten lines does: every cell straight into the model."""
    with path.open(newline="", encoding="utf-8") as file:
        for cells in csv.DictReader(file):
            yield Lead.model_validate(cells)


def bare(path: Path) -> Iterator[Lead]:
    """The same with the faster reader."""
    with path.open(newline="", encoding="utf-8") as file:
        rows = csv.reader(file)
        names = next(rows)
        for cells in rows:
            yield Lead.model_validate(dict(zip(names, cells, strict=True)))


def ours(path: Path) -> Iterator[object]:
    """The importer's reading, checks included."""
    reader = open_reader(path)
    columns = columns_of(reader, ())
    return (columns.lead(where, cells) for where, cells in reader.rows())


def drain(read: object, path: Path) -> None:
    for _ in read(path):  # type: ignore[operator]
        pass


def main() -> None:
    run = choice("An import streams: memory and rows per second")
    sizes = (10_000, 100_000, 1_000_000) if run.is_full else (10_000, 50_000)
    with TemporaryDirectory() as temporary:
        folder = Path(temporary)
        head("rows", "peak memory, MB", "times the smallest")
        peaks = {count: peak(folder, count) for count in sizes}
        for count, found in peaks.items():
            row(f"{count:,}", f"{found:.0f}", f"{found / peaks[sizes[0]]:.2f}")
        count = 100_000 if run.is_full else 20_000
        file = write(folder / "rows.csv", count)
        ways = {"csv.reader + model_validate": bare, "csv.DictReader + model_validate": plain, "unilead": ours}
        contenders = {name: partial(timed, partial(drain, way, file), count) for name, way in ways.items()}
        rates = interleave(contenders, run.rounds)
        head("reading CSV into leads", "rows/s", "CPU µs per row", "rate, times csv.reader + model_validate")
        for name in ways:
            row(name, rates.rate(name), rates.cpu(name), rates.rate_ratio(name, "csv.reader + model_validate"))


if __name__ == "__main__":
    main()
