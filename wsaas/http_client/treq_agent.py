"""treq over the pool: its comforts where they are worth their time, without what a webhook must never do.

No redirect is followed, no cookie is kept or sent, no compressed answer is asked for or inflated, whatever the caller
or the backend says.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cached_property
from typing import Any
from urllib.parse import urlsplit

from treq.client import HTTPClient
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.interfaces import IConsumer, IProtocol, IPushProducer
from twisted.python.failure import Failure
from twisted.web.client import ResponseDone, ResponseFailed
from twisted.web.http import RESPONSES
from twisted.web.http_headers import Headers
from twisted.web.iweb import UNKNOWN_LENGTH, IAgent, IBodyProducer, IClientRequest, IResponse
from zope.interface import implementer

from wsaas.http_client.exchange import Fault, HttpResponse
from wsaas.http_client.pool import Pool

# Framing and hop-by-hop headers are the pool's affair (RFC 9110, 7.6.1), and so is Accept-Encoding: treq adds one that
# would invite a decompression bomb. Expect would make us wait for a 100 that the pool does not wait for.
_NOT_PASSED_ON = frozenset(
    b"accept-encoding connection content-length expect host keep-alive proxy-connection te trailer transfer-encoding "
    b"upgrade".split()
)
_HEADER = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+: [^\x00-\x08\x0a-\x1f\x7f]*\r\n")
_PATH = re.compile(rb"/[!-~]*")
_PLAIN_PATH = re.compile(rb"/[!\"$->@-~]*")  # the same without query and fragment
_DEFAULT_PORTS = {"http": 80, "https": 443}


class TruncatedBody(Exception):
    """The body is longer than the limit; what was delivered is its beginning."""


@implementer(IAgent)
class PoolAgent:
    """IAgent for the pool's one origin. Its Deferreds fail with the pool's Faults, and with ValueError for a request
    that must not be sent: to another origin, with a body that takes time, with headers that are none.
    """

    def __init__(self, pool: Pool, origin: bytes, *, timeout: float, limit: int) -> None:
        self.pool = pool
        self._origin = origin
        self._parts = _origin_and_path(origin)[0]
        self._timeout = timeout
        self._limit = limit

    def within(self, *, timeout: float, limit: int) -> PoolAgent:
        """The same agent with other bounds: seconds for all of an exchange, bytes of an answer's body."""
        return PoolAgent(self.pool, self._origin, timeout=timeout, limit=limit)

    def request(
        self, method: bytes, uri: bytes, headers: Headers | None = None, bodyProducer: IBodyProducer | None = None
    ) -> Deferred[IResponse]:
        """IAgent. The response is complete when the Deferred fires: its body is in memory."""
        headers = Headers() if headers is None else headers
        try:
            path = self._path(uri)
            head = _head(headers)
            if isinstance(bodyProducer, BytesProducer):
                head += bodyProducer.head
            body = b"" if bodyProducer is None else _collect(bodyProducer)
        except Exception:  # a Deferred is promised
            return fail()
        request = _Request(method, uri, headers)
        result: Deferred[IResponse] = Deferred(lambda _: exchange.cancel())

        def done(answer: HttpResponse | Fault) -> None:
            if isinstance(answer, HttpResponse):
                result.callback(Response(answer, request))
            else:
                result.errback(answer)

        exchange = self.pool.exchange(method, path, head, body, self._limit, self._timeout, done)
        return result

    def _path(self, uri: bytes) -> bytes:
        """The path and query of an address of our origin; spelled as the origin is, it need not be parsed."""
        path = uri[len(self._origin) :]
        if not uri.startswith(self._origin) or not _PLAIN_PATH.fullmatch(path):
            parts, path = _origin_and_path(uri)
            if parts != self._parts:
                raise ValueError("this agent has another origin")
        return path


def _origin_and_path(uri: bytes) -> tuple[tuple[str, str | None, int | None], bytes]:
    url = urlsplit(uri.decode("ascii"))
    if "@" in url.netloc:
        raise ValueError("a URL with credentials")
    path = (url.path or "/") + (f"?{url.query}" if url.query else "")
    found = path.encode("ascii")
    if not _PATH.fullmatch(found):
        raise ValueError("a URL with characters that must be percent-encoded")
    return (url.scheme, url.hostname, url.port or _DEFAULT_PORTS.get(url.scheme)), found


