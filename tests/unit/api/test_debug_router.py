"""The Router that logs each request at debug."""

from __future__ import annotations

from typing import cast

from twisted.internet.task import Clock
from twisted.logger import capturedLogs, formatEvent
from twisted.trial.unittest import SynchronousTestCase

from tests.support.api_fakes import GONE, HERE, FakeSession
from wsaas.api.debug_router import DebugRouter
from wsaas.core.errors import NoSuchConnection
from wsaas.core.monitor import Monitor
from wsaas.core.registry import Registry
from wsaas.core.session import Session

THEIRS = "B" * 32


class DebugRouterTests(SynchronousTestCase):
    def test_lines(self) -> None:
        """A line has the status of the answer, or says that another process, the owner, has the request."""
        registry = Registry()
        registry.add(cast(Session, FakeSession()))
        router = DebugRouter(Clock(), registry, 1000, Monitor(), elsewhere=lambda id: id == THEIRS)
        with capturedLogs() as events:
            router.push(HERE, b"hello", False)
            for id in (GONE, THEIRS):
                self.assertRaises(NoSuchConnection, router.push, id, b"hello", False)
                self.assertRaises(NoSuchConnection, router.close, id, 1000, "")
        self.assertEqual(
            [formatEvent(event) for event in events],
            [
                f"push of 5 bytes: 200 after 0.0 ms; connection {HERE}",
                f"push of 5 bytes: 404 after 0.0 ms; connection {GONE}",
                f"close with 1000: 404 after 0.0 ms; connection {GONE}",
                f"push of 5 bytes: handed on to the owner; connection {THEIRS}",
                f"close with 1000: handed on to the owner; connection {THEIRS}",
            ],
        )
