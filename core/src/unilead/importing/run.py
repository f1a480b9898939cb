"""One import: rows of a file become leads in a CRM, and each verdict goes to the ledger."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from unilead.account import Account
from unilead.bulk import Verdict
from unilead.client import Client
from unilead.errors import LeadError
from unilead.exchange import Result
from unilead.importing.columns import Columns
from unilead.importing.files import FileError, fingerprint
from unilead.importing.key import ImportKey, is_begun
from unilead.importing.ledger import STATUSES, Ledger, LedgerError, Status, totals
from unilead.importing.places import choose
from unilead.importing.readers import Reader
from unilead.in_flight import Creating

Entry: TypeAlias = tuple[Status, str | None, Mapping[str, Any] | None, Sequence[str]]

WAY_OUT = "what was marked and has no verdict is unknown; --resume goes on once this is mended"


@dataclass(frozen=True, slots=True)
class Again:
    """Which rows of an earlier run are sent.

    Attributes:
        resume: go on where it ended: what was not sent is sent, what has a verdict is left alone.
        unknown: send those again that may exist in the CRM; only a person who has looked can know.
        rejected: send those again that the CRM refused.
    """

    resume: bool = False
    unknown: bool = False
    rejected: bool = False

    @property
    def any(self) -> bool:
        """Whether an earlier run is gone on with at all."""
        return self.resume or self.unknown or self.rejected

    def sends(self, status: Status | None) -> bool:
        """Whether a row of this status is sent."""
        wanted = {None: True, "not_sent": True, "unknown": self.unknown, "rejected": self.rejected, "created": False}
        return wanted[status]


class AlreadyImportedError(FileError):
    """This very file was imported into this account before; nothing was sent.

    Attributes:
        summary: what became of its rows then, as of `Import.run`.
        columns: which column went where.
        ledger: its results, closed; what they hold of each row can still be read.
    """

    def __init__(self, message: str, *, summary: dict[str, Any], columns: Columns, ledger: Ledger, hint: str) -> None:
        super().__init__(message, hint=hint)
        self.summary = summary
        self.columns = columns
        self.ledger = ledger


def results_path(file: Path) -> Path:
    """Where the results of a file's import are kept unless told otherwise. Raises: FileError for a folder."""
    if not file.name:
        raise FileError(f"{file} is a folder")
    return file.with_name(file.name + ".results.jsonl")


def prepare(
    reader: Reader,
    file: Path,
    results: Path,
    *,
    provider: str,
    account: str,
    mapping: Iterable[str] = (),
    again: Again = Again(),
) -> tuple[Columns, Ledger]:
    """Decide which column goes where, and open the ledger.

    Raises: AlreadyImportedError when it was imported before and ``again`` does not say to go on; FileError when the
        results there are of another file or account, when there is nothing to go on with, or the mapping cannot be.
    """
    found = fingerprint(file)
    reader.check_unchanged()  # else the fingerprint would be that of another file than the one looked through
    key = ImportKey(sha256=found.sha256, read_as=reader.read_as, provider=provider, account=account)
    earlier = _earlier(results, key, again)
    columns = columns_of(reader, mapping, earlier["map"] if earlier is not None else None)
    with ExitStack() as opened:
        ledger = opened.enter_context(Ledger(results, fresh=earlier is None))
        if earlier is not None:
            _check_same(results, earlier)
        if earlier is not None and not again.any:
            counts = summary(ledger, reader.count)
            raise AlreadyImportedError(
                _finding(file, counts), summary=counts, columns=columns, ledger=ledger, hint=_way_on(results, counts)
            )
        if earlier is None or earlier["map"] != columns.chosen:
            name = file.name.encode("utf-8", "replace").decode()
            ImportKey(file=name, **key, map=columns.chosen).write(results, fresh=earlier is None)
        opened.pop_all()
    return columns, ledger


def _check_same(results: Path, earlier: ImportKey) -> None:
    """Make sure, now that the results are held, that they are still those of the import that was looked at."""
    if ImportKey.read(results) != earlier:
        hint = "wait for it, and see what it did"
        raise FileError(f"results file {results}: another import has just begun it", hint=hint)


def columns_of(reader: Reader, mapping: Iterable[str], saved: Mapping[str, str] | None = None) -> Columns:
    """Decide which column goes where; see `choose`. Raises: FileError."""
    if not reader.columns:
        if any(mapping):
            raise FileError("--map is for files with columns; here each line is a lead, in unified words")
        return Columns((), {})
    chosen = choose(reader.columns, mapping, saved, reader.nested)
    columns = Columns(reader.columns, chosen, nested=bool(reader.nested))
    reader.left_out = frozenset(map(reader.columns.index, columns.ignored))
    return columns


def _earlier(results: Path, key: ImportKey, again: Again) -> ImportKey | None:
    """The key of the earlier run that these results are of, if there are any."""
    if not is_begun(results):
        if again.any and not results.exists():
            hint = "leave --resume out to begin; if it was moved or deleted, put it back first"
            raise FileError(f"there is nothing to go on with: {results} is not there", hint=hint)
        return None
    earlier = ImportKey.read(results)
    differences = earlier.differences(key)
    if "sha256" in differences:
        hint = "the rows are told apart by their place, so go on with the file as it was; or --results for a new file"
        raise FileError(f"{results} holds the results of this file as it was before it changed", hint=hint)
    if "read_as" in differences:
        then = ", ".join(f"--{name} {value!r}" for name, value in earlier["read_as"].items())
        raise FileError(
            f"{results} holds the results of this file read in another way", hint=f"it was read with {then}"
        )
    if differences:
        hint = f"--results FILE keeps those of this account apart; or move {results.name} away, if they are of no use"
        raise FileError(f"{results} holds the results of another {' and '.join(differences)}", hint=hint)
    return earlier


