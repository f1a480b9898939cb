"""The small CRM of `acme` with a batch endpoint: a verdict for each row, or one for all."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from acme import FIELDS, AcmeSimulator, EmptyRegistry, make_info, make_plugin
from unilead import (
    Account,
    Call,
    CreatedLead,
    MalformedResponseError,
    Registry,
    Request,
    Response,
    Result,
    RowVerdict,
    error_for,
    route,
)

SIZE = 10


class BatchSimulator(AcmeSimulator):
    """Acme with ``POST /v1/prospects/batch``.

    Attributes:
        all_or_nothing: one bad row refuses the whole batch.
        rows: changes the list of row answers, so that it has fewer, more or other entries.
    """

    def __init__(self) -> None:
        super().__init__()
        self.all_or_nothing = False
        self.rows: Callable[[list[Any]], list[Any]] = list
        self.sizes: list[int] = []

    @route("POST", "/v1/prospects/batch")
    def create_batch(self, call: Call) -> Response:
        prospects = call.json["prospects"]
        self.sizes.append(len(prospects))
        bad = next((p for p in prospects if self._fault(p)), None)
        if bad is not None and self.all_or_nothing:
            return Response.of(422, self._fault(bad))
        return Response.of(207, {"rows": self.rows([self._row(prospect) for prospect in prospects])})

    @route("POST", "/v1/prospects")
    def create(self, call: Call) -> Response:
        self.sizes.append(1)
        fault = self._fault(call.json["prospect"])
        return Response.of(422, fault) if fault else super().create(call)

    def _fault(self, prospect: Any) -> dict[str, str] | None:
        if prospect["surname"].startswith("bad"):
            return {"code": "bad", "path": "surname", "text": f"Surname {prospect['surname']} is bad"}
        return None

    def _row(self, prospect: Any) -> dict[str, Any]:
        fault = self._fault(prospect)
        if fault:
            return fault
        number = str(self.next_number())
        self.leads[number] = {"id": number, **prospect}
        return self.leads[number]

    @property
    def names(self) -> list[str]:
        """Surnames of the stored leads, sorted."""
        return sorted(record["surname"] for record in self.leads.values())


def build_batch_request(requests: Sequence[Request]) -> tuple[Request, list[int]]:
    """Take all but those that say ``alone``."""
    taken = [i for i, request in enumerate(requests) if request.json["prospect"].get("given_name") != "alone"]
    body = {"prospects": [requests[index].json["prospect"] for index in taken]}
    return Request("POST", "/v1/prospects/batch", json=body), taken


def parse_batch_response(response: Response, count: int) -> list[RowVerdict]:
    if response.status != 207:
        fault = response.json
        raise error_for(response, fault["text"], vendor_code=fault.get("code"))
    return [_verdict(row, response) for row in response.json["rows"]]


def _verdict(row: Any, response: Response) -> RowVerdict:
    if row is None:
        return MalformedResponseError("no verdict", response=response)
    if "text" in row:
        own = Response.of(422, row)
        return error_for(own, row["text"], field=FIELDS.source_of(row["path"]))
    return CreatedLead(id=row["id"], last_name=row["surname"]).of_part(row)


def batch_registry(**replaced: Callable[..., Any]) -> Registry:
    """A registry with the batch acme; hooks can be replaced."""
    hooks: dict[str, Callable[..., Any]] = {
        "describe": lambda: make_info(batch_size=SIZE),
        "build_batch_request": build_batch_request,
        "parse_batch_response": parse_batch_response,
        "simulator": lambda: BatchSimulator(),
    }
    registry = EmptyRegistry()
    registry.register("acme", make_plugin(**{**hooks, **replaced}))
    return registry


ACCOUNT = Account("acme", AcmeSimulator.sample_settings)


def single_registry(**hooks: Any) -> Registry:
    """Acme as it is, without a batch endpoint."""
    registry = EmptyRegistry()
    registry.register("acme", make_plugin(**hooks))
    return registry


def make_leads(count: int, *, bad: tuple[int, ...] = ()) -> Iterator[dict[str, str]]:
    return ({"last_name": f"{'bad' if i in bad else 'ok'}{i:03}"} for i in range(count))


def outcomes_of(found: dict[int, Any]) -> Counter[str]:
    return Counter("created" if isinstance(verdict, Result) else verdict.outcome for verdict in found.values())
