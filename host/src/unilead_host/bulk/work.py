"""Work: one worker's turn at one bulk job, until nothing is pending or there is a reason to pause."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import TypeAlias

from unilead import AsyncCreating, AuthError, LeadError, UnavailableError
from unilead_host.blame import blame
from unilead_host.bulk.claims import ClaimedRow, Ending, Lease, LeaseLostError
from unilead_host.bulk.judging import PAUSE, Judging, RepeatedError, Tools, error_of
from unilead_host.logs import LOG
from unilead_host.outliving import outcome_of
from unilead_host.storage import StorageError
from unilead_host.targets import Target
from unilead_host.wire import Refusal, error_body

Given: TypeAlias = bytes | LeadError

CONCURRENCY = 4  # requests of one job in flight
HEARTBEATS = 4  # in the time of a lease
DOUBTFUL = "The outcome of many requests in a row is unknown: look at the CRM, then resume"


class Work:
    """Creates the leads of one job.

    Attributes:
        lease: the job.
    """

    def __init__(self, tools: Tools, lease: Lease) -> None:
        self.lease = lease
        self._tools = tools
        self._judging = Judging(tools, lease)
        self._creating: AsyncCreating | None = None
        self._is_stopped = False
        self._is_changed = False  # the account, since it was asked for
        self._last = 0  # row claimed
        self._waiting: list[ClaimedRow] = []  # claimed, and not handed on yet
        self._on_its_way: dict[int, ClaimedRow] = {}  # by row

    def stop(self) -> None:
        """Send nothing more; what is on its way gets its verdict."""
        self._is_stopped = True
        if self._creating is not None:
            self._creating.stop()

    async def run(self) -> None:
        """Work until there is nothing more to do, then give the job back."""
        ending: Ending | None = _paused("the host failed, and its log says why")
        beating = asyncio.create_task(self._beat())
        try:
            for lead in self.lease.orphans:
                self._judging.doubt(lead)
            ending = await self._run() if self.lease.is_due else None
        except LeaseLostError:
            ending = Ending()
        except StorageError as error:
            LOG.error("bulk.paused", job_id=self.lease.job_id, reason=error.reason)
            ending = _paused(str(error))
        except Exception as fault:  # of a plugin or of the host: other jobs go on, and this one later
            LOG.error("bulk.crashed", job_id=self.lease.job_id, fault=type(fault).__name__, exc_info=fault)
        finally:
            beating.cancel()
            await self._tools.writes.write(lambda: self._give_back(ending))

    async def _give_back(self, ending: Ending | None) -> None:
        """Every verdict first: whoever takes the job next calls unknown what is on its way."""
        await self._judging.write()
        await self._tools.claims.release(self.lease, ending)

    async def _run(self) -> Ending:
        try:
            target = await self._tools.targets.find(self.lease.tenant_id, self.lease.account_id, creates=True)
        except Refusal as refusal:
            return Ending(refusal.body)
        info = target.provider.info
        try:
            creating = self._begin(target)
        except LeadError as error:  # the account cannot sign in at all
            return Ending(error_of(error, info))
        try:
            async for row, verdict in creating:
                self._judging.take(self._on_its_way.pop(row), verdict, info)
                if creating.closed is not None:
                    creating.stop()
            for claimed in self._on_its_way.values():  # taken, and not sent any more
                self._judging.give_back(claimed)
        finally:
            await creating.aclose()
            for claimed in self._waiting:
                self._judging.give_back(claimed)
            told = {"job_id": self.lease.job_id, "account_id": self.lease.account_id, "provider": info.slug}
            LOG.info("bulk.worked", **told, calls=creating.calls, **self._judging.counts)
        if creating.closed is not None:
            return await self._closed(creating.closed, target)
        if self._is_stopped or self._is_changed or self._judging.pause is None:
            return Ending()
        return Ending(self._judging.reason, self._judging.pause)

    def _begin(self, target: Target) -> AsyncCreating:
        creating = target.client.create_many(self._rows(target), target.account, concurrency=CONCURRENCY, numbered=True)
        self._creating = creating
        return creating

    async def _rows(self, target: Target) -> AsyncIterator[tuple[int, Given]]:
        """Claim rows as they are needed, each once, as long as the account is what it was."""
        assert self._creating is not None  # noqa: S101 - it is what takes from here
        while not self._is_stopped:
            await self._judging.flush()
            stored = await self._tools.accounts.recall(self.lease.tenant_id, self.lease.account_id)
            self._is_changed = stored != target.stored  # blocked, deleted, or with other credentials
            if self._is_changed:
                return
            await self._claim(self._creating.size)
            if not self._waiting:
                return
            self._last = self._waiting[-1].row
            while self._waiting:
                given = await self._given(self._waiting[0])
                claimed = self._waiting.pop(0)
                self._on_its_way[claimed.row] = claimed
                yield claimed.row, given

    async def _claim(self, count: int) -> None:
        claiming = asyncio.ensure_future(self._tools.claims.claim(self.lease, count, after=self._last))
        try:
            await outcome_of(claiming)
        finally:  # cancelled, because nothing more is sent, it goes on all the same: what it claims is given back
            self._waiting = await claiming

    async def _given(self, claimed: ClaimedRow) -> Given:
        try:
            await self._judging.guard(claimed)
        except RepeatedError as error:
            return error
        return claimed.lead.encode()

    async def _closed(self, error: LeadError, target: Target) -> Ending:
        """What it means that the account can send no more."""
        if isinstance(error, UnavailableError):
            return Ending(error_body(500, DOUBTFUL))
        reason = error_of(error, target.provider.info)
        if isinstance(error, AuthError):
            trace = {"job_id": self.lease.job_id}
            await self._tools.writes.write(lambda: blame(self._tools.accounts, target.stored, error, "create", **trace))
            return Ending(reason)
        return Ending(reason, max(error.retry_after or 0, PAUSE))

    async def _beat(self) -> None:
        """Keep the job, also while the CRM makes wait."""
        while True:
            await asyncio.sleep(self._tools.claims.lease / HEARTBEATS)
            try:
                await self._tools.claims.extend(self.lease)
            except LeaseLostError:
                self.stop()
            except StorageError as error:
                LOG.warning("bulk.not_extended", job_id=self.lease.job_id, reason=error.reason)


def _paused(reason: str) -> Ending:
    return Ending(error_body(503, f"The job was paused: {reason}"), PAUSE)
