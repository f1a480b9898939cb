"""LeadService: one request for a lead, from what the caller wrote to the answer.

The order of the checks is part of the API: query, body, account, its state, its plugin, the key, types and required
fields, the host's own limit, and only then anything is sent. Path, method, token, size and media type come before it,
in the route.
"""

from __future__ import annotations

import time
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Any, TypeAlias

from unilead import AuthError, InvalidLeadError, Lead, LeadError, OutcomeUnknownError, Request
from unilead.quota import quota_headers
from unilead.strict_json import read_object
from unilead_host.accounts import Accounts
from unilead_host.blame import blame
from unilead_host.idempotency import Claim, Key, Keys, Scope, fingerprint
from unilead_host.lead_call import PATH, LeadCall
from unilead_host.lead_errors import error_answer, read_failure
from unilead_host.limits import RateLimit
from unilead_host.logs import LOG
from unilead_host.metrics import Metrics
from unilead_host.parameters import LeadParameters
from unilead_host.repeats import Repeats
from unilead_host.settings import HostSettings
from unilead_host.storage import StorageError
from unilead_host.targets import Target, Targets
from unilead_host.verdict_writes import VerdictWrites
from unilead_host.verdicts import REPEATED, Created, Refused, Verdict, claim_refusal, restored, unknown_keys
from unilead_host.wire import SOON, UNKNOWN, Answer, Refusal, unavailable

MARGIN = 0.5  # seconds of the budget that are left for answering
Trace: TypeAlias = dict[str, Any]


@dataclass(frozen=True, slots=True)
class _Attempt:
    """A call that may be sent: everything about it is known. ``trace`` is what the log will tell of it."""

    call: LeadCall
    parameters: LeadParameters
    lead: Lead | dict[str, Any]
    target: Target
    trace: Trace

    @property
    def document(self) -> dict[str, Any]:
        """The lead as it came, where it matters; for most leads it does not."""
        return read_object(self.call.body)

    @property
    def scope(self) -> Scope:
        return Scope(self.call.caller.tenant_id, self.target.stored.id, "POST", PATH)

    def key(self) -> Key:
        """A new use of the call's key."""
        return Key(self.scope, self.call.key, fingerprint(self.document, *self.parameters.content))


