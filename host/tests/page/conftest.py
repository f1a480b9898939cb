"""A visitor of the page: reads pages, signs in, and sends their forms as a browser would."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any, Self

import httpx
import pytest

from unilead import Registry
from unilead_host.app import Application, Host, create_app
from unilead_host.crypto import Vault
from unilead_host.settings import HostSettings

ORIGIN = "http://127.0.0.1"
_VOID = {"meta", "link", "input", "img", "br", "option"}


@dataclass
class Element:
    """An element of a page, as far as tests look at it."""

    tag: str
    attributes: dict[str, str]
    content: list[Element | str] = field(default_factory=list)

    @property
    def text(self) -> str:
        return " ".join("".join(one if isinstance(one, str) else f" {one.text} " for one in self.content).split())

    @property
    def children(self) -> list[Element]:
        return [one for one in self.content if isinstance(one, Element)]

    def all(self, tag: str = "", **attributes: str) -> list[Element]:
        """All elements below with this tag and these attributes; ``class_`` is one of the classes."""
        found = [self] if self._is(tag, attributes) else []
        return found + [one for child in self.children for one in child.all(tag, **attributes)]

    def one(self, tag: str = "", **attributes: str) -> Element:
        found = self.all(tag, **attributes)
        assert len(found) == 1, f"{len(found)} elements {tag} {attributes}"
        return found[0]

    def _is(self, tag: str, wanted: dict[str, str]) -> bool:
        if tag and tag != self.tag:
            return False
        own = self.attributes
        return all(
            value in own.get("class", "").split() if name == "class_" else own.get(name) == value
            for name, value in wanted.items()
        )


class Markup(HTMLParser):
    """Reads a page; an optional end tag of a cell is closed by what follows."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.root = Element("root", {})
        self._open = [self.root]
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in ("td", "th", "tr", "tbody"):
            self._close_until({"td": {"td", "th"}, "th": {"td", "th"}}.get(tag, {"td", "th", "tr"}), stop="table")
        element = Element(tag, {name: value or "" for name, value in attrs})
        self._open[-1].content.append(element)
        if tag not in _VOID or tag == "option":
            self._open.append(element)

    def handle_endtag(self, tag: str) -> None:
        if any(element.tag == tag for element in self._open):
            while self._open.pop().tag != tag:
                pass

    def handle_data(self, data: str) -> None:
        self._open[-1].content.append(data)

    def _close_until(self, tags: set[str], *, stop: str) -> None:
        while self._open[-1].tag in tags and self._open[-1].tag != stop:
            self._open.pop()


@dataclass
class Page:
    """An answer of the host."""

    status: int
    headers: httpx.Headers
    text: str
    url: httpx.URL

    @classmethod
    def of(cls, response: httpx.Response) -> Self:
        return cls(response.status_code, response.headers, response.text, response.url)

    @property
    def dom(self) -> Element:
        return Markup(self.text).root

    def card(self, slug: str) -> Element:
        return self.dom.one("li", id=f"card-{slug}")


@dataclass
class Visitor:
    """Somebody at a browser on this machine.

    Attributes:
        accounts: ids of a simulated account of each provider, by slug.
    """

    app: Application
    http: httpx.AsyncClient
    token: str
    tenant_id: str
    accounts: dict[str, str] = field(default_factory=dict)
    word: str = ""

    @property
    def host(self) -> Host:
        host: Host = self.app.state.host
        return host

    async def get(self, path: str, **headers: str) -> Page:
        return Page.of(await self.http.get(path, headers=headers))

    async def post(self, path: str, form: dict[str, Any] | None = None, **headers: str) -> Page:
        """Send a form with our own origin and the session's word, unless told otherwise."""
        named = {"Origin": ORIGIN} | headers
        sent = {"word": self.word} | (form or {})
        return Page.of(await self.http.post(path, data=sent, headers={k: v for k, v in named.items() if v}))

    async def sign_in(self, token: str | None = None) -> Page:
        page = await self.post("/login", {"token": self.token if token is None else token, "next": "/console"})
        if page.status == 200 and page.url.path == "/console":
            self.word = page.dom.all("input", name="word")[0].attributes["value"]
        return page

    async def check(self, lead: str) -> Page:
        return await self.post("/console/check", {"mode": "json", "lead": lead})

    async def create(self, slug: str, target: str, lead: str, *, again: str = "") -> Page:
        form = {"mode": "json", "lead": lead, "provider": slug, f"target-{slug}": target}
        return await self.post(f"/console/create{f'?again={again}' if again else ''}", form)


Visiting = Callable[..., AbstractAsyncContextManager[Visitor]]


@pytest.fixture
def visiting(sqlite_url: str) -> Visiting:
    """Start a host on a fresh database and visit it; with all installed providers unless told otherwise."""

    @asynccontextmanager
    async def visiting(
        registry: Registry | None = None, *, address: str = "127.0.0.1", base_url: str = ORIGIN, **settings: Any
    ) -> AsyncIterator[Visitor]:
        named = {"encryption_keys": Vault.new_key(), "simulated": True, "public_matrix": True, **settings}
        app = create_app(HostSettings(database_url=sqlite_url, **named), registry)
        async with app.router.lifespan_context(app):
            host: Host = app.state.host
            tenant = await host.tenants.create("first")
            token, _ = await host.tokens.create(tenant.id)
            transport = httpx.ASGITransport(app, client=(address, 1))
            async with httpx.AsyncClient(transport=transport, base_url=base_url, follow_redirects=True) as http:
                visitor = Visitor(app, http, token, tenant.id)
                for slug in host.simulators:
                    account = await host.accounts.create(tenant.id, slug, is_simulated=True, label="Demo")
                    visitor.accounts[slug] = account.id
                yield visitor

    return visiting


@pytest.fixture
async def visitor(visiting: Visiting, anyio_backend: str) -> AsyncIterator[Visitor]:
    async with visiting() as made:
        yield made


@pytest.fixture
async def console(visitor: Visitor) -> Visitor:
    """A visitor who is signed in."""
    await visitor.sign_in()
    return visitor
