"""The life of a node: what it does with its disk when another node has claimed it."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from wsaas.cluster.lives import Life, Lives
from wsaas.service.node_life import NodeLife


class FencedTests(SynchronousTestCase):
    def test_the_disk_is_kept(self) -> None:
        """A node that is claimed ends, and keeps its journal and the proof of its life: its next start finds out which
        of its connections only this disk has. That holds whether the claim is sure or not.
        """
        for sure in (True, False):
            directory = Path(self.mktemp())
            directory.mkdir()
            lives = Lives(directory, "P" * 8)
            lives.begin("token")
            forgotten: list[Any] = []
            ended: list[bool] = []
            gateway: Any = SimpleNamespace(
                accepting=True, prefix="P" * 8, registry=[SimpleNamespace(id="P" * 32)], ended=False
            )
            journal: Any = SimpleNamespace(disown=forgotten.append, forget=forgotten.append)
            member: Any = SimpleNamespace()
            life = NodeLife(
                Clock(),
                gateway,
                member,
                journal,
                lives,
                durable=True,
                replicas=0,
                released=int,
                end=lambda ended=ended: ended.append(True),
            )
            life.fenced(sure)
            self.assertEqual((gateway.accepting, ended, forgotten), (False, [True], []))
            self.assertEqual(Lives(directory, "Q" * 8).begin("other"), {"P" * 8: Life("token")})
