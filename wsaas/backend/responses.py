"""Reads the backend's answers, and its silence: their meaning for a connection."""

from __future__ import annotations

from collections.abc import Callable
from sys import maxsize

from wsaas.backend.answer_json import UNASKED, InvalidAnswer
from wsaas.backend.answer_log import AnswerLog
from wsaas.backend.batch_answers import may_count, read_batch
from wsaas.backend.decision import decide
from wsaas.backend.refresh_answers import read_refresh
from wsaas.backend.retries import TRY_AGAIN, Retry, retry_after
from wsaas.core.events import Batch, CloseCode, Closed, Event, Opened, Received, Refresh
from wsaas.core.model import Frame, Handshake
from wsaas.core.outcomes import (
    Acknowledged,
    CloseRequested,
    ConnectOutcome,
    Delivered,
    Indeterminate,
    MessageOutcome,
    Outcome,
    Refused,
)
from wsaas.core.refusal import Refusal, RefusalReason
from wsaas.core.streams import ReplyStream
from wsaas.http_client.body_stream import BodyStream, StreamedResponse
from wsaas.http_client.exchange import Fault, HttpResponse, NotSent, TimedOut
from wsaas.net.handshake_response import HandshakeResponse
from wsaas.net.http_grammar import OWS
from wsaas.telemetry.webhooks import REPLY, WITHOUT_CONTENT

_COME_AGAIN = ((b"retry-after", b"5"),)
_BAD_GATEWAY = HandshakeResponse(502, "BAD_GATEWAY")
_UNAVAILABLE = HandshakeResponse(503, "UNAVAILABLE", _COME_AGAIN)
_TIMEOUT = HandshakeResponse(504, "TIMEOUT")
_REASONS = {502: RefusalReason.NO_ANSWER, 503: RefusalReason.BACKEND_FAILED, 504: RefusalReason.TIMEOUT}
_TO_THE_CLIENT = (b"www-authenticate", b"retry-after")
MAX_REFUSAL = 16384
"""Bytes of a body that the client of a refused connect gets. In the place of a longer one it gets the gateway's own."""
FROM_BETWEEN = frozenset({502, 504, 520, 524})
"""Statuses of a proxy that cannot know whether the request arrived. (520 to 524 are Cloudflare's.)"""
# Envoy says 503 as well when the backend's connection ends after the request was sent.
_RESET_BEHIND_ENVOY = b"upstream connect error or disconnect/reset before headers"
_CLOSES = {401: CloseCode.POLICY, 403: CloseCode.POLICY, 410: CloseCode.NORMAL}
DELIVERED = Delivered()
"""The outcome of a message that was taken without a word to the client or to the log. (One that was refused, and counts
as delivered, is another object.)
"""
ACKNOWLEDGED = Acknowledged()
"""The outcome of a disconnect that was heard."""
CODES = {401: "UNAUTHORIZED", 403: "FORBIDDEN", 404: "NOT_FOUND", 429: "TOO_MANY_REQUESTS"}


OpenStream = Callable[[bytes, BodyStream], ReplyStream]
"""Makes the reply of a kind (in lower case) and of a body that the backend still writes."""


def read(
    id: str,
    event: Event,
    answer: HttpResponse | Fault,
    wall_clock: Callable[[], float],
    answer_log: AnswerLog,
    open_stream: OpenStream | None = None,
) -> Outcome | Retry:
    """Return the outcome that `answer` has for this event of the connection `id`, or that it is to be sent again.

    `wall_clock()` is the time in seconds since the epoch, for dates in Retry-After. `open_stream` is for an answer to a
    message of which only the head is there.
    """
    if isinstance(answer, StreamedResponse) and answer.stream is not None and open_stream is not None:
        return _streamed(id, answer, answer.stream, answer_log, open_stream)
    match event:
        case Received():
            return _message(id, answer, wall_clock, answer_log)
        case Batch():
            return _message(id, answer, wall_clock, answer_log, event)
        case Opened(handshake):
            return _connect(id, answer, handshake, answer_log)
        case Refresh():
            return read_refresh(id, answer, wall_clock, answer_log)
        case Closed():
            return _disconnect(id, answer, wall_clock, answer_log)


