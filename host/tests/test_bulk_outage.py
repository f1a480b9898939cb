"""F068: the way to PostgreSQL is cut while rows are in flight, and mended again."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from urllib.parse import urlsplit

import pytest

from host_bulk import ended, job_of, lead, posted
from host_stage import staged

pytestmark = pytest.mark.anyio

SLUG = "zendesk-sell"
ROWS = 60
AWAY = 2.0  # seconds
CONCURRENCY = 4  # requests of one job in flight


class Way:
    """A way to a server that can be cut: what is open ends at once, and nobody gets through."""

    def __init__(self, server: str) -> None:
        self._url = urlsplit(server)
        self._open: set[asyncio.StreamWriter] = set()
        self._is_cut = False

    @contextlib.asynccontextmanager
    async def listening(self) -> AsyncIterator[str]:
        """Returns: the address of the way, as a URL of the same database."""
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        user = f"{self._url.netloc.rpartition('@')[0]}@" if "@" in self._url.netloc else ""
        try:
            yield self._url._replace(netloc=f"{user}127.0.0.1:{port}").geturl()
        finally:
            self.cut()
            server.close()

    def cut(self) -> None:
        self._is_cut = True
        for end in self._open:
            end.transport.abort()

    def mend(self) -> None:
        self._is_cut = False

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._is_cut:
            writer.transport.abort()
            return
        there, back = await asyncio.open_connection(self._url.hostname, self._url.port or 5432)
        ends = {writer, back}
        self._open |= ends
        await asyncio.gather(_carry(reader, back), _carry(there, writer))
        self._open -= ends


async def _carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while chunk := await reader.read(65536):
            writer.write(chunk)
            await writer.drain()
    writer.close()


async def test_f068_a_job_outlives_its_database_on_postgresql(
    postgresql_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("unilead_host.bulk.work.PAUSE", 0.5)
    monkeypatch.setattr("unilead_host.bulk.judging.PAUSE", 0.5)
    way = Way(postgresql_url)
    async with way.listening() as url, staged(url) as stage:
        crm = stage.simulators[SLUG]
        crm.faults.latency = 0.05
        job = await posted(stage, SLUG, [lead(number) for number in range(ROWS)])
        async with asyncio.timeout(20):
            while crm.count < ROWS // 4:
                await asyncio.sleep(0.01)
        way.cut()
        await asyncio.sleep(AWAY)
        refused = await stage.post(SLUG, lead(ROWS))
        way.mend()
        assert (refused.status_code, "Nothing was sent" in refused.json()["message"]) == (503, True)
        found = await ended(stage, job, statuses=("done", "stopped"))
        rows = (await job_of(stage, job))["rows"]
    names = [stored["last_name"] for stored in crm.leads.values()]
    assert found["status"] == "done"
    assert len(names) == len(set(names)), "a lead was created twice"
    assert rows["created"] + rows["unknown"] == ROWS
    assert rows["unknown"] <= CONCURRENCY
    assert rows["created"] <= crm.count <= ROWS