def _finding(file: Path, counts: Mapping[str, Any]) -> str:
    found = ", ".join(f"{counts[status]} {status.replace('_', ' ')}" for status in STATUSES)
    return f"{file} was imported before ({found}); nothing was sent"


def _way_on(results: Path, counts: Mapping[str, Any]) -> str:
    refused = ", --retry-rejected also what was refused" if counts["rejected"] else ""
    return f"--resume sends what was not sent{refused}; to import the whole file anew, move {results.name} away"


class Import:
    """Sends the rows of a file that are to be sent.

    Args:
        seen: called after each verdict, with the row's status; for progress.

    Attributes:
        stopped_by: why it ended before its last row: what the CRM says about the account, or that the outcome of many
            requests in a row is unknown, for then every further row would only add to what has to be looked up.
    """

    def __init__(
        self,
        reader: Reader,
        columns: Columns,
        ledger: Ledger,
        client: Client,
        account: Account,
        *,
        concurrency: int = 4,
        again: Again = Again(),
        seen: Callable[[Status], None] = lambda status: None,
    ) -> None:
        self._reader = reader
        self._columns = columns
        self._ledger = ledger
        self._client = client
        self._account = account
        self._concurrency = concurrency
        self._again = again
        self._seen = seen
        self._creating: Creating | None = None
        self._stopping = False
        self.stopped_by: LeadError | None = None
        self._in_doubt: set[int] = set()  # rows on their way that an earlier run may have created

    def stop(self) -> None:
        """Send nothing more; the requests in flight go on to their verdicts. For signal handlers."""
        self._stopping = True
        if self._creating is not None:
            self._creating.stop()

    def run(self) -> dict[str, Any]:
        """Send, and write each verdict down.

        Returns: ``{rows, created, rejected, unknown, not_sent, calls, seconds, results}``, counted over all runs.
        Raises: FileError when the file changes or breaks, or the ledger cannot be written. What has a verdict keeps
            it, and what was marked stays ``unknown``.
        """
        begun = time.monotonic()
        self._creating = creating = self._client.create_many(
            self._pending(), self._account, concurrency=self._concurrency, numbered=True, before_send=self._ledger.mark
        )
        try:
            for row, verdict in creating:
                self._judge(row, verdict)
                self.stopped_by = self.stopped_by or creating.closed
                if self.stopped_by is not None:
                    self.stop()
        except LedgerError as fault:
            creating.close()
            raise self._broken_off(fault) from None
        except OSError as fault:
            reason = f"{fault.filename or self._ledger.path}: {fault.strerror or type(fault).__name__}"
            raise FileError(reason, hint=WAY_OUT) from None
        finally:
            creating.close()
        return summary(self._ledger, self._reader.count, creating.calls, time.monotonic() - begun)

    def _pending(self) -> Iterator[tuple[int, Any]]:
        for row, (where, cells) in enumerate(self._reader.rows(), 1):
            if self._stopping:
                return
            status = self._ledger.states[row]
            if self._again.sends(status):
                if status == "unknown":
                    self._in_doubt.add(row)
                yield row, self._columns.lead(where, cells)

    def _judge(self, row: int, verdict: Verdict) -> None:
        if row in self._in_doubt:
            self._in_doubt.discard(row)
            status, lead_id, error, dropped = _still_in_doubt(verdict)
        else:
            status, lead_id, error, dropped = entry_of(verdict)
        self._ledger.judge(row, status, lead_id, error, dropped)
        self._seen(status)

    def _broken_off(self, fault: LedgerError) -> FileError:
        rows = self._ledger.states.counts["unknown"]
        doubt = f"{rows} {'row is' if rows == 1 else 'rows are'} in doubt" if rows else "no row is in doubt"
        return FileError(
            f"results file {fault.filename}: {fault.strerror}; nothing more was sent, {doubt}", hint=WAY_OUT
        )


def summary(ledger: Ledger, rows: int, calls: int = 0, seconds: float = 0.0) -> dict[str, Any]:
    """What is known of all rows of a file."""
    about = {"calls": calls, "seconds": round(seconds, 3), "results": str(ledger.path)}
    return totals(ledger.states, rows) | about


def entry_of(verdict: Verdict) -> Entry:
    """A verdict as the ledger has it: status, the new lead's id, the error, and what of the row was left out."""
    if isinstance(verdict, Result):
        return "created", verdict.id, None, verdict.dropped + verdict.unknown
    return verdict.outcome, None, verdict.document(), ()


def _still_in_doubt(verdict: Verdict) -> Entry:
    """As `entry_of`, for a row that an earlier run may have created: only an answer to its second send ends that."""
    entry = entry_of(verdict)
    if not isinstance(verdict, LeadError) or (verdict.outcome == "rejected" and verdict.response is not None):
        return entry
    message = f"it may exist since an earlier run; in this one: {verdict.message}"
    return "unknown", None, {**verdict.document(), "message": message, "outcome": "unknown"}, ()
