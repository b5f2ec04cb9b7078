"""The replies that wait for the right to speak, which a process of a cluster does not always have."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Protocol


class Held(Protocol):
    """The part of a session that sends its replies again."""

    def writable(self) -> None:
        """Hear that replies may be sent again."""


def _always() -> bool:
    """Say that replies may be sent: no other process ever tells of this one's connections."""
    return True


class HeldReplies:
    """Says if a reply may be sent, and remembers whether one was held. The sessions keep the replies themselves."""

    def __init__(self, sessions: Iterable[Held]) -> None:
        self._sessions = sessions
        self._any = False
        self.may_speak: Callable[[], bool] = _always
        """Says if this process may send anything in the backend's name."""

    def may_reply(self) -> bool:
        """Say if a reply may be sent now; if not, `release` tells its session when it may."""
        may = self.may_speak()
        self._any = self._any or not may
        return may

    def release(self) -> None:
        """Have the replies sent that were held, if they may be."""
        if self._any and self.may_speak():
            self._any = False
            for session in self._sessions:
                session.writable()
