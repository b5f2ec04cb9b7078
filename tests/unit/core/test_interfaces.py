"""The fakes of the tests have what the interfaces have, by the same names and parameters."""

from __future__ import annotations

import inspect

from twisted.trial.unittest import SynchronousTestCase

from tests.support.client_harness import FakeSessionInput
from tests.support.core_fakes import Calls, FakeJournal, FakeObserver, FakeOwner, FakePeer
from tests.support.journal_fakes import FakeConnections
from tests.support.world import Client
from wsaas.core.gateway import Gateway
from wsaas.core.interfaces import Connections, Journal, Peer, SessionInput, SessionOwner
from wsaas.core.observer import Observer, Observers
from wsaas.core.session import Session
from wsaas.telemetry.debug_log import DebugLog
from wsaas.telemetry.event_stream import EventStream

FAKES: list[tuple[type, type]] = [
    (FakePeer, Peer),
    (Client, Peer),
    (FakeSessionInput, SessionInput),
    (Session, SessionInput),
    (FakeJournal, Journal),
    (FakeObserver, Observer),
    (Observers, Observer),
    (DebugLog, Observer),
    (EventStream, Observer),
    (FakeOwner, SessionOwner),
    (Gateway, Connections),
    (FakeConnections, Connections),
]


def unlike(fake: type, interface: type) -> list[str]:
    """The methods of the interface that the class lacks, or has with other parameters."""
    return [
        name
        for name, method in vars(interface).items()
        if inspect.isfunction(method) and not name.startswith("_")
        if not inspect.isfunction(found := getattr(fake, name, None))
        or list(inspect.signature(found).parameters) != list(inspect.signature(method).parameters)
    ]


class FakeTests(SynchronousTestCase):
    def test_fakes(self) -> None:
        """A method of an interface that gets another name or other parameters fails here, not nowhere."""
        for fake, interface in FAKES:
            self.assertEqual(unlike(fake, interface), [], (fake, interface))

    def test_unlike(self) -> None:
        """The comparison itself: what is lacking is found, and what has other parameters."""

        class Lacks:
            def send(self, message: bytes) -> bool:
                return True

        self.assertEqual(
            unlike(Lacks, Peer), [name for name, each in vars(Peer).items() if callable(each) and name[0] != "_"]
        )
        self.assertRaises(AttributeError, getattr, FakePeer(Calls()), "no_such_method")
