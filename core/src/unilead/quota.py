"""What is left of a CRM's quotas, read from the headers of its answers and written in one form."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from unilead.info import ProviderInfo
    from unilead.message import Response

_NUMBER = re.compile(r"[0-9]{1,15}")
_USAGE = re.compile(r"(?<![0-9/])([0-9]{1,15})/([0-9]{1,15})(?![0-9/])")


@dataclass(frozen=True, slots=True)
class QuotaHeaders:
    """The headers in which a CRM tells of one quota. Names are in lower case; a CRM need not send all of them.

    Attributes:
        limit: calls in the window.
        remaining: calls left in it.
        reset: seconds until the window is over.
        usage: one header with used and allowed calls, such as ``18/15000``, instead of the two numbers.
        window: the length of the window in milliseconds; wins over ``seconds``.
        seconds: length of the window, a number and no header; 0 where nobody says.
    """

    limit: str = ""
    remaining: str = ""
    reset: str = ""
    usage: str = ""
    window: str = ""
    seconds: float = 0


@dataclass(frozen=True, slots=True)
class Quota:
    """One quota as an answer tells it; ``None`` for what it does not tell."""

    limit: int | None = None
    remaining: int | None = None
    reset: int | None = None
    seconds: float = 0

    @property
    def share(self) -> float:
        """How much is left, of 1; an unknown share counts as whole."""
        if self.remaining == 0:
            return 0.0
        return self.remaining / self.limit if self.limit and self.remaining is not None else 1.0


def tightest_quota(info: ProviderInfo, response: Response) -> Quota | None:
    """The quota of which the smallest share is left; ``None`` where the answer tells of none."""
    quotas = [quota for headers in info.quotas if (quota := _read(headers, response)) is not None]
    return min(quotas, key=lambda quota: quota.share, default=None)


def quota_headers(info: ProviderInfo, response: Response) -> dict[str, str]:
    """The tightest quota as ``ratelimit-limit``, ``-remaining`` and ``-reset``, as far as the CRM tells them."""
    quota = tightest_quota(info, response)
    if quota is None:
        return {}
    window = f";w={round(quota.seconds)}" if quota.seconds else ""
    limit = None if quota.limit is None else f"{quota.limit}{window}"
    found = {"ratelimit-limit": limit, "ratelimit-remaining": quota.remaining, "ratelimit-reset": quota.reset}
    return {name: str(value) for name, value in found.items() if value is not None}


def _read(headers: QuotaHeaders, response: Response) -> Quota | None:
    limit, remaining = _number(response, headers.limit), _number(response, headers.remaining)
    usage = _USAGE.search(response.headers.get(headers.usage, "")) if headers.usage else None
    if usage is not None:
        limit, remaining = int(usage[2]), max(0, int(usage[2]) - int(usage[1]))
    if limit is None and remaining is None:
        return None
    window = _number(response, headers.window)
    seconds = headers.seconds if window is None else max(1.0, window / 1000)
    return Quota(limit, remaining, _number(response, headers.reset), seconds)


def _number(response: Response, name: str) -> int | None:
    text = response.headers.get(name, "").strip() if name else ""
    return int(text) if _NUMBER.fullmatch(text) else None
