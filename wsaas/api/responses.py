"""The form of an answer of the API: of one that Klein gives, and of one that the connection writes itself."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Protocol

from twisted.web.http import datetimeToString
from twisted.web.iweb import IRequest


@dataclass(frozen=True, slots=True)
class ApiResponse:
    """A status, a JSON object, and headers beside those that every answer has. With an empty object it has no body."""

    status: int
    content: Mapping[str, object]
    headers: tuple[tuple[str, str], ...] = ()

    @property
    def media_type(self) -> str:
        """The media type of the body."""
        return "application/json"

    @property
    def phrase(self) -> bytes:
        """The reason phrase of the status line (RFC 9112, 4)."""
        return HTTPStatus(self.status).phrase.encode("ascii")

    def body(self) -> bytes:
        """Return the JSON object, in ASCII and on one line, with a line end: after curl a prompt follows."""
        if not self.content:
            return b""
        return json.dumps(self.content).encode("ascii") + b"\n"

    def all_headers(self, body: bytes) -> Iterator[tuple[str, str]]:
        """Yield the headers of this answer, whose body `body()` gave."""
        if body:
            yield "Content-Type", self.media_type
        if self.status != HTTPStatus.NO_CONTENT:  # RFC 9110, 8.6
            yield "Content-Length", str(len(body))
        yield "Cache-Control", "no-store"
        yield from self.headers

    def write_to(self, request: IRequest) -> bytes:
        """Set status and headers of the request's answer, and return the body that is to follow."""
        body = self.body()
        request.setResponseCode(self.status, self.phrase)
        for name, value in self.all_headers(body):
            request.setHeader(name, value)
        return body

    def finish(self, request: IRequest) -> None:
        """Answer the request with this, and end it."""
        request.write(self.write_to(request))
        request.finish()

    def serialize(self, *, last: bool = False, body_wanted: bool = True) -> bytes:
        """Return the whole answer as it goes over the wire, past twisted.web and in its form.

        The `last` one of a connection says so. The answer to a HEAD has no body.
        """
        body = self.body()
        lines = [b"HTTP/1.1 %d %s" % (self.status, self.phrase), b"Date: " + datetimeToString()]
        lines += [f"{name}: {value}".encode("ascii") for name, value in self.all_headers(body)]
        if last:
            lines.append(b"Connection: close")
        return b"\r\n".join([*lines, b"", body if body_wanted else b""])


class Answer(Protocol):
    """The answer of a route: an ApiResponse, or another that writes itself."""

    def write_to(self, request: IRequest) -> bytes:
        """Set status and headers of the request's answer, unless that is done, and return the body that follows."""


class Streamed:
    """An answer of this media type whose body is written by and by, until the request is over. A HEAD gets none."""

    def __init__(self, media_type: str) -> None:
        self._media_type = media_type
        self._begun = False

    def begin(self, request: IRequest, first: bytes) -> None:
        """Write the headers, and the first part of the body."""
        self._begun = True
        request.setHeader("Content-Type", self._media_type)
        request.setHeader("Cache-Control", "no-store")
        request.setHeader("X-Accel-Buffering", "no")  # nginx would keep the events until it has 4 KiB of them
        request.write(first)

    def write_to(self, request: IRequest) -> bytes:
        """Return nothing more: all is written."""
        if not self._begun:
            self.begin(request, b"")
        return b""


@dataclass(frozen=True, slots=True)
class RawResponse(ApiResponse):
    """An answer whose body is no JSON object: its bytes as they are, of this media type."""

    raw: bytes = b""
    of_type: str = "text/plain"

    def body(self) -> bytes:
        return self.raw

    @property
    def media_type(self) -> str:
        return self.of_type


OK = {"code": "OK"}
DONE = ApiResponse(200, OK)
"""The answer that says no more than that the request is carried out."""
