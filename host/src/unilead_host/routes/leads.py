"""``/unified/crm/leads``: create a lead; ``/unified/crm/leads/{id}``: read one."""

from __future__ import annotations

from abc import ABC, abstractmethod

from starlette.routing import BaseRoute, Route
from starlette.types import Receive, Scope, Send

from unilead_host.auth import authenticate, host_of
from unilead_host.lead_call import PATH, LeadCall, key_of
from unilead_host.limits import LimitedBody
from unilead_host.media import check_media_type
from unilead_host.middleware import crashed, send_answer
from unilead_host.storage import StorageError
from unilead_host.wire import Answer, Refusal, unavailable


class LeadEndpoint(ABC):
    """ASGI application for one path: checks method and token, then hands the request to the service.

    It is no FastAPI handler because the order of the checks is part of the API: the token comes before the body.
    """

    method = ""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        try:
            if scope["method"] != self.method:
                raise Refusal(405, "Method Not Allowed", headers={"Allow": self.method})
            answer = await self.serve(scope, receive)
        except Refusal as refusal:
            answer = refusal.answer
        except StorageError as error:
            answer = unavailable(error)
        except Exception as fault:
            answer = crashed(scope, fault)
        await send_answer(send, answer)

    @abstractmethod
    async def serve(self, scope: Scope, receive: Receive) -> Answer:
        """Answer a request with the right method. Raises: Refusal, StorageError."""


class CreateLead(LeadEndpoint):
    """Create a lead."""

    method = "POST"

    async def serve(self, scope: Scope, receive: Receive) -> Answer:
        """Check token, size and media type; then it is the service's."""
        host = host_of(scope)
        caller = await authenticate(scope, writes=True)
        body = await LimitedBody(scope, receive, host.settings.max_body).read()
        headers = scope["headers"]
        named = dict(headers)  # the last of a name
        if body:
            check_media_type(named.get(b"content-type", b""), named.get(b"content-encoding", b""))
        call = LeadCall(
            caller,
            scope["query_string"],
            body,
            key_of(headers),
            send_again=named.get(b"unified-send-again", b"").lower() == b"true",
        )
        return await host.leads.create(call)


class ReadLead(LeadEndpoint):
    """Read a lead."""

    method = "GET"

    async def serve(self, scope: Scope, receive: Receive) -> Answer:
        """Check the token; then it is the service's."""
        caller = await authenticate(scope, writes=False)
        lead_id: str = scope["path_params"]["lead_id"]
        return await host_of(scope).leads.read(LeadCall(caller, scope["query_string"]), lead_id)


CREATE_LEAD = CreateLead()
CREATE_PATHS = frozenset({PATH, f"/{PATH}", f"{PATH}/"})


def routes() -> list[BaseRoute]:
    """The routes of this module."""
    return [Route(PATH, CREATE_LEAD), Route(PATH + "/{lead_id}", ReadLead())]
