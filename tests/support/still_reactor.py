"""A reactor that waits for nothing: a test calls its transports, which are Twisted's, over sockets of the machine."""

from __future__ import annotations

from typing import Any

from twisted.internet.interfaces import IReactorFDSet
from twisted.internet.protocol import Protocol
from twisted.internet.task import Clock
from zope.interface import implementer


@implementer(IReactorFDSet)
class Reactor(Clock):
    """A clock that knows which transports are watched."""

    def __init__(self) -> None:
        super().__init__()
        self.watched: set[Any] = set()

    def addReader(self, reader: Any) -> None:
        self.watched.add(reader)

    addWriter = addReader

    def removeReader(self, reader: Any) -> None:
        self.watched.discard(reader)

    def removeWriter(self, writer: Any) -> None:
        """Do nothing: a reader is watched as well."""

    def removeAll(self) -> list[Any]:
        return []

    getReaders = getWriters = removeAll


class Losing(Protocol):
    """A protocol that notes how it lost its connection."""

    lost: Any = None
    raises = False

    def connectionLost(self, reason: Any = None) -> None:
        self.lost = reason.type.__name__
        if self.raises:
            raise ValueError("while it clears up")
