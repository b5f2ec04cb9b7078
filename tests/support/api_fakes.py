"""What stands in for the rest of the gateway in the tests of the API: the real registry, of sessions that are not."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

from wsaas.core.errors import ClientTooSlow
from wsaas.core.events import Cause
from wsaas.core.model import Frame
from wsaas.core.monitor import Monitor
from wsaas.core.outgoing import Outgoing
from wsaas.core.pushes import Pushed
from wsaas.core.records import Facts
from wsaas.core.registry import Registry
from wsaas.core.router import Router
from wsaas.core.session import Session
from wsaas.core.states import State

HERE = "A1b2C3d4" + "x" * 24
GONE = "A1b2C3d4" + "y" * 24
MAX_MESSAGE_SIZE = 1000

FACTS = Facts(
    id=HERE,
    connecting=False,
    connected_at=1795428000.0,
    last_active_at=1795428061.5,
    remote_address="203.0.113.9",
    path="/room/7",
    user_agent="Mozilla/5.0 \N{SNOWMAN}",
    subprotocol="v2.chat",
    groups=("room:7", "user:42"),
    messages_in=3,
    bytes_in=300,
    messages_out=2,
    bytes_out=20,
    bytes_waiting_in=100,
    bytes_waiting_out=10,
)


class FakeSession:
    """A connection that notes what is done to it, and answers pushes with `outcome`."""

    def __init__(self, id: str = HERE) -> None:
        self.id = id
        self.state = State.OPEN
        self.peer = self
        self.messages_out = self.bytes_out = 0
        self.groups: set[str] = set()
        self.outcome: Pushed | Exception = Pushed.SENT
        self.about = FACTS
        self.outgoing = Outgoing(MAX_MESSAGE_SIZE)
        self.pushed: list[Frame] = []
        self.closed: list[tuple[Cause, int, str]] = []

    def push(self, frame: Frame) -> Pushed:
        if isinstance(self.outcome, Exception):
            raise self.outcome
        self.pushed.append(frame)
        return self.outcome

    def send(self, frame: Frame, ping: bytes | None = None) -> bool:
        """As its peer: whether there is room."""
        if isinstance(self.outcome, ClientTooSlow):
            return False
        if isinstance(self.outcome, Exception):
            raise self.outcome
        self.pushed.append(frame)
        return True

    def close(self, cause: Cause, code: int, reason: str) -> None:
        self.closed.append((cause, code, reason))


class _Router(Router):
    def inspect(self, id: str) -> Facts:
        return cast(FakeSession, self._session(id)).about


def router_of(
    *sessions: FakeSession,
    max_message_size: int = MAX_MESSAGE_SIZE,
    elsewhere: Callable[[str], bool] = lambda id: False,
) -> Router:
    registry = Registry()
    for session in sessions:
        registry.add(cast(Session, session))
    return _Router(registry, max_message_size, Monitor(), elsewhere=elsewhere)
