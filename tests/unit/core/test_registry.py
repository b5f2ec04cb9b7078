"""The registry: which sessions are found, by what."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from tests.support.core_fakes import ID, VETOED, Stage, hello
from wsaas.core.errors import NoSuchConnection
from wsaas.core.events import Cause, Closed
from wsaas.core.model import Limits
from wsaas.core.monitor import Monitor
from wsaas.core.records import Record
from wsaas.core.registry import Registry
from wsaas.core.router import Router
from wsaas.core.session import Session


class RegistryTestCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.registry = Registry()
        self.router = Router(self.registry, max_message_size=16, monitor=Monitor())

    def add(self, stage: Stage) -> Stage:
        self.registry.add(stage.session)
        return stage

    def revived(self, id: str) -> Session:
        ending = Closed(Cause.RESTART, 1006, "", clean=False)
        session = Session(Record(id, 0.0, (), ""), hello(), None, Limits(1, 1, 1), Stage().owner, ending)
        self.registry.add(session)
        return session


class FindTests(RegistryTestCase):
    def test_live(self) -> None:
        """A connection is found from the handshake on, while it is open."""
        for build in (Stage, Stage.connecting, Stage.open):
            stage = self.add(build())
            self.assertIs(self.registry.find(ID), stage.session)

    def test_not_live(self) -> None:
        """No request finds a connection that is over, even while its DELETE is out, nor one that never was."""
        closing, leaving, refused = (self.add(Stage.open()), self.add(Stage.open()), self.add(Stage.connecting()))
        closing.session.close(Cause.API, 1000, "")
        leaving.session.disconnected(Cause.NETWORK, 1006, "", False)
        refused.resolve(VETOED)
        for stage in (closing, leaving, refused):
            self.registry.add(stage.session)
            self.check_nobody(ID)
        self.revived("z" * 32)
        self.check_nobody("z" * 32)
        self.check_nobody("never" + "0" * 27)

    def check_nobody(self, id: str) -> None:
        self.assertIsNone(self.registry.find(id))
        self.assertRaises(NoSuchConnection, self.router.inspect, id)
        self.assertRaises(NoSuchConnection, self.router.push, id, b"\xff" * 17, False)
        self.assertRaises(NoSuchConnection, self.router.close, id, 77, "")

    def test_count(self) -> None:
        """It holds those that are over, too, until they are removed; removing twice does no harm."""
        stage = self.add(Stage.open())
        revived = self.revived("z" * 32)
        self.assertEqual((len(self.registry), list(self.registry)), (2, [stage.session, revived]))
        self.registry.remove(revived)
        self.registry.remove(revived)
        self.assertEqual((len(self.registry), list(self.registry)), (1, [stage.session]))

    def test_change_while_iterating(self) -> None:
        """A caller that goes through all sessions may add and remove meanwhile."""
        for letter in "abc":
            self.revived(letter * 32)
        for session in self.registry:
            self.registry.remove(session)
            self.revived("z" * 32)
        self.assertEqual([session.id for session in self.registry], ["z" * 32])