class LeadService:
    """Creates and reads leads.

    Args:
        settings: limits and times.
        accounts: takes note of refused credentials.
        targets: where leads go.
        keys, repeats: what makes repetitions harmless.
        metrics: what is counted.
        writes: what a send led to, on its way to the database.
    """

    def __init__(
        self,
        settings: HostSettings,
        accounts: Accounts,
        targets: Targets,
        keys: Keys,
        repeats: Repeats,
        metrics: Metrics,
        writes: VerdictWrites,
    ) -> None:
        self._accounts = accounts
        self._targets = targets
        self._keys = keys
        self._repeats = repeats
        self._metrics = metrics
        self._budget = settings.create_timeout - min(MARGIN, settings.create_timeout / 10)
        self._token_limit = RateLimit(settings.token_rate)
        self._account_limit = RateLimit(settings.account_rate)
        self._writes = writes

    async def create(self, call: LeadCall) -> Answer:
        """Create a lead.

        Not to be cancelled, and servers do not when a client hangs up: what was sent has an outcome that must be kept.
        A key whose create was cut off all the same is found ``running``, and read as unknown.
        """
        trace: Trace = {}
        return await self._answer("lead.create", call, trace, self._create(call, trace))

    async def read(self, call: LeadCall, lead_id: str) -> Answer:
        """Read a lead."""
        trace: Trace = {}
        return await self._answer("lead.read", call, trace, self._read(call, trace, lead_id))

    @staticmethod
    async def _answer(event: str, call: LeadCall, trace: Trace, work: Coroutine[Any, Any, Answer]) -> Answer:
        try:
            answer = await work
        except Refusal as refusal:
            answer = refusal.answer
        except StorageError as error:
            answer = unavailable(error)
        answer.headers["Unified-Request-Id"] = call.request_id
        seconds = round(time.monotonic() - call.started, 4)
        LOG.info(event, request_id=call.request_id, **trace, status=answer.status, seconds=seconds)
        return answer

    # --- creating -----------------------------------------------------------------------------------------------------

    async def _create(self, call: LeadCall, trace: Trace) -> Answer:
        parameters = call.parameters()
        call.check_key()
        lead = _lead(call.body)
        target = await self._targets.find(call.caller.tenant_id, parameters.account_id, creates=True)
        trace |= {"provider": target.provider.slug, "account_id": target.stored.id}
        attempt = _Attempt(call, parameters, lead, target, trace)
        return await (self._create_keyed(attempt) if call.key else self._create_unkeyed(attempt))

    async def _create_unkeyed(self, attempt: _Attempt) -> Answer:
        repeats = self._repeats
        earlier = await repeats.find(attempt.scope, attempt.document) if repeats.may_hold else None
        if earlier is not None and not attempt.call.send_again:
            raise Refusal(500, REPEATED, details=dict(UNKNOWN))
        verdict = await self._send(attempt)
        if earlier is not None and verdict.keep == "done":
            await self._writes.write(lambda: repeats.forget(earlier))
        return verdict.answer(attempt.parameters)

    async def _create_keyed(self, attempt: _Attempt) -> Answer:
        key = attempt.key()
        claim = await self._claim(key)
        if claim.state == "done":
            answer = restored(claim.stored or {}).answer(attempt.parameters)
            answer.headers["Idempotent-Replayed"] = "true"
            attempt.trace["outcome"] = "replayed"
            return answer
        if claim.state != "started":
            raise claim_refusal(claim.state)
        try:
            verdict = await self._send(attempt)
        except Refusal:
            await self._writes.write(lambda: self._keys.release(key))
            raise
        await self._writes.write(lambda: self._keep(key, verdict))
        return verdict.answer(attempt.parameters)

    async def _claim(self, key: Key) -> Claim:
        try:
            return await self._keys.claim(key)
        except StorageError as error:
            if error.may_be_written:  # nothing is sent, so that nobody need wait for this use
                self._writes.again_later(lambda: self._keys.release(key))
            raise

    async def _keep(self, key: Key, verdict: Verdict) -> None:
        if verdict.keep == "done":
            await self._keys.finish(key, verdict.status, verdict.stored())
        elif verdict.keep == "unknown":
            await self._keys.mark_unknown(key)
        else:
            await self._keys.release(key)

    # --- sending ------------------------------------------------------------------------------------------------------

    async def _send(self, attempt: _Attempt) -> Verdict:
        """Send once, and take note of what it means for the account and for repetitions. Raises: Refusal."""
        made: list[Request] = []
        is_sent = False

        def on_send(request: Request) -> None:
            nonlocal is_sent
            made.append(request)
            self._token_limit.take(attempt.call.caller.token_id)
            self._account_limit.take(attempt.target.stored.id)
            is_sent = True

        target = attempt.target
        try:
            result = await target.client.create(
                attempt.lead,
                target.account,
                remote_query=attempt.parameters.remote_query,
                on_send=on_send,
                timeout=self._time_left(attempt.call),
            )
        except LeadError as error:
            verdict: Verdict = await self._refused(attempt, error, made[0].dropped if made else ())
        except Refusal as refusal:
            refusal.warn(made[0].dropped if made else (), unknown_keys(attempt.document))
            raise
        except Exception as fault:
            verdict = await self._refused(attempt, _crashed(attempt.call, fault, is_sent=is_sent), ())
        else:
            verdict = Created.of(result, quota_headers(target.provider.info, result.response))
        attempt.trace["outcome"] = verdict.outcome
        self._metrics.count(target.provider.slug, verdict.outcome, time.monotonic() - attempt.call.started)
        return verdict

    def _time_left(self, call: LeadCall) -> float:
        left = self._budget - (time.monotonic() - call.started)
        if left <= 0:
            raise Refusal(503, "Nothing was sent: the host is too busy", headers=SOON)
        return left

    async def _refused(self, attempt: _Attempt, error: LeadError, dropped: tuple[str, ...]) -> Refused:
        info = attempt.target.provider.info
        headers = quota_headers(info, error.response) if error.response is not None else {}
        verdict = Refused.of(error, info, attempt.document, dropped, headers)
        if isinstance(error, AuthError):
            await self._blame(attempt.call, attempt.target, error, "create")
        if verdict.outcome == "unknown":
            noted = self._repeats.note(attempt.scope, attempt.document)
            await self._writes.write(lambda: self._repeats.write(noted))
        return verdict

    async def _blame(self, call: LeadCall, target: Target, error: AuthError, method: str) -> None:
        told = {"request_id": call.request_id}
        await self._writes.write(lambda: blame(self._accounts, target.stored, error, method, **told))

    # --- reading ------------------------------------------------------------------------------------------------------

    async def _read(self, call: LeadCall, trace: Trace, lead_id: str) -> Answer:
        parameters = call.parameters()
        target = await self._targets.find(call.caller.tenant_id, parameters.account_id, creates=False)
        info = target.provider.info
        trace |= {"provider": info.slug, "account_id": target.stored.id}
        if not target.provider.implements("build_read_request"):
            raise Refusal(405, f"Leads of {info.title} cannot be read", headers={"Allow": ""})
        self._token_limit.take(call.caller.token_id)
        self._account_limit.take(target.stored.id)
        try:
            result = await target.client.read(lead_id, target.account, timeout=self._time_left(call))
        except LeadError as error:
            return await self._unread(call, target, error)
        return Created.of(result, quota_headers(info, result.response)).answer(parameters)

    async def _unread(self, call: LeadCall, target: Target, error: LeadError) -> Answer:
        info = target.provider.info
        if isinstance(error, AuthError):
            await self._blame(call, target, error, "get")
        answer = read_failure(error, info)
        if error.response is not None:
            answer.headers |= quota_headers(info, error.response)
        return answer


def _crashed(call: LeadCall, fault: Exception, *, is_sent: bool) -> LeadError:
    """A fault of the host or of a plugin: told in the log alone."""
    LOG.error("create.crashed", request_id=call.request_id, fault=type(fault).__name__, exc_info=fault)
    return OutcomeUnknownError("the host failed") if is_sent else LeadError("the host failed", outcome="not_sent")


def _lead(body: bytes) -> Lead | dict[str, Any]:
    """The lead of a body; as a dict where its values do not fit, which is told after what comes before it.

    Raises: Refusal with status 400 for what is no JSON object.
    """
    try:
        return Lead.parse(body)  # decodes and checks in one go
    except InvalidLeadError:
        pass
    try:
        return read_object(body)
    except InvalidLeadError as error:
        raise Refusal.of(error_answer(error)) from None
