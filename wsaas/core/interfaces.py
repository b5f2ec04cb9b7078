"""The interfaces between core/ and the rooms around it: the client's end of a connection, and the journal."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence, Sized
from typing import Protocol, TypeVar

from wsaas.core.events import Cause, Closed
from wsaas.core.model import Frame, Messages
from wsaas.core.outcomes import Accepted, Kept
from wsaas.core.records import Record
from wsaas.core.refusal import Refusal

S = TypeVar("S", contravariant=True)
"""The class of sessions, which imports these interfaces and so cannot be imported by them."""

Stored = Callable[[bool], None]
"""Called once with True when a row is safe, or with False if it is not."""
Together = Callable[[Callable[[], object]], object]
"""Does some work that makes several requests, which then leave in a row."""


class PongInput(Protocol):
    """The part of a session to which the client's end tells what the client has read."""

    def ponged(self, payload: bytes) -> None:
        """Hear a pong with a payload."""


class LaneRoom(Protocol):
    """The part of a session's lane that the client's end reads."""

    @property
    def messages(self) -> Sized:
        """The messages that wait. Where none do, there is room for any one that the size limit lets through."""

    @property
    def room(self) -> int:
        """The bytes for which there is room, each message with its OVERHEAD."""


class SessionInput(Protocol):
    """The side of a session that the client's end knows, and to which it tells what the client does."""

    subprotocol: str | None
    fan_out_entry: object
    """The client's end keeps it for its own fan-out (`SendDirectly`): None if a message must go by `Peer.send`."""

    @property
    def id(self) -> str:
        """The connection's id, for the log."""

    @property
    def outgoing(self) -> PongInput:
        """The way out to the client, which hears of pongs."""

    @property
    def lane(self) -> LaneRoom:
        """The way in from the client."""

    def announce(self, length: int) -> None:
        """Hear that a message of `length` bytes or more has begun; reading stops if there is no room for it."""

    def received(self, frame: Frame) -> None:
        """Take a whole message."""

    def received_all(self, messages: Messages) -> None:
        """Take several whole messages, for which the lane has room: as `announce` and `received` for each."""

    def writable(self) -> None:
        """Hear that a frame which found no room may find it now."""

    def fail(self, cause: Cause, code: int, reason: str) -> None:
        """Hear that the client broke a rule or a limit; the peer closes the connection itself."""

    def disconnected(self, cause: Cause, code: int, reason: str, clean: bool) -> None:
        """Hear that the client is gone."""


class Peer(Protocol):
    """The client's end of a connection. Any call may call back into the session before it returns."""

    session: SessionInput | None
    """Set before the session's first call."""

    @property
    def waiting(self) -> int:
        """Bytes that wait to be written to the client."""

    @property
    def last_active_at(self) -> float:
        """The moment of the last byte from the client, in seconds since the epoch."""

    def accept(self, subprotocol: str | None, headers: tuple[tuple[bytes, bytes], ...] = ()) -> None:
        """Answer the handshake with 101 and these headers. What the client sent early is received after it."""

    def refuse(self, refusal: Refusal) -> None:
        """Tell the client that it may not connect, and let it go. The session hears nothing more."""

    def send(self, frame: Frame, ping: bytes | None = None) -> bool:
        """Write a message behind all earlier ones; return False, with nothing written, if there is no room for it.

        Right behind it goes a ping with this payload, if one is given.
        `SessionInput.writable` is called when there may be room for a frame that found none.
        """

    def close(self, code: int, reason: str) -> None:
        """Start the closing handshake; the session hears `disconnected` when the client is gone."""

    def pause_reading(self) -> None:
        """Stop reading from the client, so that TCP slows it down. Idempotent."""

    def resume_reading(self) -> None:
        """Read on from the client. Idempotent."""


class SessionOwner(Protocol[S]):
    """Keeps sessions, and hears of each step that others must know."""

    def wake(self, session: S, /) -> None:
        """Look for the session's next event: there may be one."""

    def accepted(self, session: S, accepted: Accepted, /) -> None:
        """Hear that the backend accepted. If the session is live, the 101 is about to be sent.

        If the answer had headers or groups, the 101 waits: the session hears by `recorded` whether the headers outlast
        a crash, once pushes to the groups come here. That may be before this returns.
        """

    def kept(self, session: S, kept: Kept, /) -> None:
        """Hear that the backend keeps a connection whose time was over. If it has a new one, that begins now."""

    def refuse(self, peer: Peer, refusal: Refusal, /) -> None:
        """Refuse the client, which the session has let go of."""

    def opened(self, session: S, /) -> None:
        """Hear that the client has its 101."""

    def may_reply(self) -> bool:
        """Say if a reply may be sent now. If not, the session hears `writable` when it may be."""

    def replied(self, session: S, frame: Frame, /) -> None:
        """Hear that a reply of the backend's was sent to the client."""

    def closing(self, session: S, /) -> None:
        """Hear that the connection has begun to end, and is no longer live. May be called again."""

    def ended(self, session: S, closed: Closed, /) -> None:
        """Hear that the connection has ended: nothing but its DELETE is left to say, and that says `closed`."""

    def forget(self, session: S, /) -> None:
        """Let the session go: nothing is left to say of its connection."""


class Connections(Protocol):
    """All connections of this process, for a journal that has to be written anew."""

    def records(self) -> Sequence[Record]:
        """The connections whose end the backend has to hear, as they are now."""

    def minted(self, id: str) -> bool:
        """Tell a connection of this process from one of an earlier or another process."""

    def revive(self, records: Iterable[Record]) -> None:
        """Send the DELETE of these, which another process left behind."""


class Interest(Protocol):
    """The other processes, as far as they are to know which groups have members here."""

    def begun(self, group: str) -> None:
        """Hear that a group has its first member here."""

    def ended(self, group: str) -> None:
        """Hear that a group has lost its last member here."""

    def when_known(self, groups: Collection[str], done: Callable[[], object]) -> None:
        """Call `done` once pushes to these groups come here, those that were left in the meantime aside; perhaps before
        this returns.
        """


class Journal(Protocol):
    """The record of connections that survives the process.

    Calls return at once; rows of one connection are written in the order of calls.
    """

    def opened(self, record: Record, stored: Stored) -> None:
        """Keep a connection before its POST leaves; `stored(True)` once it is safe, `stored(False)` if it cannot be."""

    def accepted(self, record: Record, stored: Stored) -> None:
        """The connect was accepted, and `repeated` has grown; `stored(True)` once that is safe.

        `stored(False)` if it is not safe yet: the journal keeps the record in mind and writes it when it can. Called
        again when the answer to a refresh has headers.
        """

    def closed(self, id: str, closed: Closed) -> None:
        """The connection ended, and only its DELETE is left; keep how, for a later life of this process to say."""

    def forget(self, id: str) -> None:
        """Forget the connection: its DELETE was answered or given up, or it never was."""
