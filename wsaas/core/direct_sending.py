"""The fast paths of the clients' end, as the Router calls them: past the objects of a client's connection."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from wsaas.core.model import Frame
from wsaas.core.session import Session


class SendDirectly(Protocol):
    """Sends one message to many clients at once, as far as nothing waits for them."""

    def __call__(self, sessions: Sequence[Session], frame: Frame, /) -> list[Session]:
        """Do as a `Peer.send` that finds room, for each client that it can; return the sessions of the others."""


class WriteDirectly(Protocol):
    """Writes one message to one client at once, if nothing waits for that client."""

    def __call__(self, session: Session, payload: bytes, binary: bool, /) -> bool:
        """Do as a `Peer.send` that finds room, and return True; or write nothing, and return False."""


def write_nothing(session: Session, payload: bytes, binary: bool, /) -> bool:
    """Leave the message to `Peer.send` (`WriteDirectly`)."""
    return False
