"""Reads query strings in bracket notation, as the JavaScript `qs` library writes them: pure, and strict about limits.

``a[b]=1&l[]=x&l[]=y`` becomes ``{"a": {"b": "1"}, "l": ["x", "y"]}``; every leaf is text.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any, NoReturn
from urllib.parse import unquote_to_bytes

MAX_PAIRS = 1_000
MAX_DEPTH = 5
MAX_INDEX = 999
POLLUTING = frozenset({"__proto__", "constructor", "prototype"})

_BAD_ESCAPE = re.compile(rb"%(?![0-9A-Fa-f]{2})")
_KEY = re.compile(r"([^\[\]]+)((?:\[[^\[\]]*\])*)")
_INDEX = re.compile(r"[0-9]+")


class QueryError(ValueError):
    """A query string that breaks the grammar or its limits; the message holds no value."""


def decode_query(raw: bytes) -> dict[str, Any]:
    """Decode a query string.

    Returns: JSON-like: text, lists and dicts of text; names in the order of their first appearance.
    Raises: QueryError for bad escapes, text that is not UTF-8, misplaced brackets, one name in two shapes, more than
        1000 pairs, more than 5 levels, or an index above 999.
    """
    if not raw:
        return {}
    if raw.count(b"&") >= MAX_PAIRS and sum(map(bool, raw.split(b"&"))) > MAX_PAIRS:
        raise QueryError(f"query string has more than {MAX_PAIRS} parameters")
    root = _Object()
    for pair in raw.split(b"&"):
        key, _, value = pair.partition(b"=")
        if key:
            steps = _steps(_text(key))
            text = _text(value)
            if steps is not None:
                root.put(steps, text, steps[0])
    return root.plain()


def _text(part: bytes) -> str:
    if part.isalnum():
        return part.decode("ascii")
    if _BAD_ESCAPE.search(part):
        raise QueryError("query string has an invalid percent escape")
    try:
        return unquote_to_bytes(part.replace(b"+", b" ")).decode()
    except UnicodeDecodeError:
        raise QueryError("query string is not UTF-8") from None


def _steps(key: str) -> list[str] | None:
    """Split ``a[b][]`` into its parts; ``None`` for a key that is to be dropped."""
    if "[" not in key and "]" not in key:
        return None if key in POLLUTING else [key]
    if key.count("[") > MAX_DEPTH:
        raise QueryError(f"query string is nested deeper than {MAX_DEPTH} levels")
    if key.startswith("[]"):
        return None  # no name before the brackets: an empty key
    match = _KEY.fullmatch(key)
    if match is None:
        raise QueryError("query string has a parameter with misplaced brackets")
    steps = [match[1], *match[2][1:-1].split("][")]
    return None if POLLUTING.intersection(steps) else steps


def _clash(name: str) -> NoReturn:
    raise QueryError(f"{name[:80]} is used in two shapes")


@dataclass(slots=True)
class _Leaf:
    text: str

    def plain(self) -> str:
        return self.text


@dataclass(slots=True)
class _Object:
    members: dict[str, _Leaf | _Object | _Array] = field(default_factory=dict)

    def put(self, steps: list[str], text: str, name: str) -> None:
        """Put a leaf at ``steps``, whose first names the member; ``name`` is the parameter, for messages."""
        head, rest = steps[0], steps[1:]
        node = self.members.get(head)
        if not rest:
            self._put_leaf(head, node, text, name)
            return
        wanted: type[_Object | _Array] = _Array if _is_position(rest[0]) else _Object
        if isinstance(node, _Leaf) and wanted is _Array:
            node = self.members[head] = _Array([(None, node)])
        elif node is None:
            node = self.members[head] = wanted()
        if not isinstance(node, wanted):
            _clash(name)
        node.put(rest, text, name)

    def _put_leaf(self, head: str, node: _Leaf | _Object | _Array | None, text: str, name: str) -> None:
        if node is None:
            self.members[head] = _Leaf(text)
        elif isinstance(node, _Leaf):
            self.members[head] = _Array([(None, node), (None, _Leaf(text))])
        elif isinstance(node, _Array):
            node.items.append((None, _Leaf(text)))
        else:
            _clash(name)

    def lacks(self, steps: list[str]) -> bool:
        """Whether a leaf at ``steps`` would be new here, rather than a repetition."""
        node = self.members.get(steps[0])
        if node is None or len(steps) == 1:
            return node is None
        if _is_position(steps[1]):
            return isinstance(node, _Array)
        return isinstance(node, _Object) and node.lacks(steps[1:])

    def plain(self) -> dict[str, Any]:
        return {key: node.plain() for key, node in self.members.items()}


@dataclass(slots=True)
class _Array:
    """Items in order of arrival, each with the index it was written with."""

    items: list[tuple[int | None, _Leaf | _Object]] = field(default_factory=list)

    def put(self, steps: list[str], text: str, name: str) -> None:
        index, rest = _index(steps[0]), steps[1:]
        if not rest:
            if index is not None and any(place == index and isinstance(node, _Object) for place, node in self.items):
                _clash(name)
            self.items.append((index, _Leaf(text)))
            return
        if _is_position(rest[0]):
            raise QueryError(f"{name[:80]} nests a list directly in a list")
        self._element(index, rest, name).put(rest, text, name)

    def _element(self, index: int | None, rest: list[str], name: str) -> _Object:
        """The object that ``x[…][key]`` belongs to: of that index, or the last one while it lacks the key."""
        if index is not None:
            for place, node in self.items:
                if place == index:
                    return node if isinstance(node, _Object) else _clash(name)
        elif self.items:
            place, last = self.items[-1]
            if place is None and isinstance(last, _Object) and last.lacks(rest):
                return last
        element = _Object()
        self.items.append((index, element))
        return element

    def plain(self) -> list[Any]:
        if all(index is not None for index, _ in self.items):
            self.items.sort(key=lambda item: item[0] or 0)
        return [node.plain() for _, node in self.items]


def _is_position(step: str) -> bool:
    return step == "" or _INDEX.fullmatch(step) is not None


def _index(step: str) -> int | None:
    if not step:
        return None
    if len(step.lstrip("0")) > len(str(MAX_INDEX)) or int(step) > MAX_INDEX:
        raise QueryError(f"query string has an index above {MAX_INDEX}")
    return int(step)
