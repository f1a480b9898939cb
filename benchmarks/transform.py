"""The whole way of one lead but the wire: JSON bytes in, the CRM's body out, its answer in, unified JSON out.

Floors: the same four documents decoded and encoded with orjson, and with the standard library's json, nothing else.
Goal L001.
"""

from __future__ import annotations

import json
from collections.abc import Callable

import orjson

from benchmarks.cases import Case, cases
from benchmarks.measure import choice, head, interleave, repeated, row
from unilead import Lead, Response
from unilead.render import render_json


def unilead_round(case: Case) -> Callable[[], bytes]:
    provider, settings, body, answer = case.provider, case.settings, case.lead, case.answer

    def run() -> bytes:
        request = provider.build_request(Lead.parse(body), settings)
        response = Response(answer.status, answer.headers, answer.body)
        created = provider.parse_response(response, request, settings)
        return render_json(created, response)

    return run


def floor_of(case: Case, loads: Callable[[bytes], object], dumps: Callable[[object], object]) -> Callable[[], object]:
    sent, unified = loads(case.request.body), loads(unilead_round(case)())

    def run() -> object:
        return loads(case.lead), dumps(sent), loads(case.answer.body), dumps(unified)

    return run


def main() -> None:
    run = choice("The way of one lead without the wire, against decoding and encoding alone")
    head("CRM", "lead", "unilead, CPU µs", "x orjson", "x json", "orjson, µs", "json, µs")
    for case in cases("ordinary", "full"):
        contenders = {
            "unilead": unilead_round(case),
            "orjson": floor_of(case, orjson.loads, orjson.dumps),
            "json": floor_of(case, json.loads, json.dumps),
        }
        found = interleave({name: repeated(call, run.seconds) for name, call in contenders.items()}, run.rounds)
        ratios = (found.cpu_ratio("unilead", floor) for floor in ("orjson", "json"))
        row(case.slug, case.kind, found.cpu("unilead"), *ratios, found.cpu("orjson"), found.cpu("json"))


if __name__ == "__main__":
    main()
