"""A connect does not cost more the more clients there are, and what it made is freed with it."""

from __future__ import annotations

import gc
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from random import Random
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from tests.support.client_harness import END, REQUEST, Client, Harness
from wsaas.clients.connection import ClientConnection
from wsaas.clients.frame_reader import FrameReader
from wsaas.clients.handshake.opening import OpeningHandshake
from wsaas.clients.handshake.request_head import RequestHead
from wsaas.clients.lingering_close import LingeringClose
from wsaas.clients.read_control import ReadControl
from wsaas.clients.send_buffer import SendBuffer
from wsaas.core.events import EventKind
from wsaas.core.gateway import Gateway
from wsaas.core.model import Limits
from wsaas.core.monitor import Monitor
from wsaas.core.outcomes import Accepted, Acknowledged, Outcome, Refused
from wsaas.core.refusal import Refusal, RefusalReason
from wsaas.core.registry import Registry
from wsaas.core.session import Session
from wsaas.journal.memory import MemoryJournal

PARTS = (
    ClientConnection, FrameReader, LingeringClose, OpeningHandshake, ReadControl, RequestHead, SendBuffer, Session,
)  # fmt: skip
ACCEPTED, ACKNOWLEDGED = Accepted(groups=("all",)), Acknowledged()
CLOSE = b"\x88\x82\0\0\0\0\x03\xe8"


class Accepting:
    """A backend that has accepted each client, and heard of each end, before the call returns.

    `answer` is another answer to each connect, None while it is not there yet.
    """

    on_message: Callable[[], None] | None = None
    answer: Outcome | None = ACCEPTED

    def wake(self, session: Session) -> None:
        event = session.next_event()
        if event is not None:
            if event.kind is EventKind.MESSAGE and self.on_message is not None:
                self.on_message()
            outcome = self.answer if event.kind is EventKind.CONNECT else ACKNOWLEDGED
            if outcome is not None:
                session.resolve(outcome)


class CrowdTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.harness = Harness(ws_timeout=30.0)
        self.registry = Registry()
        self.backend = Accepting()
        random = Random(1)
        gateway = Gateway(
            self.registry,
            MemoryJournal(),
            self.backend,
            Limits(1000, 1000, 1000),
            lambda: 1e9,
            lambda length: bytes(random.choices(range(1, 248), k=length)),  # each stands for a character of an id
            Monitor(),
            self.harness.clock.callLater,
        )
        gateway.accepting = True
        factory = self.harness.factory
        factory.context = replace(factory.context, gateway=gateway)

    def connect(self) -> Client:
        client = Client(self.harness, "203.0.113.9")
        client.say(REQUEST + END)
        return client

    def calls(self) -> Counter[str]:
        """The functions that are called while a client connects and closes, and how often each is."""
        found: Counter[str] = Counter()

        def note(frame: Any, event: str, argument: Any) -> None:
            if event in ("call", "c_call"):
                found[frame.f_code.co_qualname if event == "call" else argument.__name__] += 1

        before = sys.getprofile()
        gc.disable()  # or what other tests have asked the collector to call would be counted, whenever it runs
        sys.setprofile(note)
        try:
            client = self.connect()
            client.say(CLOSE)
            self.harness.clock.advance(0)
        finally:
            sys.setprofile(before)
            gc.enable()
        return found

    def test_among_many(self) -> None:
        """Connecting and closing take the same calls among five hundred clients as among ten."""
        crowd = [self.connect() for _ in range(10)]
        self.calls()
        few = self.calls()
        crowd += [self.connect() for _ in range(490)]
        self.assertEqual((len(self.registry), len(self.registry.members("all"))), (500, 500))
        self.assertEqual(self.calls(), few)
        self.assertEqual(len(self.registry), 500)
        self.assertGreater(few["ClientConnection.let_go"], 0)

    def left(self) -> Counter[str]:
        """The parts of connections that there are."""
        return Counter(type(each).__name__ for each in gc.get_objects() if type(each) in PARTS)

    def collect_no_more(self) -> None:
        gc.collect()
        gc.disable()
        self.addCleanup(gc.enable)

    def test_freed(self) -> None:
        """What an open connection consists of is freed when the connection is over, however that came, and not by the
        garbage collector later.
        """
        other = self.connect()
        self.collect_no_more()
        before = self.left()
        self.assertEqual(before["FrameReader"], 1)
        for end in ("its close", "ours", "a message and a loss", "half closed"):
            client = self.connect()
            if end == "its close":
                client.say(CLOSE)
            elif end == "ours":
                client.peer.close(4000, "bye")
                client.say(CLOSE)
            elif end == "half closed":
                client.peer.readConnectionLost()
            else:
                client.say(b"\x81\x82\0\0\0\0hi")
            self.harness.clock.advance(0)
            if client.transport.protocol is not None:
                client.vanish()
            del client
            self.harness.clock.advance(0)
            self.assertEqual(self.left(), before, end)
        other.vanish()

    def test_refused_freed(self) -> None:
        """What a connection consists of that is never open is freed as well, whether it was refused, by the gateway or
        by the backend, or left before its answer, with the head or without.
        """
        self.collect_no_more()
        refused = Refused(Refusal(RefusalReason.CLOSED_BY_API))
        for answer, said in (
            (refused, REQUEST + END),
            (refused, REQUEST.replace(b"GET", b"PUT") + END),
            (None, REQUEST + END),
            (None, REQUEST),
            (None, b""),
        ):
            before = self.left()
            self.backend.answer = answer
            client = Client(self.harness, "203.0.113.9")
            client.say(said)
            self.assertNotEqual(self.left(), before)
            if client.transport.ended:
                client.close()
            else:
                client.vanish()
            del client
            while len(self.registry):
                next(iter(self.registry)).resolve(refused)
            self.harness.clock.advance(0)
            self.assertEqual(self.left(), before, said)

    def test_lost_meanwhile(self) -> None:
        """A connection may be lost while a message of it is handed over: what was read behind that is read in peace."""
        client = self.connect()
        self.backend.on_message = client.vanish
        client.say(b"\x81\x82\0\0\0\0hi" * 2 + CLOSE)
        self.assertEqual((len(self.registry), self.flushLoggedErrors()), (0, []))
