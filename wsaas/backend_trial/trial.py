"""One trial of a backend: its made-up clients, and the webhooks that are sent for them, as the gateway sends them.

Ids of made-up clients begin with PREFIX, so that a backend's author knows them in its log. A client that the backend
has let in gets its disconnect webhook at the end, whatever happens before.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.python.failure import Failure

from wsaas.backend.reply_stream import KINDS
from wsaas.backend.requests import Contract
from wsaas.backend.sender import Sender
from wsaas.backend_trial.answers import Answered, Remarks, judge_answer, judge_stream
from wsaas.backend_trial.made_up_gateway import MadeUpGateway, MadeUpPeer
from wsaas.backend_trial.stream_reading import StreamReading
from wsaas.core.events import Cause, CloseCode, Closed, Event, Opened, Received, Refresh
from wsaas.core.identity import Identity
from wsaas.core.ids import ID_LENGTH, IdMint
from wsaas.core.model import Frame, Handshake
from wsaas.core.outcomes import Accepted, Acknowledged, ConnectOutcome, Indeterminate, Kept
from wsaas.core.records import Record
from wsaas.core.session import Session
from wsaas.core.states import State
from wsaas.http_client.body_stream import StreamedResponse
from wsaas.http_client.exchange import Fault, HttpResponse
from wsaas.net.http_grammar import OWS
from wsaas.telemetry.webhooks import REPLY

PREFIX = "WsaasTry"
"""The beginning of the ids of made-up clients, in the place of the part that names a gateway's process."""
CLOSED_BY_API = Closed(Cause.API, CloseCode.NORMAL, "", clean=True)
ENDED = Closed(Cause.CLIENT, CloseCode.NORMAL, "", clean=True)


@dataclass(frozen=True, slots=True)
class Terms:
    """The terms on which the gateway and the backend speak. Durations are seconds, sizes bytes.

    `handshake` is that of a made-up client; `message` a text that such clients send; `credentials` says if the
    handshake has any. `keys` are those of WEBHOOK_SECRET.
    """

    address: str
    local_address: str
    handshake: Handshake
    message: bytes
    credentials: bool = False
    keys: Sequence[bytes] = ()
    ws_timeout: float = 30.0
    webhook_timeout: float = 10.0
    concurrency: int = 64
    max_message_size: int = 1 << 20
    message_content_type: str = "application/json"
    user_agent: str = "WSAAS"
    api_tokens: tuple[str, ...] = ()


@dataclass(slots=True)
class Trial:
    """The things that all checks of a backend share. `opened()` is the number of connections to the backend so far.

    `random_bytes` must not be foreseeable, `bits(n)` is a random number of n bits.
    """

    terms: Terms
    sender: Sender
    clock: IReactorTime
    wall_clock: Callable[[], float]
    random_bytes: Callable[[int], bytes]
    bits: Callable[[int], int]
    opened: Callable[[], int]
    gateway: MadeUpGateway
    answers: list[HttpResponse] = field(default_factory=list)
    """All answers so far, without their bodies."""
    present: dict[str, Client] = field(default_factory=dict)
    """Clients that the backend may have let in, and of whose end it has not heard, by their ids."""
    pushed: int = 0
    """Messages that the backend has pushed to clients that are gone."""
    unreachable: bool = False
    """Set if the first webhook could not be sent."""
    expires_in: float | None = None
    """Seconds after which the backend wants to be asked about the main client again; None for never."""
    main: Client | None = None
    """The client whose messages most checks send, once it is let in."""

    def client(self, handshake: Handshake | None = None) -> Client:
        """Return a new client, of which the backend has not heard."""
        return Client(self, self.terms.handshake if handshake is None else handshake)

    def contract(self, keys: Sequence[bytes] | None = None, age: float = 0.0) -> Contract:
        """Return what makes webhooks, by default as the gateway would; else with these keys, or as if in the past."""
        terms = self.terms
        return Contract(
            local_address=terms.local_address,
            ws_timeout=terms.ws_timeout,
            message_content_type=terms.message_content_type,
            max_message_size=terms.max_message_size,
            secrets=terms.keys if keys is None else keys,
            user_agent=terms.user_agent,
            wall_clock=lambda: self.wall_clock() - age,
            bits=self.bits,
        )

    async def send(self, identity: Identity, event: Event, contract: Contract | None = None) -> Answered:
        """Send the webhook of an event, and return its answer."""
        webhook = (self.contract() if contract is None else contract).webhook(identity, event)
        begun = self.clock.seconds()
        result: Deferred[Answered] = Deferred()
        remarks = Remarks(self.clock, self.terms.address)

        def done(answer: HttpResponse | Fault | Failure) -> None:
            seconds = self.clock.seconds() - begun
            if isinstance(answer, Failure):
                result.errback(answer)
                return
            if isinstance(answer, HttpResponse):
                self.answers.append(HttpResponse(answer.status, answer.headers, b"", False))
            if isinstance(answer, StreamedResponse) and answer.stream is not None and answer.coding is None:
                kind = (answer.header(REPLY) or b"").strip(OWS).lower()
                decoder = KINDS[kind](self.terms.max_message_size)
                StreamReading(
                    self.clock,
                    decoder,
                    answer.stream,
                    lambda messages, flaw: result.callback(judge_stream(answer, seconds, messages, flaw)),
                )
            else:
                result.callback(judge_answer(identity.id, event, answer, seconds, remarks, self.wall_clock))

        self.sender.send(webhook, done)
        return await result

    async def let_in(self) -> Client:
        """Return the client whose messages most checks send; a new one if the backend has closed that."""
        assert self.main is not None, "a check that sends messages ran before that of the connect"
        if self.main.closed:
            await self.main.leave(closed=CLOSED_BY_API)
            self.main = self.client()
            await self.main.connect()
        return self.main