def _connect(id: str, answer: HttpResponse | Fault, handshake: Handshake, answer_log: AnswerLog) -> ConnectOutcome:
    if isinstance(answer, NotSent):
        answer_log.not_ok("connect", id, answer, _then(_UNAVAILABLE))
        return Refused(_refusal(_UNAVAILABLE))
    if isinstance(answer, Fault):
        response = _TIMEOUT if isinstance(answer, TimedOut) else _BAD_GATEWAY
        answer_log.not_ok("connect", id, answer, _then(response, indeterminate=True))
        return Indeterminate(_refusal(response))
    if 200 <= answer.status < 300:
        return _decided(id, answer, handshake, answer_log)
    response = _refused(answer)
    # The backend may have accepted before it, or behind it.
    indeterminate = answer.sent > 1 or _from_between(answer)
    if indeterminate and answer.status < 500:
        response = _UNAVAILABLE
    answer_log.not_ok("connect", id, answer, _then(response, indeterminate))
    return (Indeterminate if indeterminate else Refused)(_refusal(response))


def _refusal(response: HandshakeResponse) -> Refusal:
    """Return the refusal that this response tells the client: a 4xx is the backend's own no (VETOED)."""
    return Refusal(_REASONS.get(response.status, RefusalReason.VETOED), response=response)


NO_ANSWER = _refusal(_BAD_GATEWAY)
"""The refusal of a client whose connect has got no answer that can be understood."""


def _then(response: HandshakeResponse, indeterminate: bool = False) -> str:
    """Return the consequence of an answer, for the log."""
    return f"the client gets {response.status}" + (", and a DELETE follows" if indeterminate else "")


def _from_between(answer: HttpResponse) -> bool:
    return answer.status in FROM_BETWEEN or (answer.status == 503 and answer.body.startswith(_RESET_BEHIND_ENVOY))


def _refused(answer: HttpResponse) -> HandshakeResponse:
    """Make the client's response of an answer that is no 2xx."""
    passed = tuple((name, value) for name, value in answer.headers if name in _TO_THE_CLIENT)[:8]
    if 400 <= answer.status < 500:
        body = b"" if answer.truncated or answer.coding is not None or len(answer.body) > MAX_REFUSAL else answer.body
        media_type = answer.header(b"content-type")
        if body and media_type is not None:
            passed += ((b"content-type", media_type),)
        return HandshakeResponse(answer.status, CODES.get(answer.status, "REFUSED"), passed, body=body)
    if answer.status >= 500:
        retry_after = tuple(header for header in passed if header[0] == b"retry-after")[:1]
        return HandshakeResponse(503, "UNAVAILABLE", retry_after or _COME_AGAIN)
    return _BAD_GATEWAY


def _decided(id: str, answer: HttpResponse, handshake: Handshake, answer_log: AnswerLog) -> ConnectOutcome:
    """Read what a 2xx decides; of a POST that was sent again, only an OK is clear."""
    unclear = _UNAVAILABLE if answer.sent > 1 else None
    try:
        decision, flaws = decide(answer, handshake)
    except InvalidAnswer as error:
        response = unclear or _BAD_GATEWAY
        answer_log.invalid("connect", id, answer, str(error), _then(response, indeterminate=True))
        return Indeterminate(_refusal(response))
    if isinstance(decision, HandshakeResponse):
        answer_log.other_code("connect", id, decision.code, _then(unclear or decision, unclear is not None))
        return Indeterminate(_refusal(unclear)) if unclear else Refused(_refusal(decision))
    answer_log.left_out(id, flaws, "the OK to a connect")
    return decision


def _message(
    id: str,
    answer: HttpResponse | Fault,
    wall_clock: Callable[[], float],
    answer_log: AnswerLog,
    batch: Batch | None = None,
) -> MessageOutcome | Retry:
    if isinstance(answer, Fault):
        answer_log.not_ok("message", id, answer, "it is sent again")
        return Retry(str(answer))
    status = answer.status
    if 200 <= status < 300:
        if batch is not None and answer.header(REPLY) is None:
            return _batch(id, answer, answer_log, batch)
        reply = _reply(id, answer, answer_log, maxsize if batch is None else batch.longest)
        return DELIVERED if reply is None else Delivered(reply)
    if status in _CLOSES:
        answer_log.not_ok("message", id, answer, f"the connection is closed with {_CLOSES[status]}")
        return CloseRequested(_CLOSES[status])
    if status in TRY_AGAIN or status >= 500:
        answer_log.not_ok("message", id, answer, "it is sent again")
        return Retry(f"status {status}", retry_after(answer, wall_clock))
    answer_log.not_ok("message", id, answer, "it is not sent again, and the connection goes on")
    return Delivered()


