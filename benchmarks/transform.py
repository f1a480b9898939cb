"""The whole way of one lead but the wire: JSON bytes in, the CRM's body out, its answer in, unified JSON out.

Floors: the same four documents decoded and encoded with orjson, and with the standard library's json, nothing else.
"""

from __future__ import annotations

import json
from collections.abc import Callable

import orjson

from benchmarks.cases import Case, cases
from benchmarks.measure import cpu_per_call, interleave
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
    for case in cases("ordinary", "full"):
        contenders = {
            "unilead": unilead_round(case),
            "orjson": floor_of(case, orjson.loads, orjson.dumps),
            "json": floor_of(case, json.loads, json.dumps),
        }
        found = interleave({name: cpu_per_call(call, 0.1) for name, call in contenders.items()}, 5)
        print(
            f"{case.slug:13} {case.kind:9} {found.of('unilead').text(1):20} µs  "
            f"{found.ratio('unilead', 'orjson').text():20} x orjson {found.of('orjson').text(1)}   "
            f"{found.ratio('unilead', 'json').text():20} x json {found.of('json').text(1)}"
        )


if __name__ == "__main__":
    main()
