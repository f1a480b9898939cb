"""The statements that each row of a job costs, built once: building one takes longer than the database needs for it."""

from __future__ import annotations

from collections.abc import Mapping

import sqlalchemy as sa

from unilead_host.storage import now
from unilead_host.storage.tables import bulk_jobs, bulk_rows

_JOB, _ROW = bulk_jobs.c, bulk_rows.c
_THIS_JOB = sa.bindparam("this_job", type_=sa.Text())

LOCK = sa.select(_JOB.state, _JOB.counts).where(_JOB.id == _THIS_JOB).with_for_update(key_share=True)
FORGET_COUNTS = sa.update(bulk_jobs).where(_JOB.id == _THIS_JOB).values(counts=None)

EXTEND = (
    sa.update(bulk_jobs)
    .where(_JOB.id == _THIS_JOB, _JOB.owner == sa.bindparam("by"), _JOB.lease_until > now(), _JOB.state == "queued")
    .values(lease_until=now() + sa.bindparam("seconds", type_=sa.Double()))
)

_WANTED = (_ROW.job_id == _THIS_JOB) & (_ROW.state == "pending") & (_ROW.row > sa.bindparam("after"))
_NEXT = sa.select(_ROW.row).where(_WANTED).order_by(_ROW.row).limit(sa.bindparam("most", type_=sa.Integer())).subquery()
CLAIM = (
    sa.update(bulk_rows)
    # one value, which is looked up once: PostgreSQL would look for the rows of an ``IN`` anew for each pending one, as
    # long as it has counted none of a job that was just posted
    .where(_WANTED, _ROW.row <= sa.select(sa.func.max(_NEXT.c.row)).scalar_subquery())
    .values(state="sending", attempt=_ROW.attempt + 1, sent_at=now())
    .returning(_ROW.row, _ROW.attempt, _ROW.lead, _ROW.send_again)
)


def _verdict(state: str, ends: tuple[str, ...]) -> sa.Update:
    """Write a verdict to the row whose attempt it ends."""
    this = (_ROW.job_id == _THIS_JOB) & (_ROW.row == sa.bindparam("this_row"))
    is_open = sa.or_(*(_ROW.state == end for end in ends))  # and not ``IN``, which takes one row's values at a time
    return (
        sa.update(bulk_rows)
        .where(this, _ROW.attempt == sa.bindparam("this_attempt"), is_open)
        .values(
            state=state,
            lead_id=sa.bindparam("found_id"),
            error=sa.bindparam("found_error"),
            warnings=sa.bindparam("found_warnings"),
            judged_at=None if state == "pending" else now(),
        )
    )


VERDICTS: Mapping[str, sa.Update] = {
    # a lead that is there is known from now on, and must not be sent again on somebody's word that it is not
    "created": _verdict("created", ("sending", "unknown", "pending")),
    **{state: _verdict(state, ("sending",)) for state in ("rejected", "unknown", "pending")},
}