def _streamed(
    id: str, answer: StreamedResponse, body: BodyStream, answer_log: AnswerLog, open_stream: OpenStream
) -> Delivered:
    """Read the head of a streamed reply."""
    if answer.coding is not None:
        reason = f"it says {answer.coding}, which was not asked for: {UNASKED}"
        answer_log.warn(
            "reply coded", id, "a message was delivered, but its reply was not sent: {reason}", reason=reason
        )
        body.cancel()
        return Delivered()
    return Delivered(stream=open_stream((answer.header(REPLY) or b"").strip(OWS).lower(), body))


def _batch(id: str, answer: HttpResponse, answer_log: AnswerLog, batch: Batch) -> Delivered | Retry:
    """Read what a 2xx says of the messages of a batch."""
    count = len(batch.messages)
    try:
        taken, replies, flaws = read_batch(answer, count, batch.longest)
    except InvalidAnswer as error:
        if answer.truncated or answer.coding is not None:
            answer_log.warn(
                "batch not read",
                id,
                "an answer to a batch was not read, and all its messages count as accepted: {reason}",
                reason=str(error),
            )
        return DELIVERED
    answer_log.left_out(id, flaws, "the answer to a batch")
    if taken == 0:
        answer_log.not_ok("message", id, answer, "none of the batch was accepted, and it is sent again")
        return Retry('"accepted" is 0')
    if taken == count and not replies and not flaws:
        # Another object than DELIVERED: the same bytes may say of a longer batch that a part of it was taken.
        return Delivered() if may_count(answer.body) else DELIVERED
    return Delivered(replies[0] if replies else None, replies[1:], None if taken == count else taken)


def _reply(id: str, answer: HttpResponse, answer_log: AnswerLog, longest: int) -> Frame | None:
    """Return the reply for the client, or None. A reply that cannot be sent is None with a warning.

    It has `longest` bytes at most. (Of an answer to one message no more are read.)
    """
    header = answer.header(REPLY)
    if header is None or answer.status in WITHOUT_CONTENT:
        return None
    kind = header.strip(OWS).lower()
    if answer.truncated or len(answer.body) > longest:
        flaw, reason = "too long", "it is over MAX_MESSAGE_SIZE"
    elif answer.coding is not None:
        flaw, reason = "coded", f"it says {answer.coding}, which was not asked for: {UNASKED}"
    elif kind == b"binary":
        return Frame(answer.body, binary=True)
    elif kind != b"text":
        shown = header[:40].decode("ascii", "backslashreplace")
        flaw, reason = "of no kind", f"WSAAS-Reply is none of text, binary, lines and events but {shown}"
    else:
        try:
            answer.body.decode()
            return Frame(answer.body, binary=False)
        except UnicodeDecodeError as error:
            flaw, reason = (
                "not UTF-8",
                f"WSAAS-Reply says text, and byte {error.start} is not UTF-8; binary may be anything",
            )
    answer_log.warn(f"reply {flaw}", id, "a message was delivered, but its reply was not sent: {reason}", reason=reason)
    return None


def _disconnect(
    id: str, answer: HttpResponse | Fault, wall_clock: Callable[[], float], answer_log: AnswerLog
) -> Acknowledged | Retry:
    if isinstance(answer, Fault):
        answer_log.not_ok("disconnect", id, answer, "it is sent again")
        return Retry(str(answer))
    status = answer.status
    if 200 <= status < 300 or (400 <= status < 500 and status not in TRY_AGAIN):
        if status >= 400 and status not in (404, 410):
            answer_log.not_ok("disconnect", id, answer, "it is not sent again")
        return ACKNOWLEDGED
    answer_log.not_ok("disconnect", id, answer, "it is sent again")
    return Retry(f"status {status}", retry_after(answer, wall_clock))
