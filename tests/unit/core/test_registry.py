"""The registry: who is found, and what the API may not ask."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from tests.support.core_fakes import ID, Stage, text
from wsaas.core.errors import BadRequest, ClientTooSlow, MessageTooLong, NoSuchConnection, NotUtf8
from wsaas.core.model import Cause, Limits, Pushed, Record, Refused
from wsaas.core.registry import Registry
from wsaas.core.router import Router
from wsaas.core.session import Session


class RegistryTestCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.registry = Registry()
        self.router = Router(self.registry, max_message_size=16)

    def add(self, stage: Stage) -> Stage:
        self.registry.add(stage.session)
        return stage

    def revived(self, id: str) -> Session:
        session = Session.revive(Record(id, 0.0, (), ""), Limits(1, 1, 1), Stage().owner)
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
        leaving.session.lost(Cause.NETWORK, 1006, "", False)
        refused.settle(Refused(403, "NO"))
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
        """Whoever goes through all may add and remove meanwhile."""
        for letter in "abc":
            self.revived(letter * 32)
        for session in self.registry:
            self.registry.remove(session)
            self.revived("z" * 32)
        self.assertEqual([session.id for session in self.registry], ["z" * 32])

    def test_facts(self) -> None:
        """What is known is what the session says."""
        stage = self.add(Stage.open())
        self.assertEqual(self.router.inspect(ID), stage.session.facts())


class PushTests(RegistryTestCase):
    def test_text(self) -> None:
        """A text message goes out as text, with its bytes as they are."""
        stage = self.add(Stage.open())
        sent = []
        stage.peer.send = lambda frame: sent.append(frame) or True
        self.assertIs(self.router.push(ID, "h\u00e9llo".encode(), binary=False), Pushed.SENT)
        self.assertEqual(sent, [text("h\u00e9llo")])

    def test_binary(self) -> None:
        """A binary message may have any bytes."""
        stage = self.add(Stage.open())
        sent = []
        stage.peer.send = lambda frame: sent.append(frame) or True
        self.router.push(ID, bytes(range(240, 256)), binary=True)
        self.assertEqual([(frame.payload, frame.binary) for frame in sent], [(bytes(range(240, 256)), True)])

    def test_queued(self) -> None:
        """Before the 101 it is queued."""
        self.add(Stage.connecting())
        self.assertIs(self.router.push(ID, b"x", False), Pushed.QUEUED)

    def test_too_long(self) -> None:
        """MAX_MESSAGE_SIZE bytes are a message, one more is not."""
        stage = self.add(Stage.open())
        self.router.push(ID, b"x" * 16, False)
        error = self.assertRaises(MessageTooLong, self.router.push, ID, b"\xff" * 17, False)
        self.assertIn("16 bytes", str(error))
        self.assertEqual(stage.calls, ["send " + "x" * 16])

    def test_not_utf8(self) -> None:
        """Text is UTF-8, without surrogates and overlong forms; the error says where it is not."""
        stage = self.add(Stage.open())
        for payload, place in [
            (b"ab\xff", "byte 2 "),
            (b"\xed\xa0\x80", "byte 0 "),
            (b"x\xc0\xaf", "byte 1 "),
            (b"\xc3", "byte 0 "),
        ]:
            error = self.assertRaises(NotUtf8, self.router.push, ID, payload, False)
            self.assertIn(place, str(error))
        self.assertEqual(stage.calls, [])

    def test_too_slow(self) -> None:
        """That the client has no room is passed on."""
        stage = self.add(Stage.open())
        stage.peer.full = True
        self.assertRaises(ClientTooSlow, self.router.push, ID, b"x", False)


class CloseTests(RegistryTestCase):
    def test_codes(self) -> None:
        """1000 and 3000 to 4999 may be used; with any other nothing happens."""
        for code in (1000, 3000, 4001, 4999):
            stage = self.add(Stage.open())
            self.router.close(ID, code, "bye")
            self.assertEqual(stage.calls, ["left", "wake", f"close {code} bye"])
        for code in (-1, 0, 999, 1001, 1005, 1006, 1012, 2999, 5000, 65536):
            stage = self.add(Stage.open())
            self.assertRaises(BadRequest, self.router.close, ID, code, "bye")
            self.assertEqual((stage.calls, stage.session.live), ([], True))

    def test_reason(self) -> None:
        """A reason has at most the 123 bytes that fit into a Close frame, in UTF-8."""
        for reason in ("x" * 123, "\u00e9" * 61):
            stage = self.add(Stage.open())
            self.router.close(ID, 1000, reason)
            self.assertEqual(stage.calls[-1], f"close 1000 {reason}")
        for reason in ("x" * 124, "\u00e9" * 62):
            stage = self.add(Stage.open())
            self.assertRaises(BadRequest, self.router.close, ID, 1000, reason)
            self.assertEqual(stage.calls, [])

    def test_cause(self) -> None:
        """The DELETE says that it was the API, and with what."""
        stage = self.add(Stage.open())
        self.router.close(ID, 4001, "bye")
        stage.session.lost(Cause.CLIENT, 4001, "bye", True)
        closed = stage.session.record.closed
        self.assertEqual((closed.cause, closed.code, closed.reason), (Cause.API, 4001, "bye"))

    def test_waiting(self) -> None:
        """Who still waits for the 101 is refused."""
        stage = self.add(Stage.connecting())
        self.router.close(ID, 1000, "")
        self.assertEqual(stage.calls[-1], "refuse 403 CLOSED")
