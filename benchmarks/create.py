"""One create on the wire: unilead against each vendor's own client and against the bare HTTP client, on the same stub.

First over TLS one after the other, with one client kept; then many in flight (goal L002).
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from pydantic_core import from_json

from benchmarks import bare, rivals
from benchmarks.cases import Case, case_of
from benchmarks.in_flight import Call, Kept, kept, threads
from benchmarks.measure import Choice, Rounds, Sample, choice, head, interleave, repeated, row
from benchmarks.stub import Stub, serve
from unilead import Account, AsyncClient, Client, Registry
from unilead import Call as Sent

BACKENDS = ("httpx2", "httpx")
IN_FLIGHT = 50
HUBSPOT_PATH, HUBSPOT_SDK_PATH = "/crm/v3/objects/leads", "/crm/objects/2026-03/leads"
SETTINGS = {"hubspot": {"api_version": "v3"}}  # the version that HubSpot's own client speaks


@contextmanager
def stub_for(*found: Case) -> Iterator[Stub]:
    """Serve the cases' answers, under every path that the rivals use for the same create."""
    answers = {case.request.path: (case.answer.status, case.answer.body.decode()) for case in found}
    answers |= {f"{path}/": answer for path, answer in answers.items()}
    if HUBSPOT_PATH in answers:
        answers[HUBSPOT_SDK_PATH] = answers[HUBSPOT_PATH]
    with serve(answers | _before_zoho(found)) as stub:
        os.environ |= {"SSL_CERT_FILE": str(stub.bundle), "REQUESTS_CA_BUNDLE": str(stub.bundle)}
        yield stub


def _before_zoho(found: tuple[Case, ...]) -> dict[str, tuple[int, str]]:
    """What Zoho's client asks for before its first create: a token, and the module's fields."""
    for case in found:
        if case.slug == "zoho-crm":
            simulator, path = case.provider.simulator(), "/crm/v8/settings/fields"
            token = case.settings.secrets()[0]
            fields = simulator.respond(
                Sent.of("GET", f"{path}?module=Leads", {"Authorization": f"Zoho-oauthtoken {token}"}, b"")
            )
            grant = (
                '{"access_token":"t","api_domain":"https://www.zohoapis.com","token_type":"Bearer","expires_in":3600}'
            )
            return {path: (200, fields.body.decode()), "/oauth/v2/token": (200, grant)}
    return {}


# --- one after the other, over TLS ------------------------------------------------------------------------------------


def sequential(run: Choice, folder: Path) -> None:
    """Each vendor's client against unilead, for the same CRM, over TLS."""
    head("CRM", "vendor's client", "its CPU µs", "unilead on", "its CPU µs", "CPU ratio", "creates/s, times theirs")
    registry = Registry()
    for slug, name, rival in _rivals(folder):
        case = case_of(registry.get(slug), "ordinary", SETTINGS.get(slug, {}))
        with stub_for(case) as stub:
            _compare(run, registry, case, stub, name, rival(stub.tls_url, from_json(case.request.body)))


def _rivals(folder: Path) -> list[tuple[str, str, Callable[[str, Any], rivals.Create]]]:
    return [
        ("zendesk-sell", "basecrm", rivals.basecrm),
        ("pipedrive", "pipedrive-python-lib", rivals.pipedrive_python_lib),
        ("zoho-crm", "zohocrmsdk8-0", partial(rivals.zohocrmsdk, folder=folder)),
        ("hubspot", "hubspot-api-client, as in its README", partial(rivals.hubspot_api_client, keep=False)),
        ("hubspot", "hubspot-api-client, kept", partial(rivals.hubspot_api_client, keep=True)),
        ("hubspot", "hubspot-sdk, kept", rivals.hubspot_sdk),
        ("salesforce", "simple-salesforce, kept", rivals.simple_salesforce),
    ]


