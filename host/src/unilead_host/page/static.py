"""The page's static files: a closed set, read once."""

from __future__ import annotations

from functools import cache

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from unilead_host.page.entry import message
from unilead_host.page.templating import STATIC, digest_of

MEDIA_TYPES = {"css": "text/css", "js": "text/javascript", "svg": "image/svg+xml", "txt": "text/plain"}
FOR_GOOD = "public, max-age=31536000, immutable"


@cache
def _files() -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in STATIC.iterdir() if file.is_file()}


async def show_static(request: Request) -> Response:
    """One static file; browsers keep it for good under the address that our pages give."""
    name = request.path_params["name"]
    content = _files().get(name)
    if content is None:
        return message(404, "Nothing is here", "There is no such file.", href="/", link="All providers")
    is_current = request.query_params.get("v") == digest_of(name)
    headers = {"cache-control": FOR_GOOD if is_current else "no-cache"}
    return Response(content, media_type=MEDIA_TYPES[name.rpartition(".")[2]], headers=headers)


def routes() -> list[BaseRoute]:
    """The routes of this module."""
    return [
        Route("/static/{name}", show_static, methods=["GET"]),
    ]
