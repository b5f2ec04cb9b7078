"""The sessions of this process, by id and by group. Everything that is sent to a client passes through here."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from heapq import nsmallest

from wsaas.core.errors import BadRequest, ClientTooSlow, MessageTooLong, NoSuchConnection, NotUtf8
from wsaas.core.fanout import FanOut
from wsaas.core.groups import MAX_GROUPS, name_flaw
from wsaas.core.interfaces import SendStraight
from wsaas.core.model import Cause, CloseCode, Facts, Frame, Pushed
from wsaas.core.session import NO_GROUPS, Session
from wsaas.core.states import State

_OPEN = State.OPEN  # Enum looks its members up anew each time
# RFC 6455, 5.5: a control frame carries at most 125 bytes, two of which are the close code.
MAX_REASON = 123


def none_straight(sessions: Sequence[Session], frame: Frame) -> list[Session]:
    """SendStraight, the plain way: nothing is written straight."""
    return list(sessions)


class Registry:
    """Sessions from their handshake to the answer of their DELETE. Holds as many as there are; others bound that."""

    def __init__(self, max_message_size: int, send_straight: SendStraight = none_straight) -> None:
        self._max_message_size = max_message_size
        self._send_straight = send_straight
        self._sessions: dict[str, Session] = {}
        self._groups: dict[str, dict[str, Session]] = {}

    def __len__(self) -> int:
        return len(self._sessions)

    def __iter__(self) -> Iterator[Session]:
        """All sessions of this moment; they may come and go meanwhile."""
        return iter(list(self._sessions.values()))

    def add(self, session: Session) -> None:
        self._sessions[session.id] = session

    def remove(self, session: Session) -> None:
        self.leave_all(session)
        self._sessions.pop(session.id, None)

    def find(self, id: str) -> Session:
        """The live session of this id. Raises NoSuchConnection."""
        session = self._sessions.get(id)
        if session is None or not session.live:
            raise NoSuchConnection("no such connection: it never was, or it is over")
        return session

    def push(self, id: str, payload: bytes, binary: bool) -> Pushed:
        """Send one message to one client. Raises NoSuchConnection, ClientTooSlow, MessageTooLong, NotUtf8."""
        session = self.find(id)
        return session.push(self._frame(payload, binary))

    def close(self, id: str, code: int, reason: str) -> None:
        """Close one connection. Raises NoSuchConnection, BadRequest."""
        session = self.find(id)
        _check_close(code, reason)
        session.close(Cause.API, code, reason)

    def facts(self, id: str) -> Facts:
        """What is known of one connection. Raises NoSuchConnection."""
        return self.find(id).facts()

    @property
    def count(self) -> int:
        """How many connections are live."""
        return sum(session.live for session in self._sessions.values())

    def page(self, limit: int, after: str) -> list[str]:
        """The first `limit` ids of live connections behind `after`, in the order of ids.

        Who follows the pages sees each connection that is there all the while exactly once, whoever comes and goes.
        """
        return nsmallest(limit, (id for id, session in self._sessions.items() if id > after and session.live))

    def group_page(self, limit: int, after: str) -> list[tuple[str, int]]:
        """The first `limit` groups behind `after`, in the order of names: name and number of members.

        Pages keep the promise of `page`: a group that is there all the while is seen exactly once.
        """
        names = nsmallest(limit, (name for name in self._groups if name > after))
        return [(name, len(self._groups[name])) for name in names]

    @property
    def group_count(self) -> int:
        """How many groups have members."""
        return len(self._groups)

    def member_page(self, group: str, limit: int, after: str) -> list[str]:
        """The first `limit` ids of the group's members behind `after`, in the order of ids. Raises BadRequest.

        Pages keep the promise of `page`.
        """
        return nsmallest(limit, (id for id in self._members(group) if id > after))

    def member_count(self, group: str) -> int:
        """How many members the group has. Raises BadRequest."""
        return len(self._members(group))

    # Many at once

    def broadcast(self, payload: bytes, binary: bool, but: Collection[str] = ()) -> FanOut[Session]:
        """Send one message to every open connection except those of `but`. Raises MessageTooLong, NotUtf8."""
        return self._cast([each for each in self._sessions.values() if each.state is _OPEN], payload, binary, but)

    def push_to_group(self, group: str, payload: bytes, binary: bool, but: Collection[str] = ()) -> FanOut[Session]:
        """Send one message to every member except those of `but`. Raises MessageTooLong, NotUtf8, BadRequest."""
        return self._cast(list(self._members(group).values()), payload, binary, but)

    def close_group(self, group: str, code: int, reason: str, but: Collection[str] = ()) -> FanOut[str]:
        """Close every member except those of `but`. Raises BadRequest."""
        _check_close(code, reason)

        def close(ids: list[str]) -> int:
            live = [id for id in ids if id in self._sessions and self._sessions[id].live]
            for id in live:
                self.close(id, code, reason)
            return len(live)

        return FanOut([id for id in self._members(group) if id not in but], close)

    def _members(self, group: str) -> Mapping[str, Session]:
        _check_group(group)
        return self._groups.get(group, {})

    def join(self, id: str, group: str) -> None:
        """Make the connection a member. Raises NoSuchConnection, BadRequest."""
        session = self.find(id)
        _check_group(group)
        if len(session.groups) >= MAX_GROUPS and group not in session.groups:
            raise BadRequest(f"a connection is in at most {MAX_GROUPS} groups; leave one first")
        self.admit(session, (group,))

    def admit(self, session: Session, groups: Collection[str]) -> None:
        """Make the session a member of the groups that its connect answer named: nothing may fail any more.

        They are MAX_GROUPS at most, and as many may have been joined over the API while the answer was awaited.
        """
        session.groups = {*session.groups, *groups}
        for group in groups:
            self._groups.setdefault(group, {})[session.id] = session

    def leave(self, id: str, group: str) -> None:
        """The connection is no member any more. Raises NoSuchConnection, BadRequest."""
        session = self.find(id)
        _check_group(group)
        if group in session.groups:
            session.groups = session.groups - {group}
            self._leave(id, group)

    def leave_all(self, session: Session) -> None:
        """The session leaves every group it is in; a group without members is no more."""
        for group in session.groups:
            self._leave(session.id, group)
        session.groups = NO_GROUPS

    def _leave(self, id: str, group: str) -> None:
        members = self._groups[group]
        del members[id]
        if not members:
            del self._groups[group]

    def _cast(self, sessions: list[Session], payload: bytes, binary: bool, but: Collection[str]) -> FanOut[Session]:
        frame = self._frame(payload, binary)
        return FanOut(
            [each for each in sessions if each.id not in but] if but else sessions,
            lambda batch: self._push_to_all(batch, frame),
        )

    def _push_to_all(self, sessions: list[Session], frame: Frame) -> int:
        """How many of them took it, or will have it with their 101."""
        size = len(frame.payload)
        for session in sessions:  # before, while at hand: the calls below push them out of the processor's caches
            session.messages_out += 1
            session.bytes_out += size
        left = self._send_straight(sessions, frame)
        served = len(sessions) - len(left)
        for session in left:
            session.messages_out -= 1
            session.bytes_out -= size
            with suppress(ClientTooSlow, NoSuchConnection):
                session.push(frame)
                served += 1
        return served

    def _frame(self, payload: bytes, binary: bool) -> Frame:
        if len(payload) > self._max_message_size:
            raise MessageTooLong(f"a message has at most {self._max_message_size} bytes (MAX_MESSAGE_SIZE)")
        if not binary:
            try:
                payload.decode()
            except UnicodeDecodeError as error:
                raise NotUtf8(
                    f"byte {error.start} is not UTF-8: send binary with Content-Type: application/octet-stream"
                ) from None
        return Frame(payload, binary)


def _check_close(code: int, reason: str) -> None:
    if code != CloseCode.NORMAL and not 3000 <= code <= 4999:
        raise BadRequest(f"code={code}: a close code is 1000 or from 3000 to 4999")
    if len(reason.encode()) > MAX_REASON:
        raise BadRequest(f"reason: at most {MAX_REASON} bytes of UTF-8 fit into a Close frame")


def _check_group(group: str) -> None:
    flaw = name_flaw(group)
    if flaw is not None:
        raise BadRequest(flaw)
