"""The pool as twisted.web's IAgent, so that treq's client can send over it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.interfaces import IConsumer, IProtocol, IPushProducer
from twisted.python.failure import Failure
from twisted.web.client import ResponseDone, ResponseFailed
from twisted.web.http import RESPONSES
from twisted.web.http_headers import Headers
from twisted.web.iweb import UNKNOWN_LENGTH, IAgent, IBodyProducer, IClientRequest, IResponse
from zope.interface import implementer

from wsaas.http_client.exchange import Fault, HttpResponse
from wsaas.http_client.late_headers import RequestHeaders, ResponseHeaders
from wsaas.http_client.pool import Pool
from wsaas.net.http_grammar import FIELD_LINE, FRAMING, HOP_BY_HOP, ORIGIN_FORM, encoded, octets

# Framing and hop-by-hop headers are the pool's own (RFC 9110, 7.6.1). So is Accept-Encoding: treq adds one that invites
# a decompression bomb. Expect asks for a 100 that the pool does not wait for.
_NOT_PASSED_ON = encoded(HOP_BY_HOP | FRAMING | {"accept-encoding", "expect", "host"})
_HEADER = octets(FIELD_LINE)
_PATH = octets(ORIGIN_FORM)


class TruncatedBody(Exception):
    """The body is longer than the limit; the part up to the limit was delivered."""


@implementer(IAgent)
class PoolAgent:
    """An IAgent for the pool's one origin.

    A URI is path and query: an IAgent may take relative ones, and no other origin can then be asked for.

    `timeout` is seconds for one exchange in all; of a response's body at most `limit` bytes are kept. The Deferreds
    fail with the pool's Faults; or with ValueError for a request that must not be sent: one whose URI is no path, one
    with impossible headers, one with another body than a BytesProducer. `deferred` is their class (see
    `internals/plain_callbacks.py`).
    """

    def __init__(self, pool: Pool, *, timeout: float, limit: int, deferred: type[Deferred[Any]] = Deferred) -> None:
        self._exchange = pool.exchange
        self._timeout = timeout
        self._limit = limit
        self._deferred = deferred

    def request(
        self, method: bytes, uri: bytes, headers: Headers | None = None, bodyProducer: IBodyProducer | None = None
    ) -> Deferred[IResponse]:
        """Send a request: IAgent. The response is complete when the Deferred fires: its body is in memory.

        Cancelling the Deferred drops the connection.
        """
        headers = Headers() if headers is None else headers
        timing = None
        try:
            if not _PATH.fullmatch(uri):
                raise ValueError("the URI must be a path, its characters percent-encoded where they must be")
            if type(headers) is RequestHeaders:
                timing = headers.timing
                head = headers.lines if headers.only_lines else _head(headers)
            else:
                head = _head(headers)
            body = bodyProducer.body if type(bodyProducer) is BytesProducer else _body(bodyProducer)
        except Exception:  # a Deferred is promised
            return fail()
        result: Deferred[IResponse] = self._deferred(lambda _: exchange.cancel())

        def done(answer: HttpResponse | Fault) -> None:
            if isinstance(answer, Fault):
                result.errback(answer)
            else:
                result.callback(Response(answer, method, uri, headers))

        exchange = self._exchange(method, uri, head, body, self._limit, self._timeout, done, timing)
        return result


def _head(headers: Headers) -> bytes:
    """Return the header lines to send, less those that the pool writes itself."""
    if isinstance(headers, RequestHeaders) and headers.only_lines:
        return headers.lines
    ready = b""
    table: Iterable[tuple[bytes, Sequence[bytes]]]
    if isinstance(headers, RequestHeaders):
        ready, table = headers.lines, headers.added()
    else:
        table = headers.getAllRawHeaders()
    lines = []
    for name, values in table:
        if name.lower() in _NOT_PASSED_ON:
            continue
        for value in values:
            line = b"%b: %b" % (name, value)
            if not _HEADER.fullmatch(line):
                raise ValueError("the request has an impossible header")
            lines.append(line + b"\r\n")
    return ready + b"".join(lines) if lines else ready


def _body(producer: IBodyProducer | None) -> bytes:
    if producer is None:
        return b""
    if not isinstance(producer, BytesProducer):
        raise ValueError("the body must be a BytesProducer")
    return producer.body


@implementer(IBodyProducer)
class BytesProducer:
    """A request body in memory. (treq's own producer asks the global reactor for a turn per piece.)"""

    def __init__(self, body: bytes) -> None:
        self.body = body
        self.length = len(body)

    def startProducing(self, consumer: IConsumer) -> Deferred[None]:
        """Write the whole body: IBodyProducer."""
        consumer.write(self.body)
        return succeed(None)

    def pauseProducing(self) -> None:
        """Do nothing: the body is written."""

    def resumeProducing(self) -> None:
        """Do nothing: the body is written."""

    def stopProducing(self) -> None:
        """Do nothing: the body is written."""


@implementer(IClientRequest)
class _Request:
    def __init__(self, method: bytes, uri: bytes, headers: Headers) -> None:
        self.method = method
        self.absoluteURI = uri
        self.headers = headers


@implementer(IResponse)
class Response:
    """An HttpResponse, which is `answer`, as IResponse. Its body is delivered at once, each time that it is asked for.

    A Content-Encoding is not among `headers`: treq would inflate the body without a bound. `answer` has it.
    """

    version = (b"HTTP", 1, 1)
    previousResponse: IResponse | None = None

    def __init__(self, answer: HttpResponse, method: bytes, uri: bytes, headers: Headers) -> None:
        self.answer = answer
        self.code = answer.status
        self.headers = ResponseHeaders(answer.headers)
        self._asked = method, uri, headers

    @property
    def phrase(self) -> bytes:
        """The reason phrase that belongs to the status: IResponse. The backend's own is not kept."""
        return RESPONSES.get(self.code, b"")

    @property
    def length(self) -> int | Any:
        """The body's length: IResponse. That of a truncated body is unknown."""
        return UNKNOWN_LENGTH if self.answer.truncated else len(self.answer.body)

    @property
    def request(self) -> IClientRequest:
        """The request that was answered: IResponse."""
        return _Request(*self._asked)

    def setPreviousResponse(self, response: IResponse) -> None:
        """Note the response that led to this one: IResponse."""
        self.previousResponse = response

    def deliverBody(self, protocol: IProtocol) -> None:
        """Deliver the body: IResponse. A truncated body ends with ResponseFailed."""
        protocol.makeConnection(_Delivered())  # type: ignore[arg-type]  # an IPushProducer, as IResponse says
        if self.answer.body:
            protocol.dataReceived(self.answer.body)
        end: Exception = ResponseDone()
        if self.answer.truncated:
            end = ResponseFailed([Failure(TruncatedBody())])
        protocol.connectionLost(Failure(end))


@implementer(IPushProducer)
class _Delivered:
    """The transport of a body that is delivered in one piece: nothing of it can be held back."""

    def pauseProducing(self) -> None:
        """Do nothing."""

    def resumeProducing(self) -> None:
        """Do nothing."""

    def stopProducing(self) -> None:
        """Do nothing."""

    def loseConnection(self) -> None:
        """Do nothing."""