def _head(headers: Headers) -> bytes:
    lines = []
    for name, values in headers.getAllRawHeaders():
        if name.lower() in _NOT_PASSED_ON:
            continue
        for value in values:
            line = b"%s: %s\r\n" % (name, value)
            if not _HEADER.fullmatch(line):
                raise ValueError("a header that cannot be sent")
            lines.append(line)
    return b"".join(lines)


@implementer(IConsumer)
class _Collector:
    """Takes a body that is written at once."""

    def __init__(self) -> None:
        self.pieces: list[bytes] = []

    def write(self, data: bytes) -> None:
        self.pieces.append(data)

    def registerProducer(self, producer: object, streaming: bool) -> None:
        """A body producer registers nothing: it is started."""

    def unregisterProducer(self) -> None:
        """See registerProducer."""


def _collect(producer: IBodyProducer) -> bytes:
    collector = _Collector()
    written = producer.startProducing(collector)
    done: list[object] = []
    written.addBoth(done.append)
    if not done:
        producer.stopProducing()
        raise ValueError("a body that takes time: use BytesProducer")
    if isinstance(done[0], Failure):
        done[0].raiseException()
    return b"".join(collector.pieces)


@implementer(IBodyProducer)
class BytesProducer:
    """A body that is there. (treq's own producer asks the global reactor for a turn per piece.)

    With it may come `head`, ready header lines that end in CRLF each: PoolAgent sends them as they are.
    """

    def __init__(self, body: bytes, head: bytes = b"") -> None:
        self._body = body
        self.head = head
        self.length = len(body)

    def startProducing(self, consumer: IConsumer) -> Deferred[None]:
        """All of it, now."""
        consumer.write(self._body)
        return succeed(None)

    def pauseProducing(self) -> None:
        """Too late."""

    def resumeProducing(self) -> None:
        """Never paused."""

    def stopProducing(self) -> None:
        """Too late."""


@implementer(IClientRequest)
class _Request:
    def __init__(self, method: bytes, uri: bytes, headers: Headers) -> None:
        self.method = method
        self.absoluteURI = uri
        self.headers = headers


@implementer(IResponse)
class Response:
    """An Answer as IResponse. Its body is delivered at once, as often as it is asked for.

    A Content-Encoding is not among `headers`: treq would inflate the body without a bound. `answer` has it.
    """

    version = (b"HTTP", 1, 1)

    def __init__(self, answer: HttpResponse, request: IClientRequest) -> None:
        self.answer = answer
        self.code = answer.status
        self.phrase = RESPONSES.get(answer.status, b"")
        self.length: int | Any = UNKNOWN_LENGTH if answer.truncated else len(answer.body)
        self.request = request
        self.previousResponse: IResponse | None = None

    @cached_property
    def headers(self) -> Headers:
        """IResponse."""
        headers = Headers()
        for name, value in self.answer.headers:
            if name != b"content-encoding":
                headers.addRawHeader(name, value)
        return headers

    def setPreviousResponse(self, response: IResponse) -> None:
        """IResponse."""
        self.previousResponse = response

    def deliverBody(self, protocol: IProtocol) -> None:
        """IResponse. A truncated body ends with ResponseFailed."""
        protocol.makeConnection(_Delivered())  # type: ignore[arg-type]  # an IPushProducer, as IResponse says
        if self.answer.body:
            protocol.dataReceived(self.answer.body)
        end: Exception = ResponseDone()
        if self.answer.truncated:
            end = ResponseFailed([Failure(TruncatedBody())])
        protocol.connectionLost(Failure(end))


@implementer(IPushProducer)
class _Delivered:
    """The transport of a body that is delivered in one piece."""

    def pauseProducing(self) -> None:
        """There is no more."""

    def resumeProducing(self) -> None:
        """There is no more."""

    def stopProducing(self) -> None:
        """There is no more."""

    def loseConnection(self) -> None:
        """There is no more."""


class WebhookClient(HTTPClient):
    """treq's client, straight over the agent: without the layers that a webhook must not have (cookies, redirects,
    decompression), which would be most of its cost, too. A caller cannot ask for them.
    """

    def __init__(self, agent: PoolAgent) -> None:
        super().__init__(agent)
        self._straight = agent.request

    def request(  # type: ignore[override]  # what treq has beyond this is refused
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        data: bytes | BytesProducer = b"",
        _stacklevel: int = 2,
    ) -> Deferred[IResponse]:
        """See treq.request. The response is complete, body and all; treq.content and its like read it."""
        body = data if isinstance(data, BytesProducer) else BytesProducer(data)
        raw = Headers({name: [value] for name, value in headers.items()}) if headers else None
        return self._straight(method.encode("ascii"), url.encode("ascii"), raw, body)
