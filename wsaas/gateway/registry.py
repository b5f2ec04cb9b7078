"""The sessions of this process, by id and by group. Everything that is sent to a client passes through here."""

from __future__ import annotations

from collections.abc import Iterator

from wsaas.gateway.errors import BadRequest, MessageTooLong, NoSuchConnection, NotUtf8
from wsaas.gateway.model import Cause, CloseCode, Facts, Frame, Pushed
from wsaas.gateway.session import Session

# RFC 6455, 5.5: a control frame carries at most 125 bytes, two of which are the close code.
MAX_REASON = 123


class Registry:
    """Sessions from their handshake to the answer of their DELETE. Holds as many as there are; others bound that."""

    def __init__(self, max_message_size: int) -> None:
        self._max_message_size = max_message_size
        self._sessions: dict[str, Session] = {}
        self._groups: dict[str, set[str]] = {}

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
        if code != CloseCode.NORMAL and not 3000 <= code <= 4999:
            raise BadRequest(f"code={code}: a close code is 1000 or from 3000 to 4999")
        if len(reason.encode()) > MAX_REASON:
            raise BadRequest(f"reason: at most {MAX_REASON} bytes of UTF-8 fit into a Close frame")
        session.close(Cause.API, code, reason)

    def facts(self, id: str) -> Facts:
        """What is known of one connection. Raises NoSuchConnection."""
        return self.find(id).facts()

    def join(self, session: Session, group: str) -> None:
        session.groups.add(group)
        self._groups.setdefault(group, set()).add(session.id)

    def leave_all(self, session: Session) -> None:
        """The session leaves every group it is in; a group without members is no more."""
        for group in session.groups:
            members = self._groups[group]
            members.discard(session.id)
            if not members:
                del self._groups[group]
        session.groups.clear()

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
