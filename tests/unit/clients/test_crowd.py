"""A connect does not cost more the more clients there are."""

from __future__ import annotations

import gc
import sys
from collections import Counter
from dataclasses import replace
from random import Random
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from tests.support.client_harness import END, REQUEST, Client, Harness
from wsaas.core.events import EventKind
from wsaas.core.gateway import Gateway
from wsaas.core.model import Limits
from wsaas.core.monitor import Monitor
from wsaas.core.outcomes import Accepted, Acknowledged
from wsaas.core.registry import Registry
from wsaas.core.session import Session
from wsaas.journal.memory import MemoryJournal

ACCEPTED, ACKNOWLEDGED = Accepted(groups=("all",)), Acknowledged()
CLOSE = b"\x88\x82\0\0\0\0\x03\xe8"


class Accepting:
    """A backend that has accepted each client, and heard of each end, before the call returns."""

    def wake(self, session: Session) -> None:
        event = session.next_event()
        if event is not None:
            session.resolve(ACCEPTED if event.kind is EventKind.CONNECT else ACKNOWLEDGED)


class CrowdTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.harness = Harness(ws_timeout=30.0)
        self.registry = Registry()
        random = Random(1)
        gateway = Gateway(
            self.registry,
            MemoryJournal(),
            Accepting(),
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
