"""``/unified/crm/leads/bulk``: post a job of many leads, see what became of each, cancel, resume, send again."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from unilead_host.auth import host_of
from unilead_host.bulk.jobs import Job, JobStatus, Row, RowState
from unilead_host.bulk.upload import fingerprint_of, leads_of
from unilead_host.lead_call import BULK_PATH as PATH
from unilead_host.lead_call import FOREIGN_ACCOUNT, LeadCall, key_of
from unilead_host.media import check_media_type
from unilead_host.openapi import account_parameter, failures, key_header
from unilead_host.paging import CURSOR, cursor_of, cut
from unilead_host.routes.callers import Reader, Writer
from unilead_host.storage import StorageError
from unilead_host.stored import timestamp
from unilead_host.targets import NOT_FOUND
from unilead_host.tokens import Caller
from unilead_host.verdicts import claim_refusal
from unilead_host.wire import UNKNOWN, Refusal

NO_JOB = "Bulk job not found"
IN_DOUBT = f"The job may have been stored: look for it at GET {PATH} before you post it again, or use a key"
PAGE = 50
LARGEST_PAGE = 100
LARGEST_ROWS = 1_000

router = APIRouter(prefix=PATH, tags=["bulk jobs"])

AccountId = Annotated[str | None, Query(pattern=r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$")]


class Counts(BaseModel):
    """Rows by state."""

    pending: int = Field(description="Still to be sent")
    sending: int = Field(description="On their way")
    created: int
    rejected: int
    unknown: int = Field(description="They may exist in the CRM, and are not sent again unless somebody says so")
    cancelled: int


class JobAnswer(BaseModel):
    """A bulk job."""

    id: str
    integrated_account_id: str
    status: JobStatus
    reason: dict[str, Any] | None = Field(description="Why it waits or was stopped: an error's body")
    total: int = Field(description="Number of rows")
    rows: Counts
    not_before: str | None = Field(description="Until when it waits")
    created_at: str
    updated_at: str


class JobPage(BaseModel):
    """One page of the tenant's jobs, newest first."""

    result: list[JobAnswer]
    next_cursor: str | None


class RowAnswer(BaseModel):
    """What became of one lead."""

    row: int = Field(description="Its place in the body, from 1")
    status: RowState
    id: str | None = Field(description="The created lead's id at the CRM")
    error: dict[str, Any] | None = Field(description="An error's body, as a single create answers it")
    dropped: list[str] = Field(description="Fields that did not reach the CRM")
    unknown: list[str] = Field(description="Keys that are not in the schema")
    attempts: int
    sent_at: str | None
    judged_at: str | None


class RowPage(BaseModel):
    """Rows of a job, in order."""

    result: list[RowAnswer]
    next_cursor: int | None = Field(description="The last of these rows, where there are more")


class Rows(BaseModel):
    """Which rows."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    rows: list[Annotated[int, Field(ge=1, le=2**31 - 1)]] = Field(min_length=1, max_length=LARGEST_ROWS)


_LEADS = {"type": "object", "properties": {"leads": {"type": "array", "items": {"$ref": "#/components/schemas/Lead"}}}}
_BODY = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {"schema": _LEADS | {"required": ["leads"], "additionalProperties": False}},
            "application/x-ndjson": {"schema": {"type": "string", "description": "A lead on each line"}},
        },
    },
    "parameters": [account_parameter(), key_header("Makes a repetition find the job of the first request")],
}


@router.post(
    "",
    status_code=202,
    response_model=JobAnswer,
    responses=failures(415, 422, 500, 501),
    openapi_extra=_BODY,
)
async def post_job(request: Request, response: Response, caller: Writer) -> dict[str, Any]:
    """Post leads to be created one after the other. They are stored when this answers, and sent from then on."""
    host = host_of(request.scope)
    call = LeadCall(caller, request.scope["query_string"], key=key_of(request.scope["headers"]))
    account_id = call.parameters().account_id
    call.check_key()
    kind, encoding = (request.headers.get(name, "") for name in ("content-type", "content-encoding"))
    async with host.uploads.room(caller.tenant_id):
        body = await request.body()
        check_media_type(kind.encode("latin-1"), encoding.encode("latin-1"), takes_lines=True)
        async with host.uploads.turn:
            leads, digest = await asyncio.to_thread(_read, body, kind)
            await host.targets.find(caller.tenant_id, account_id, creates=True)
            try:
                posted = await host.jobs.post(caller.tenant_id, account_id, leads, key=call.key, fingerprint=digest)
            except StorageError as error:
                if error.may_be_written:
                    raise Refusal(500, IN_DOUBT, details=dict(UNKNOWN)) from None
                raise
    if posted.state in ("mismatch", "gone"):
        raise claim_refusal(posted.state)
    if posted.state == "repeated":
        response.headers["Idempotent-Replayed"] = "true"
    host.runner.wake()
    return _answer(posted.job, response)


@router.get("", response_model=JobPage)
async def list_jobs(
    request: Request,
    caller: Reader,
    integrated_account_id: AccountId = None,
    limit: Annotated[int, Query(ge=1, le=LARGEST_PAGE)] = PAGE,
    next_cursor: Annotated[str | None, Query(pattern=CURSOR)] = None,
) -> dict[str, Any]:
    """The tenant's jobs, newest first."""
    if caller.account_id is not None and integrated_account_id not in (None, caller.account_id):
        raise Refusal(403, FOREIGN_ACCOUNT)
    account_id = caller.account_id or integrated_account_id
    found = await host_of(request.scope).jobs.page(
        caller.tenant_id, account_id=account_id, limit=limit + 1, after=next_cursor
    )
    shown, last = cut(found, limit)
    return {
        "result": [_document(job) for job in shown],
        "next_cursor": cursor_of(last),
    }


