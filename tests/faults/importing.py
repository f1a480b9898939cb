"""An import in a process of its own, to be killed.

Run as ``python importing.py SLUG ORIGIN FILE [POINT ROW]``. Goes on where an earlier run ended. Prints ``begun`` before
the first row and the summary at the end. With a point it kills itself there, once that row is reached: ``before_mark``,
``after_mark``, ``after_send``, ``after_answer`` or ``after_verdict``; or, for row 0, ``before_key``.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from unilead import Account, Client, Registry
from unilead.importing.key import ImportKey
from unilead.importing.ledger import Ledger
from unilead.importing.readers import open_reader
from unilead.importing.run import Again, Import, prepare, results_path


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


class Point:
    """Kills this process at one step of the row that is to die, and not before."""

    def __init__(self, name: str, row: int) -> None:
        self.name = name
        self.row = row
        self.armed = False

    def reached(self, name: str, rows: Sequence[int] = ()) -> None:
        if self.row in rows:
            self.armed = True
        if self.armed and name == self.name:
            die()


class Watched(Ledger):
    """A ledger that dies before, between or after its writes."""

    point: Point

    def mark(self, rows: Sequence[int]) -> None:
        self.point.reached("before_mark", rows)
        super().mark(rows)
        self.point.reached("after_mark", rows)

    def judge(self, row: int, *rest: Any) -> None:
        super().judge(row, *rest)
        self.point.reached("after_verdict", [row])


class Dying:
    """A transport that dies while the CRM has the request, or when its answer is there."""

    def __init__(self, point: Point, send: Callable[..., Any]) -> None:
        self.point = point
        self._send = send

    def send(self, request: Any, **options: Any) -> Any:
        if self.point.armed and self.point.name == "after_send":
            threading.Timer(0.1, die).start()  # the CRM takes longer than this to answer
        answer = self._send(request, **options)
        self.point.reached("after_answer")
        return answer

    def close(self) -> None: ...


def main(slug: str, origin: str, name: str, point: Point) -> None:
    registry = Registry(overrides=False)
    account = Account(slug, registry.get(slug).simulator().sample_settings, id="1")
    file = Path(name)
    results = results_path(file)
    again = Again(resume=results.exists())
    reader = open_reader(file)
    if point.name == "before_key":
        ImportKey.write = lambda *arguments, **options: die()  # type: ignore[method-assign]
    columns, ledger = prepare(reader, file, results, provider=slug, account="1", again=again)
    ledger.__class__ = Watched
    ledger.point = point  # type: ignore[attr-defined]
    sys.stdout.write("begun\n")
    sys.stdout.flush()
    with Client(registry=registry, base_url=origin, allow_private=True) as client:
        client._driver._transport = Dying(point, client._driver.open().send)
        concurrency = 1 if point.name else 4
        summary = Import(reader, columns, ledger, client, account, concurrency=concurrency, again=again).run()
    ledger.close()
    sys.stdout.write(json.dumps(summary) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:4], Point(sys.argv[4], int(sys.argv[5])) if len(sys.argv) > 4 else Point("", 0))  # type: ignore[misc]
