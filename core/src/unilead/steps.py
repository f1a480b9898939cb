"""What an exchange asks its driver to do: the steps that its generators yield, and what a driver throws for them."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias, TypeVar

from unilead.errors import ConfigurationError, ConnectError
from unilead.message import Request

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Send:
    """Send this request, and answer the response.

    Attributes:
        request: without credentials.
        credentials: headers to add; kept apart so that no result, error or log can hold them.
        timeout: seconds that sending and reading may take in all.
    """

    request: Request
    credentials: Mapping[str, str] = field(repr=False)
    timeout: float


@dataclass(frozen=True, slots=True)
class Wait:
    """Sleep for this many seconds."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Use:
    """Call this, await what is awaitable, and answer what comes back.

    What it raises is thrown as a ConfigurationError: whatever it was, nothing was sent.

    Attributes:
        call: without arguments.
        blocking: it may wait for a disk or a network, so an event loop calls it in a thread.
    """

    call: Callable[[], Any]
    blocking: bool = False


@dataclass(frozen=True, slots=True)
class Apart:
    """Carry these steps out to their end, even when the one who waits for them is cancelled meanwhile.

    Attributes:
        steps: their result is the answer; what they raise is thrown.
        timeout: seconds to wait for them; then a ConnectError is thrown, and they go on.
    """

    steps: Steps[Any]
    timeout: float


def failed(fault: Exception) -> ConfigurationError:
    """What to throw for a fault of a `Use` that is no ConfigurationError."""
    reason = type(fault).__name__
    if isinstance(fault, OSError) and fault.filename:
        reason = f"{fault.filename}: {fault.strerror or reason}"
    return ConfigurationError(f"the credential store failed: {reason}", hint="nothing was sent")


def late() -> ConnectError:
    """What to throw when an `Apart` takes too long."""
    hint = "nothing was sent; repeat later"
    return ConnectError("the access token was not renewed in time", hint=hint, retryable=False)


Step: TypeAlias = Send | Wait | Use | Apart
Steps: TypeAlias = Generator[Step, Any, T]  # what is to be done, in turn, to get a T
