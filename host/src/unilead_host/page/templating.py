"""Renders the page's templates: everything is escaped, an undefined name is an error."""

from __future__ import annotations

import hashlib
import re
from functools import cache
from importlib.resources import files
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from unilead_host.page.console import pretty
from unilead_host.version import VERSION

STATIC = files("unilead_host.page") / "static"
_CODE = re.compile(r"``(.+?)``|(?<![\w`/.])([a-z]+(?:_[a-z0-9]+)+)(?![\w`])")
_EMPHASIS = re.compile(r"(?<!\w)\*([^*]+)\*(?!\w)")


def prose(text: str) -> Markup:
    """Escape a plugin's words, and show ``code``, names_like_this and *emphasis* as such."""
    marked = _CODE.sub(lambda found: f"<code>{found[1] or found[2]}</code>", str(escape(text)))
    return Markup(_EMPHASIS.sub(r"<em>\1</em>", marked))  # noqa: S704 - escaped above


@cache
def digest_of(name: str) -> str:
    """Changes with the content of a static file."""
    return hashlib.sha256((STATIC / name).read_bytes()).hexdigest()[:12]


def static_url(name: str) -> str:
    """Address of a static file that changes with its content, so that browsers may keep it for good."""
    return f"/static/{name}?v={digest_of(name)}"


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("unilead_host.page"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"prose": prose, "pretty": pretty}
    environment.globals |= {"static_url": static_url, "version": VERSION}
    return environment


def render(template: str, **values: Any) -> str:
    """Render a template of this package."""
    return _environment().get_template(template).render(**values)
