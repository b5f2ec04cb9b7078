"""Receipts: what a pong proves, and what it does not."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from tests.support.core_fakes import Stage, text
from wsaas.core.confirmed_push import push_with_receipt
from wsaas.core.errors import ClientTooSlow, NoSuchConnection
from wsaas.core.events import Cause
from wsaas.core.outcomes import Accepted
from wsaas.core.pushes import Pushed
from wsaas.core.receipts import MAX_RECEIPTS, Receipt


class ReceiptTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.stage = Stage.open()
        self.settled: list[tuple[str, bool]] = []

    def push(self, word: str) -> Receipt:
        receipt = Receipt(lambda received: self.settled.append((word, received)))
        self.assertIs(push_with_receipt(self.stage.session, text(word), receipt), Pushed.SENT)
        return receipt

    def test_ping_behind_the_message(self) -> None:
        """Each message is followed by a ping of its own, and the pong to it settles the receipt, once."""
        self.push("one")
        self.push("two")
        self.assertEqual(self.stage.calls, ["send one with ping receipt 1", "send two with ping receipt 2"])
        self.stage.session.outgoing.ponged(b"receipt 1")
        self.assertEqual(self.settled, [("one", True)])
        self.stage.session.outgoing.ponged(b"receipt 1")
        self.stage.session.outgoing.ponged(b"receipt 2")
        self.assertEqual(self.settled, [("one", True), ("two", True)])

    def test_only_the_latest(self) -> None:
        """A client may answer only the latest ping (RFC 6455, 5.5.3): that proves all before it, and none after."""
        for word in ("one", "two", "three", "four"):
            self.push(word)
        self.stage.session.outgoing.ponged(b"receipt 3")
        self.assertEqual(self.settled, [("one", True), ("two", True), ("three", True)])
        self.stage.session.outgoing.ponged(b"receipt 4")
        self.assertEqual(self.settled[3:], [("four", True)])

    def test_the_latest_was_withdrawn(self) -> None:
        """The pong to a ping whose push waits no longer still proves the messages before it."""
        self.push("one")
        self.push("two").withdraw()
        self.stage.session.outgoing.ponged(b"receipt 2")
        self.assertEqual(self.settled, [("one", True)])

    def test_other_pongs(self) -> None:
        """A pong that answers no ping of ours proves nothing."""
        self.stage.session.outgoing.ponged(b"receipt 1")
        self.push("one")
        for payload in (
            b"receipt 2",
            b"receipt ",
            b"receipt -1",
            b"receipt 0",
            b"receipt 1 ",
            b"receipt x",
            b"receipt \xb2",
            b"receipt " + b"1" * 100,
            b"Receipt 1",
            b"1",
            b"",
        ):
            self.stage.session.outgoing.ponged(payload)
            self.assertEqual(self.settled, [], payload)

    def test_the_end(self) -> None:
        """When the connection ends, or begins to, no pong can come: each receipt is settled with False."""
        for end in (
            lambda stage: stage.session.disconnected(Cause.NETWORK, 1006, "", False),
            lambda stage: stage.session.close(Cause.API, 1000, ""),
            lambda stage: stage.session.fail(Cause.PROTOCOL_ERROR, 1002, ""),
        ):
            self.setUp()
            self.push("one")
            self.push("two")
            end(self.stage)
            self.assertEqual(self.settled, [("one", False), ("two", False)])
            self.stage.session.outgoing.ponged(b"receipt 2")
            self.assertEqual(len(self.settled), 2)

    def test_gone_meanwhile(self) -> None:
        """A client that is found gone while the message is written has not read it."""
        gone = self.stage.session.disconnected
        self.stage.calls.then["send"] = lambda: gone(Cause.NETWORK, 1006, "", False)
        self.push("one")
        self.assertEqual(self.settled, [("one", False)])

    def test_bound(self) -> None:
        """So many receipts wait at the same time; one more is refused, and its message is not sent. A pong makes room,
        and so does a push that waits no longer.
        """
        receipts = [self.push(str(number)) for number in range(MAX_RECEIPTS)]
        self.stage.calls.flush()
        one_more = Receipt(lambda received: self.fail())
        session = self.stage.session
        self.assertRaises(ClientTooSlow, push_with_receipt, session, text("x"), one_more)
        self.assertEqual(self.stage.calls, [])
        self.assertIs(self.stage.session.push(text("without")), Pushed.SENT)
        receipts[5].withdraw()
        receipts[5].withdraw()
        self.push("x")
        self.assertRaises(ClientTooSlow, push_with_receipt, session, text("y"), one_more)
        self.stage.session.outgoing.ponged(b"receipt 2")
        self.push("y")
        self.push("z")
        self.assertRaises(ClientTooSlow, push_with_receipt, session, text("z"), one_more)

    def test_not_sent(self) -> None:
        """A message that is queued for the 101, finds no room, or has no connection leaves its receipt alone."""
        receipt = Receipt(lambda received: self.fail())
        receipt.withdraw()
        self.stage.peer.full = True
        self.assertRaises(ClientTooSlow, push_with_receipt, self.stage.session, text("x"), receipt)
        connecting = Stage.connecting()
        self.assertIs(push_with_receipt(connecting.session, text("x"), receipt), Pushed.QUEUED)
        connecting.resolve(Accepted())
        self.assertEqual(connecting.calls, ["accepted", "accept None", "send x"])
        self.stage.session.disconnected(Cause.NETWORK, 1006, "", False)
        self.assertRaises(NoSuchConnection, push_with_receipt, self.stage.session, text("x"), receipt)
