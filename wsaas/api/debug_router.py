"""A Router that logs each request at debug: what was asked for, the status of the answer, and the time it took."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import TypeVar

from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from wsaas.api.errors import INTERNAL_ERROR, answer_to
from wsaas.core.fanout import FanOut
from wsaas.core.monitor import Monitor
from wsaas.core.pushes import Pushed
from wsaas.core.registry import Registry
from wsaas.core.router import Router, SendDirectly
from wsaas.core.session import Session

T = TypeVar("T")


class DebugRouter(Router):
    """The Router of a gateway whose LOG_LEVEL is debug. At any other level the plain Router serves."""

    _log = Logger()

    def __init__(
        self,
        clock: IReactorTime,
        registry: Registry,
        max_message_size: int,
        monitor: Monitor,
        send_directly: SendDirectly | None = None,
        elsewhere: Callable[[str], bool] = lambda id: False,
    ) -> None:
        super().__init__(registry, max_message_size, monitor, send_directly, elsewhere)
        self._clock = clock

    def push(self, id: str, payload: bytes, binary: bool) -> Pushed:
        """Push to a connection, and log the push, unless another process has the connection: its owner logs that."""
        push = super().push
        if self._is_elsewhere(id):
            return push(id, payload, binary)
        return self._logged(f"push of {len(payload)} bytes", f"connection {id}", lambda: push(id, payload, binary))

    def hand_on(self, id: str, size: int) -> None:
        """Count a push that goes on to another process, and log that."""
        super().hand_on(id, size)
        self._log_handed_on(f"push of {size} bytes", id)

    def close(self, id: str, code: int, reason: str) -> None:
        """Close a connection, and log the close, unless another process has the connection."""
        close = super().close
        if self._is_elsewhere(id):
            self._log_handed_on(f"close with {code}", id)
            close(id, code, reason)
        else:
            self._logged(f"close with {code}", f"connection {id}", lambda: close(id, code, reason))

    def broadcast(self, payload: bytes, binary: bool, excluded: Collection[str] = ()) -> FanOut[Session]:
        """Begin to push to all connections, and log the push."""
        broadcast = super().broadcast
        what = f"push of {len(payload)} bytes"
        return self._logged(what, "all connections", lambda: broadcast(payload, binary, excluded))

    def push_to_group(
        self, group: str, payload: bytes, binary: bool, excluded: Collection[str] = ()
    ) -> FanOut[Session]:
        """Begin to push to a group, and log the push."""
        push = super().push_to_group
        what = f"push of {len(payload)} bytes"
        return self._logged(what, f"group {group[:80]}", lambda: push(group, payload, binary, excluded))

    def _is_elsewhere(self, id: str) -> bool:
        return self._find(id) is None and self._elsewhere(id)

    def _log_handed_on(self, what: str, id: str) -> None:
        self._log.debug("{what}: handed on to the owner; connection {connection}", what=what, connection=id)

    def _logged(self, what: str, whom: str, act: Callable[[], T]) -> T:
        began, status = self._clock.seconds(), 200
        try:
            done = act()
            if done is Pushed.QUEUED:
                status = 202
            return done
        except Exception as error:
            status = (answer_to(error) or INTERNAL_ERROR).status
            raise
        finally:
            self._log.debug(
                "{what}: {status} after {milliseconds:.1f} ms; {whom}",
                what=what,
                status=status,
                milliseconds=(self._clock.seconds() - began) * 1000,
                whom=whom,
            )
