"""Fast path of a push to one connection that is open and takes it, while nobody watches."""

from __future__ import annotations

from wsaas.core.direct_sending import WriteDirectly
from wsaas.core.model import Frame, is_text
from wsaas.core.monitor import Monitor
from wsaas.core.registry import Registry
from wsaas.core.states import State

_OPEN = State.OPEN  # Enum looks its members up anew each time


class PlainPush:
    """Does as `Router.push` where that is simple. A differential test holds that they do alike."""

    __slots__ = ("_counters", "_known", "_monitor", "_write")

    def __init__(self, registry: Registry, monitor: Monitor, write: WriteDirectly) -> None:
        self._known = registry.known
        self._monitor = monitor
        self._counters = monitor.counters
        self._write = write

    def push(self, id: str, payload: bytes, binary: bool) -> bool:
        """Send one message, which is not too long, to the client of `id`, which may be any text, and count it. Return
        False, and do nothing, if `Router.push` must do that, or say why it cannot.
        """
        session = self._known(id)
        if session is None or session.state is not _OPEN or self._monitor.observer is not None:
            return False
        if not (binary or payload.isascii() or is_text(payload)):
            return False
        if not self._write(session, payload, binary):
            assert session.peer is not None
            if not session.peer.send(Frame(payload, binary)):
                return False
        session.messages_out += 1
        session.bytes_out += len(payload)
        self._counters.pushes_sent += 1
        return True