def _compare(run: Choice, registry: Registry, case: Case, stub: Stub, name: str, theirs: rivals.Create) -> None:
    account = Account(case.slug, case.settings)
    clients = {
        backend: Client(registry=registry, backend=backend, base_url=stub.tls_url, allow_private=True)
        for backend in BACKENDS
    }
    contenders = {name: repeated(theirs, run.seconds)}
    for backend, client in clients.items():
        contenders[backend] = repeated(partial(client.create, case.lead, account), run.seconds)
    found = interleave(contenders, run.rounds)
    for backend, client in clients.items():
        ratios = found.cpu_ratio(backend, name), found.rate_ratio(backend, name)
        row(case.slug, name, found.cpu(name), backend, found.cpu(backend), *ratios)
        client.close()


# --- many in flight ---------------------------------------------------------------------------------------------------


def concurrent(run: Choice) -> None:
    """Many creates in flight over plain HTTP: the bare clients, unilead on them, and HubSpot's clients."""
    registry = Registry()
    case = case_of(registry.get("hubspot"), "ordinary", SETTINGS["hubspot"])
    calls = 6_000 if run.is_full else 2_000
    few = calls // 4
    with stub_for(case) as stub, ExitStack() as opened:
        url, body = stub.url + case.request.path, case.request.body
        tasks = {
            "bare aiohttp": bare.aiohttp_post(url, body),
            "unilead, aiohttp": unilead_create(registry, case, stub.url, "aiohttp"),
            "bare httpx2": bare.httpx_post("httpx2", url, body),
            "unilead, httpx2": unilead_create(registry, case, stub.url, "httpx2"),
            "bare httpx": bare.httpx_post("httpx", url, body),
            "unilead, httpx": unilead_create(registry, case, stub.url, "httpx"),
            "hubspot-sdk, asynchronous": rivals.hubspot_sdk_async(stub.url, from_json(body)),
        }
        contenders: dict[str, Callable[[], Sample]] = {}
        for name, call in tasks.items():
            many = calls if "aiohttp" in name else few
            contenders[name] = partial(opened.enter_context(kept(call)).run, many, IN_FLIGHT)
        for name, create in {
            "hubspot-api-client, 50 threads": rivals.hubspot_api_client(stub.url, from_json(body), keep=True),
            "hubspot-sdk, 50 threads": rivals.hubspot_sdk(stub.url, from_json(body)),
        }.items():
            contenders[name] = partial(opened.enter_context(threads(create, IN_FLIGHT)), few)
        _show_concurrent(interleave(contenders, run.rounds))
        _widths(run, opened.enter_context(kept(unilead_create(registry, case, stub.url, "aiohttp"))), calls)


def _show_concurrent(found: Rounds) -> None:
    head("50 in flight", "creates/s", "CPU µs", "unilead on aiohttp, times its rate", "unilead's CPU in terms of its")
    for name in found.samples:
        ratios = found.rate_ratio("unilead, aiohttp", name), found.cpu_ratio("unilead, aiohttp", name)
        row(name, found.rate(name), found.cpu(name), *ratios)
    head("unilead on the library, against the library alone", "rate", "CPU")
    for library in ("aiohttp", "httpx2", "httpx"):
        pair = f"unilead, {library}", f"bare {library}"
        row(library, found.rate_ratio(*pair), found.cpu_ratio(*pair))


def _widths(run: Choice, client: Kept, calls: int) -> None:
    contenders = {str(width): partial(client.run, calls, width) for width in (1, 10, 50, 100)}
    found = interleave(contenders, run.rounds)
    head("in flight, aiohttp", "creates/s", "CPU µs", "rate, times that at 10", "CPU, times that at 10")
    for name in contenders:
        row(name, found.rate(name), found.cpu(name), found.rate_ratio(name, "10"), found.cpu_ratio(name, "10"))


@asynccontextmanager
async def unilead_create(registry: Registry, case: Case, url: str, backend: str) -> AsyncIterator[Call]:
    """One create of a kept client."""
    account = Account(case.slug, case.settings)
    async with AsyncClient(registry=registry, backend=backend, base_url=url, allow_private=True) as client:
        yield lambda: client.create(case.lead, account)


def main() -> None:
    run = choice("One create on the wire, against the vendors' clients and the bare HTTP clients")
    with TemporaryDirectory() as folder:
        sequential(run, Path(folder))
    concurrent(run)


if __name__ == "__main__":
    main()
