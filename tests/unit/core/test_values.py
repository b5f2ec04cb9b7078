"""Values that are cheap to make."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from wsaas.core.events import EventKind, Received
from wsaas.core.model import Frame


class ValueTests(SynchronousTestCase):
    def test_as_frozen(self) -> None:
        """Values are equal, and hashed, by what they are made of; match takes them apart."""
        one, same, other = (Received(1, Frame(payload, False)) for payload in (b"x", b"x", b"y"))
        self.assertEqual((one, hash(one)), (same, hash(same)))
        self.assertNotEqual(one, other)
        self.assertFalse(hasattr(one, "__dict__") or hasattr(one.frame, "__dict__"))
        self.assertIs(one.kind, EventKind.MESSAGE)
        match one:
            case Received(sequence, Frame(payload, binary)):
                self.assertEqual((sequence, payload, binary), (1, b"x", False))
