"""The gate of webhooks: nothing leaves and nothing is acted on without the right, and nothing is lost."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from wsaas.cluster.gate import GatedSender


class GateTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.speaks = True
        self.sent: list[tuple[Any, Callable[[Any], object]]] = []
        self.answers: list[Any] = []
        self.gate = GatedSender(self, lambda: self.speaks)

    def send(self, webhook: Any, done: Callable[[Any], object]) -> None:
        self.sent.append((webhook, done))

    def post(self, name: Any) -> None:
        self.gate.send(name, lambda answer: self.answers.append((name, answer)))

    def names(self) -> list[Any]:
        return [name for name, _ in self.sent]

    def test_open(self) -> None:
        """With the right webhooks leave at once, and their answers are passed on at once."""
        self.post("a")
        self.sent[0][1](200)
        self.assertEqual((self.names(), self.answers, self.gate.held), (["a"], [("a", 200)], 0))

    def test_held(self) -> None:
        """Without it both are held, and go on in their order when it is back."""
        self.post("a")
        self.speaks = False
        self.post("b")
        self.sent[0][1](200)
        self.post("c")
        self.gate.release()
        self.assertEqual((self.names(), self.answers, self.gate.held), (["a"], [], 3))
        self.speaks = True
        self.post("d")  # behind those that wait
        self.gate.release()
        self.assertEqual((self.names(), self.answers, self.gate.held), (["a", "b", "c", "d"], [("a", 200)], 0))

    def test_lost_again(self) -> None:
        """If the right goes while they are let go, the rest stays."""
        self.speaks = False
        for name in "abc":
            self.post(name)
        words = iter([True, False])
        self.gate = gate = GatedSender(self, lambda: next(words, False))
        for name in "abc":
            gate.send(name, print)  # the first has the right
        gate.release()
        self.assertEqual((self.names(), gate.held), (["a"], 2))
