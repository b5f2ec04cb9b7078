"""Routes: from an event to its target, and from a message to its route key."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping

CONNECT, DISCONNECT, DEFAULT = "$connect", "$disconnect", "$default"
DEFAULT_SELECTION = "$request.body.action"
_PATH = r"request\.body((?:\.[A-Za-z0-9_-]+)+)"
_WHOLE = re.compile(rf"\${_PATH}")
_PART = re.compile(rf"\$\{{{_PATH}\}}")


class Selection:
    """A route selection expression: `$request.body.action`, or parts such as `${request.body.service}/x`.

    ValueError if the text is none.
    """

    def __init__(self, expression: str) -> None:
        whole = _WHOLE.fullmatch(expression)
        self._pieces: list[tuple[str, tuple[str, ...]]] = []
        """Literal texts, each with the path of the value behind it; the last path is empty."""
        if whole is not None:
            self._pieces = [("", _names(whole[1])), ("", ())]
            return
        pieces = _PART.split(expression)
        if len(pieces) == 1 or any("$" in literal for literal in pieces[::2]):
            raise ValueError(
                f"{expression!r} is no route selection expression: $request.body.action, or "
                "${request.body.service}/${request.body.action}"
            )
        paths = [*map(_names, pieces[1::2]), ()]
        self._pieces = list(zip(pieces[::2], paths, strict=True))

    def key(self, body: str) -> str | None:
        """Return the route key that a message names; None if it is no JSON object, or lacks a value."""
        try:
            message = json.loads(body)
        except (ValueError, RecursionError):
            return None
        if not isinstance(message, dict):
            return None
        key = ""
        for literal, path in self._pieces:
            value: object = message
            for name in path:
                value = value.get(name) if isinstance(value, dict) else None
            if path and not isinstance(value, str):
                return None
            key += f"{literal}{value if path else ''}"
        return key


def _names(path: str) -> tuple[str, ...]:
    return tuple(path[1:].split("."))


def select(selection: Selection, routes: Mapping[str, object], body: str | None) -> str | None:
    """Return the key of the route of a message, None if there is none. `body` is None for a binary message.

    A message cannot select the routes whose keys begin with a dollar sign.
    """
    key = None if body is None else selection.key(body)
    if key is not None and key in routes and not key.startswith("$"):
        return key
    return DEFAULT if DEFAULT in routes else None
