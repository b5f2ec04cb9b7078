"""The one door from the API to the connections: push, close, inspect, groups, fan-out.

The router checks what is asked for and finds the session that it concerns, among those of this process: for any other
id it raises NoSuchConnection. With several workers the API then asks the connection's owner (`Api.route` in
`api/app.py`, and `api/server/fast_path.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from heapq import nsmallest
from typing import Generic, TypeVar

from wsaas.core.confirmed_push import push_with_receipt
from wsaas.core.direct_sending import SendDirectly, WriteDirectly, write_nothing
from wsaas.core.errors import BadRequest, ClientTooSlow, GatewayError, MessageTooLong, NoSuchConnection, NotUtf8
from wsaas.core.events import Cause, may_be_asked_for
from wsaas.core.facts import facts_of
from wsaas.core.fanout import FanOut
from wsaas.core.groups import MAX_GROUPS, name_flaw
from wsaas.core.model import Frame
from wsaas.core.monitor import Monitor
from wsaas.core.observer import Push
from wsaas.core.plain_push import PlainPush
from wsaas.core.pushes import Pushed, PushKind
from wsaas.core.receipts import Receipt
from wsaas.core.records import Facts
from wsaas.core.registry import Registry
from wsaas.core.session import Session

T = TypeVar("T")
# Enum looks its members up anew each time.
_CONNECTION, _GROUP, _BROADCAST = PushKind.CONNECTION, PushKind.GROUP, PushKind.BROADCAST
_SENT = Pushed.SENT
_NO_SUCH = "no such connection: it never was, or it is over"
MAX_REASON = 123
"""Bytes of a close reason: a control frame carries 125 at most, two of which are the close code (RFC 6455, 5.5)."""


def _nowhere(id: str) -> bool:
    """Say that no other process may have the connection: there is none."""
    return False


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """A part of a list, and how many there are in all."""

    count: int
    items: list[T]


class Router:
    """Carries out what the API asks for.

    `max_message_size` is in bytes. `send_directly` is the fast path of a fan-out; with None every session is sent to by
    `Session.push`. `monitor` counts pushes. `elsewhere(id)` says if the id is another process's, to which the caller
    hands a push on: then that process counts it. `write_directly` is the fast path of a push to one client.
    """

    def __init__(
        self,
        registry: Registry,
        max_message_size: int,
        monitor: Monitor,
        send_directly: SendDirectly | None = None,
        elsewhere: Callable[[str], bool] = _nowhere,
        write_directly: WriteDirectly = write_nothing,
    ) -> None:
        self.registry = registry
        self._find = registry.find
        self._max_message_size = max_message_size
        self._send_directly = send_directly
        self._monitor = monitor
        self.counters = monitor.counters
        self._elsewhere = elsewhere
        self.push_plainly = PlainPush(registry, monitor, write_directly).push

    def push(
        self, id: str, payload: bytes, binary: bool, receipt: Receipt | None = None, kind: PushKind = _CONNECTION
    ) -> Pushed:
        """Send one message to one client, and count it as `kind`.

        Raises NoSuchConnection, ClientTooSlow, MessageTooLong, NotUtf8.

        The receipt, if there is one, is settled when the client has read the message; not if that is only queued.
        """
        session = self._find(id)
        try:
            if session is None:  # as `_session`, which would be one call more for each push
                raise NoSuchConnection(_NO_SUCH)
            frame = self._frame(payload, binary)
            pushed = session.push(frame) if receipt is None else push_with_receipt(session, frame, receipt)
        except GatewayError as error:
            if session is None and self._elsewhere(id):
                error.counted = True
                self.hand_on(id, len(payload))
            else:
                self._note(kind, error)
                _tell(self._monitor, Push(kind, id, payload, binary, error, session))
            raise
        if pushed is _SENT and kind is _CONNECTION:
            self.counters.pushes_sent += 1
        else:
            self._note(kind, pushed)
        if self._monitor.observer is not None:
            _tell(self._monitor, Push(kind, id, payload, binary, pushed, session))
        return pushed

    def hand_on(self, id: str, size: int) -> None:
        """Count a push that goes on to another process, with the bytes of its message."""
        self.counters.pushes_forwarded += 1

    def close(self, id: str, code: int, reason: str) -> None:
        """Close one connection. Raises NoSuchConnection, BadRequest."""
        try:
            session = self._session(id)
            _check_close(code, reason)
        except GatewayError as error:
            if not self._elsewhere(id):  # whose observer is told there
                _tell_of_close(self._monitor, id, code, error)
            raise
        _tell_of_close(self._monitor, id, code)
        session.close(Cause.API, code, reason)

    def inspect(self, id: str) -> Facts:
        """Return what is known of one connection. Raises NoSuchConnection."""
        return facts_of(self._session(id))

    def join(self, id: str, group: str, known: Callable[[], object] = bool) -> None:
        """Make the connection a member, and call `known()` once pushes to the group come here, from any process. Raises
        NoSuchConnection, BadRequest.
        """
        session = self._session(id)
        _check_group(group)
        if len(session.groups) >= MAX_GROUPS and group not in session.groups:
            raise BadRequest(f"a connection is in at most {MAX_GROUPS} groups; leave one first")
        self.registry.join(session, (group,))
        self.registry.when_known((group,), known)

    def leave(self, id: str, group: str) -> None:
        """Take the connection out of a group. Raises NoSuchConnection, BadRequest."""
        session = self._session(id)
        _check_group(group)
        self.registry.leave(session, group)

    # Pages. Each keeps the promise of `Registry.page`.

    def page(self, limit: int, after: str) -> Page[str]:
        """Return the number of live connections, and the first `limit` ids behind `after`, in the order of ids."""
        return Page(self.registry.count, self.registry.page(limit, after))

    def group_page(self, limit: int, after: str) -> Page[tuple[str, int]]:
        """Return the number of groups, and the first `limit` behind `after` with their sizes, by name."""
        return Page(self.registry.group_count, self.registry.group_page(limit, after))

    def group_sizes(self) -> dict[str, int]:
        """Return the number of members of each group."""
        return self.registry.group_sizes()

    def member_page(self, group: str, limit: int, after: str) -> Page[str]:
        """Return the number of members, and the first `limit` ids behind `after`. Raises BadRequest."""
        members = self._members(group)
        return Page(len(members), nsmallest(limit, (id for id in members if id > after)))

    def _members(self, group: str) -> Mapping[str, Session]:
        _check_group(group)
        return self.registry.members(group)

    # Fan-out: many connections at once

    def broadcast(self, payload: bytes, binary: bool, excluded: Collection[str] = ()) -> FanOut[Session]:
        """Send one message to every open connection but those excluded. Raises MessageTooLong, NotUtf8."""
        return self._fan_out(_BROADCAST, "", self.registry.open_sessions, payload, binary, excluded)

    def push_to_group(
        self, group: str, payload: bytes, binary: bool, excluded: Collection[str] = ()
    ) -> FanOut[Session]:
        """Send one message to every member but those excluded. Raises MessageTooLong, NotUtf8, BadRequest."""

        def members() -> list[Session]:
            return list(self._members(group).values())

        return self._fan_out(_GROUP, group, members, payload, binary, excluded)

    def close_group(self, group: str, code: int, reason: str, excluded: Collection[str] = ()) -> FanOut[str]:
        """Close every member but those excluded. Raises BadRequest."""
        _check_close(code, reason)

        def close(ids: list[str]) -> int:
            live = [id for id in ids if self._find(id) is not None]
            for id in live:
                self.close(id, code, reason)
            return len(live)

        return FanOut([id for id in self._members(group) if id not in excluded], close)

    def _fan_out(
        self,
        kind: PushKind,
        target: str,
        sessions: Callable[[], list[Session]],
        payload: bytes,
        binary: bool,
        excluded: Collection[str],
    ) -> FanOut[Session]:
        try:
            receivers, frame = sessions(), self._frame(payload, binary)
        except GatewayError as error:
            self._note(kind, error)
            _tell(self._monitor, Push(kind, target, payload, binary, error))
            raise
        self._note(kind, _SENT)
        if excluded:
            receivers = [session for session in receivers if session.id not in excluded]
        fan_out = FanOut(receivers, lambda batch: self._send_to_each(kind, batch, frame))
        if self._monitor.observer is not None:
            fan_out.ended = lambda ended: _tell(
                self._monitor, Push(kind, target, payload, binary, _SENT, None, ended.sent, ended.skipped)
            )
        return fan_out

    def _send_to_each(self, kind: PushKind, sessions: Sequence[Session], frame: Frame) -> int:
        """Send the frame to each; return how many took it, or will have it with their 101."""
        remaining = sessions
        if self._send_directly is not None:
            # Counted before they are sent to: the system calls push the sessions out of the processor's caches.
            size = len(frame.payload)
            for session in sessions:
                session.messages_out += 1
                session.bytes_out += size
            remaining = self._send_directly(sessions, frame)
            for session in remaining:
                session.messages_out -= 1
                session.bytes_out -= size
        served = len(sessions) - len(remaining)
        queued = 0
        for session in remaining:
            with suppress(ClientTooSlow, NoSuchConnection):
                if session.push(frame) is not _SENT:
                    queued += 1
                served += 1
        self.counters.fanned_out[kind] += served - queued
        return served

    def _note(self, kind: PushKind, result: Pushed | GatewayError) -> None:
        """Count a push. One that was sent to one connection is counted by `push` itself."""
        if isinstance(result, GatewayError):
            result.counted = True
            self.counters.pushes[kind, type(result)] += 1
        else:
            self.counters.pushes[kind, result] += 1

    def _session(self, id: str) -> Session:
        session = self._find(id)
        if session is None:
            raise NoSuchConnection(_NO_SUCH)
        return session

    def _frame(self, payload: bytes, binary: bool) -> Frame:
        if len(payload) > self._max_message_size:
            raise MessageTooLong(f"a message has at most {self._max_message_size} bytes (MAX_MESSAGE_SIZE)")
        if not binary and not payload.isascii():
            try:
                payload.decode()
            except UnicodeDecodeError as error:
                raise NotUtf8(
                    f"byte {error.start} is not UTF-8: send binary with Content-Type: application/octet-stream"
                ) from None
        return Frame(payload, binary)


def _tell(monitor: Monitor, push: Push) -> None:
    """Tell the observer of a push, if there is one by now."""
    if monitor.observer is not None:
        monitor.observer.pushed(push)


def _tell_of_close(monitor: Monitor, id: str, code: int, error: GatewayError | None = None) -> None:
    """Tell the observer that a close was asked for, if there is one."""
    if monitor.observer is not None:
        monitor.observer.close_asked(id, code, error)


def _check_close(code: int, reason: str) -> None:
    if not may_be_asked_for(code):
        raise BadRequest(f"code={code}: a close code is 1000 or from 3000 to 4999")
    if len(reason.encode()) > MAX_REASON:
        raise BadRequest(f"reason: at most {MAX_REASON} bytes of UTF-8 fit into a Close frame")


def _check_group(group: str) -> None:
    flaw = name_flaw(group)
    if flaw is not None:
        raise BadRequest(flaw)