@router.get("/{job_id}", response_model=JobAnswer)
async def get_job(request: Request, caller: Reader, job_id: str) -> dict[str, Any]:
    """One job, with its rows counted by state."""
    return _document(await _find(request, caller, job_id))


@router.get("/{job_id}/rows", response_model=RowPage)
async def get_rows(
    request: Request,
    caller: Reader,
    job_id: str,
    status: RowState | None = None,
    limit: Annotated[int, Query(ge=1, le=LARGEST_ROWS)] = LARGEST_ROWS,
    next_cursor: Annotated[int, Query(ge=0, le=2**31 - 1)] = 0,
) -> dict[str, Any]:
    """What became of each row, in order."""
    job = await _find(request, caller, job_id)
    found = await host_of(request.scope).jobs.rows(job, state=status, limit=limit + 1, after=next_cursor)
    shown, last = cut(found, limit)
    return {
        "result": [_row_document(row) for row in shown],
        "next_cursor": last and last.row,
    }


@router.post("/{job_id}/cancel", response_model=JobAnswer)
async def cancel_job(request: Request, caller: Writer, job_id: str) -> dict[str, Any]:
    """Send nothing more of it. Rows that are on their way get their verdict."""
    job = await _find(request, caller, job_id)
    return _answer(await host_of(request.scope).jobs.cancel(job))


@router.post("/{job_id}/resume", response_model=JobAnswer)
async def resume_job(request: Request, caller: Writer, job_id: str) -> dict[str, Any]:
    """Go on with a job that was stopped, or waits, once what stopped it is mended."""
    host = host_of(request.scope)
    resumed = await host.jobs.resume(await _find(request, caller, job_id))
    host.runner.wake()
    return _answer(resumed)


@router.post("/{job_id}/send-again", response_model=JobAnswer, responses=failures(409))
async def send_again(request: Request, caller: Writer, job_id: str, body: Rows) -> dict[str, Any]:
    """Send unknown rows once more. Only for leads of which somebody has seen that the CRM does not have them."""
    host = host_of(request.scope)
    job, others = await host.jobs.send_again(await _find(request, caller, job_id), body.rows)
    if others:
        named = ", ".join(map(str, others[:20])) + (", …" if len(others) > 20 else "")
        raise Refusal(409, f"nothing was changed: these rows are not unknown: {named}")
    host.runner.wake()
    return _answer(job)


def _read(body: bytes, content_type: str) -> tuple[list[str], str]:
    """The leads, and their fingerprint; in a thread, for there may be many."""
    leads = leads_of(body, content_type)
    return leads, fingerprint_of(leads)


async def _find(request: Request, caller: Caller, job_id: str) -> Job:
    """The caller's job. Raises: Refusal with status 404, the same for another's as for none at all."""
    is_plain = job_id.isascii() and job_id.isprintable()
    job = await host_of(request.scope).jobs.get(caller.tenant_id, job_id) if is_plain else None
    if job is None or caller.account_id not in (None, job.account_id):
        raise Refusal(404, NO_JOB)
    return job


def _answer(job: Job | None, response: Response | None = None) -> dict[str, Any]:
    if job is None:  # deleted a moment ago, with its account
        raise Refusal(404, NOT_FOUND)
    if response is not None:
        response.headers["Location"] = f"{PATH}/{job.id}"
    return _document(job)


def _document(job: Job) -> dict[str, Any]:
    return {
        "id": job.id,
        "integrated_account_id": job.account_id,
        "status": job.status,
        "reason": job.reason,
        "total": job.total,
        "rows": dict(job.counts),
        "not_before": _moment(job.not_before),
        "created_at": _moment(job.created_at),
        "updated_at": _moment(job.updated_at),
    }


def _row_document(row: Row) -> dict[str, Any]:
    return {
        "row": row.row,
        "status": row.state,
        "id": row.lead_id,
        "error": row.error,
        "dropped": row.warnings.get("dropped", []),
        "unknown": row.warnings.get("unknown", []),
        "attempts": row.attempt,
        "sent_at": _moment(row.sent_at),
        "judged_at": _moment(row.judged_at),
    }


def _moment(at: float | None) -> str | None:
    return None if at is None else timestamp(at)
