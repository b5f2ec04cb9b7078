"""Turns of nodes that stop: one drains after another, so that the others have room for its clients.

The turn is a key of the engine that ends by itself: a node that dies in its turn keeps nobody waiting for long.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.task import deferLater
from twisted.logger import Logger

from wsaas.cluster.engine import Engine
from wsaas.cluster.engine_connection import EngineAway, EngineRefused
from wsaas.cluster.scripts import Keys, Script

LOOK_EVERY = 0.25
"""Seconds between two attempts to have the turn."""
BEYOND = 10.0
"""Seconds beyond the end of a drain after which its turn is over, however it ended."""
_RELEASE = Script.of("if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[1]) end return 1")


class Turns:
    """The turn of the process that `token` names."""

    _log = Logger()

    def __init__(self, reactor: Any, engine: Engine, keys: Keys, token: str) -> None:
        self._reactor = reactor
        self._engine = engine
        self._key = keys.key("drain")
        self._token = token

    async def acquire(self, within: float, lasting: float) -> None:
        """Wait for the turn, so many seconds at most, and not at all without the engine; it lasts for the drain."""
        deadline, said = self._reactor.seconds() + within, False
        try:
            while True:
                expires = round((lasting + BEYOND) * 1000)
                if await self._engine.call("SET", self._key, self._token, "NX", "PX", expires) is not None:
                    return
                if self._reactor.seconds() + LOOK_EVERY > deadline:
                    self._log.warn("another node still drains after {seconds:.0f} s: draining as well", seconds=within)
                    return
                if not said:
                    said = True
                    self._log.info("another node drains: serving on until it is done")
                await deferLater(self._reactor, LOOK_EVERY)
        except (EngineAway, EngineRefused):
            return

    async def release(self) -> None:
        """Let the next one have its turn."""
        try:
            await self._engine.run(_RELEASE, (self._key,), (self._token,))
        except (EngineAway, EngineRefused):
            return
