"""Up to 100 leads with one ``POST …/leads/batch/create``.

With a trace id on every input HubSpot creates the good ones and names each bad one by its trace id; without, one bad
input refuses them all.

Source: https://developers.hubspot.com/docs/api-reference/error-handling (read 2026-11-23).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias, TypeVar

from unilead import CreatedLead, MalformedResponseError, ProviderError, Request, Response, RowVerdict, row_verdict

Row: TypeAlias = dict[str, Any]
TRACE = "objectWriteTraceId"
MOST_TEXT = (
    400_000  # characters of all properties in a batch; each may take 12 bytes of an answer, of which 5 MiB are read
)
T = TypeVar("T")


def told_apart(requests: Sequence[Request]) -> list[int]:
    """Choose the leads of one batch: those of one name must be alike in everything, and their texts fit one answer.

    An answer without trace ids tells by the name alone whose result it is; it holds no contact and no company. It
    repeats every property, and of an answer that is too long to be read nobody knows what became of the leads.
    """
    first: dict[str, Any] = {}
    taken: list[int] = []
    room = MOST_TEXT
    for index, request in enumerate(requests):
        if first.setdefault(_name_of(request.json), request.json) != request.json:
            continue
        room -= _length(request.json)
        if taken and room < 0:
            break
        taken.append(index)
    return taken


def batch_body(requests: Sequence[Request]) -> Row:
    """Join the bodies of single creates; the trace id is the input's place."""
    return {"inputs": [{**request.json, TRACE: f"row-{index}"} for index, request in enumerate(requests)]}


def verdicts(
    response: Response,
    inputs: Sequence[Row],
    *,
    read: Callable[[Response, Row, Row], CreatedLead],
    refuse: Callable[[Response, Row, int], ProviderError],
) -> list[RowVerdict]:
    """Find what became of each input.

    Args:
        response: a 2xx.
        inputs: what was sent.
        read: makes a created lead of its slice of the answer, as an answer and as a record, and of its input.
        refuse: makes an error of its slice of the answer, its input and the input's place.
    Returns: one verdict for each input, in order; unknown for those that no entry of the answer surely belongs to.
    """
    results: list[Any] = response.json.get("results") or []
    errors: list[Any] = response.json.get("errors") or []
    places = {row[TRACE]: index for index, row in enumerate(inputs)}
    refused, _ = _by_trace(errors, places, _failed_trace)
    created, rest = _by_trace(results, places, lambda entry: entry.get(TRACE))
    open_places = [index for index in range(len(inputs)) if index not in refused and index not in created]
    if len(results) + len(errors) == len(inputs):
        created |= _by_name(inputs, open_places, rest)

    def verdict(index: int) -> RowVerdict:
        entries = [*refused.get(index, ()), *created.get(index, ())]
        if len(entries) != 1:
            return MalformedResponseError("the batch's answer does not tell this lead apart", response=response)
        row = response.part(entries[0])
        return row_verdict(
            row,
            lambda: refuse(row, inputs[index], index) if index in refused else read(row, entries[0], inputs[index]),
        )

    return [verdict(index) for index in range(len(inputs))]


def _by_trace(
    entries: Sequence[Any], places: Mapping[str, int], trace_of: Callable[[Row], Any]
) -> tuple[dict[int, list[Row]], list[Row]]:
    """Sort entries by the input their trace id names, and list those without one; what is no record is left out."""
    records = [entry for entry in entries if isinstance(entry, dict)]
    named: dict[int, list[Row]] = {}
    for record in records:
        trace = trace_of(record)
        if isinstance(trace, str) and trace in places:
            named.setdefault(places[trace], []).append(record)
    return named, [record for record in records if trace_of(record) is None]


def _failed_trace(entry: Row) -> Any:
    """The trace id of the input that an error is about."""
    context = entry.get("context")
    traces = context.get(TRACE) if isinstance(context, dict) else None
    return traces[0] if isinstance(traces, list) and traces else None


def _by_name(inputs: Sequence[Row], places: Sequence[int], rest: Sequence[Row]) -> dict[int, list[Row]]:
    """Pair results without trace id with the open inputs by the lead's name, and a last one with what is left."""
    if len(rest) != len(places):
        return {}
    wanted, stored = _grouped(places, lambda index: inputs[index]), _grouped(rest, lambda result: result)
    sure = [name for name in wanted if name and len(wanted[name]) == len(stored.get(name, ()))]
    found = {index: [result] for name in sure for index, result in zip(wanted[name], stored[name], strict=True)}
    left = [index for index in places if index not in found]
    unnamed = [result for name, results in stored.items() if name not in sure for result in results]
    if len(left) == 1 and _holds(unnamed[0], inputs[left[0]]["properties"]):
        found[left[0]] = unnamed
    return found


def _grouped(items: Sequence[T], record_of: Callable[[T], Row]) -> dict[str, list[T]]:
    groups: dict[str, list[T]] = {}
    for item in items:
        groups.setdefault(_name_of(record_of(item)), []).append(item)
    return groups


def _length(record: Mapping[str, Any]) -> int:
    """How many characters the properties hold."""
    properties = record.get("properties")
    values = properties.values() if isinstance(properties, Mapping) else ()
    return sum(len(value) for value in values if isinstance(value, str))


def _name_of(record: Mapping[str, Any]) -> str:
    """The lead's name in what is sent or stored; empty where there is none."""
    properties = record.get("properties")
    name = properties.get("hs_lead_name") if isinstance(properties, Mapping) else None
    return name.strip() if isinstance(name, str) else ""


def _holds(stored: Row, sent: Mapping[str, Any]) -> bool:
    """Whether a record holds what was sent, apart from values that HubSpot says it normalized."""
    properties = stored.get("properties")
    if not isinstance(properties, dict):
        return False
    changed = list(_normalized(stored))
    common = [name for name in sent if name in properties and name not in changed]
    return bool(common) and all(_same(properties[name], sent[name]) for name in common)


def _normalized(stored: Row) -> Iterator[Any]:
    """Name the properties that HubSpot says it normalized; an odd warning names none."""
    warnings = stored.get("warnings")
    for warning in warnings if isinstance(warnings, list) else ():
        match warning:
            case {"context": {"propertyName": [*names]}}:
                yield from names
            case {"context": {"propertyName": name}}:
                yield name


def _same(stored: Any, sent: Any) -> bool:
    if stored == sent or (stored is None and sent == ""):
        return True
    try:
        return float(stored) == float(sent)
    except (TypeError, ValueError):
        return False