class Client:
    """A made-up client of the gateway, and its connection."""

    def __init__(self, trial: Trial, handshake: Handshake) -> None:
        self._trial = trial
        mint = IdMint(trial.random_bytes)
        id = PREFIX + mint.mint()[len(PREFIX) : ID_LENGTH]
        record = Record(id, trial.wall_clock(), handshake.repeated, mint.mint_trace())
        self.identity = Identity(record, handshake)
        self._record = record
        self._session: Session | None = None
        self._peer: MadeUpPeer | None = None
        self._sequence = 0

    @property
    def id(self) -> str:
        return self.identity.id

    @property
    def closed(self) -> bool:
        """Say if the backend has closed the connection, over the API."""
        return self._peer is not None and self._peer.closed

    @property
    def pushed(self) -> int:
        """The messages that the backend has pushed to it."""
        return 0 if self._peer is None else self._peer.pushed

    async def connect(self, contract: Contract | None = None) -> Answered:
        """Send the connect webhook; the same one again if it was sent before."""
        trial, again = self._trial, self.id in self._trial.present
        trial.present[self.id] = self
        if self._session is None:
            self._session, self._peer = trial.gateway.session(self._record, self.identity.handshake)
        got = await trial.send(self.identity, Opened(self.identity.handshake), contract)
        if isinstance(got.outcome, Accepted):
            self.identity.repeat(got.outcome.headers)
        elif not isinstance(got.outcome, Indeterminate) and not again:
            trial.present.pop(self.id, None)
        if not again and isinstance(got.outcome, ConnectOutcome):
            self._session.resolve(got.outcome)
        return got

    async def say(self, payload: bytes, binary: bool = False, contract: Contract | None = None) -> Answered:
        """Send the webhook of a new message."""
        self._sequence += 1
        return await self.repeat(payload, binary, contract)

    async def repeat(self, payload: bytes, binary: bool = False, contract: Contract | None = None) -> Answered:
        """Send the webhook of the last message again, with the same webhook-id."""
        event = Received(self._sequence, Frame(payload, binary))
        return await self._trial.send(self.identity, event, contract)

    async def refresh(self) -> Answered:
        """Send the webhook by which the backend is asked again, after the time of its answer to the connect."""
        trial = self._trial
        got = await trial.send(self.identity, Refresh(1, trial.wall_clock()))
        if isinstance(got.outcome, Kept):
            self.identity.repeat(got.outcome.headers)
        return got

    async def leave(self, contract: Contract | None = None, closed: Closed = ENDED) -> Answered:
        """Send the disconnect webhook; the same one again if it was sent before."""
        session = self._session
        if session is not None and contract is None:
            session.disconnected(closed.cause, closed.code, closed.reason, closed.clean)
        got = await self._trial.send(self.identity, closed, contract)
        if contract is None and isinstance(got.outcome, Acknowledged):
            if self._trial.present.pop(self.id, None) is not None:
                self._trial.pushed += self.pushed
            if session is not None and session.state is State.LEAVING:
                session.resolve(got.outcome)
        return got
