"""Headers and bodies of webhooks as they are shown to people: the secrets in headers masked, bodies cut."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Mapping
from typing import cast

from wsaas.telemetry.webhooks import Answer, Request

MAX_SHOWN = 10_240
"""Bytes of a body that are shown."""
MAX_HEADER = 1024
"""Characters of a header's value that are shown."""
_SECRET = frozenset({"authorization", "cookie", "proxy-authorization", "set-cookie", "x-api-key"})
_SIGNATURE = "webhook-signature"
_UTF8_LENGTH = 4


class Payloads:
    """Writes requests to the backend at this address, and its answers, as members of a JSON object."""

    def __init__(self, address: str) -> None:
        self._address = address

    def members(self, request: object, answer: object) -> str:
        """Return the members for a webhook and for its answer, as far as there are any, each with a comma in front."""
        members: dict[str, object] = {}
        if request is not None:
            members["request"] = self._request(cast(Request, request))
        if answer is not None and not isinstance(answer, BaseException):
            members["answer"] = answer_members(cast(Answer, answer))
        return in_an_object(members)

    def _request(self, request: Request) -> Mapping[str, object]:
        lines = (line.partition(b": ") for line in request.head.split(b"\r\n")[:-1])
        return {
            "method": request.method.decode("ascii"),
            "url": f"{self._address}/{request.id.decode('ascii')}",
            "headers": shown_headers((name, value) for name, _, value in lines),
            **body_members(request.body),
        }


def answer_members(answer: Answer) -> dict[str, object]:
    """Return status, headers and body of an answer."""
    return {"status": answer.status, "headers": shown_headers(answer.headers), **body_members(answer.body)}


def shown_headers(headers: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    """Return headers by name in lower case, as they may be shown: repeated ones joined, secrets masked."""
    shown: dict[str, str] = {}
    for raw, value in headers:
        name = raw.decode("latin-1").lower()
        if name in _SECRET:
            shown[name] = "***"
        elif name == _SIGNATURE:
            shown[name] = "whsec ok"
        else:
            text = value.decode("latin-1")[:MAX_HEADER]
            shown[name] = f"{shown[name]}, {text}"[:MAX_HEADER] if name in shown else text
    return shown


def body_members(body: bytes, most: int = MAX_SHOWN) -> dict[str, object]:
    """Return the beginning of a body, `most` bytes of it, as text if it is UTF-8, and its size."""
    part = body[:most]
    try:
        text = part.decode()
    except UnicodeDecodeError as error:
        if len(part) == len(body) or error.start < len(part) - _UTF8_LENGTH + 1:
            return {"body_base64": base64.b64encode(part).decode("ascii"), "size": len(body)}
        text = part[: error.start].decode()  # the cut is within a character
    return {"body": text, "size": len(body)}


def in_an_object(members: Mapping[str, object]) -> str:
    """Return the members as text, each with a comma in front, for an object that has others before."""
    return "," + json.dumps(members, separators=(",", ":"))[1:-1] if members else ""
