"""Turns of nodes that stop: one drains after another, so that the others have room for its clients.

The turn is a key of the engine that ends by itself: a node that dies in its turn keeps nobody waiting for long. The
processes of a node share its turn, which is over with the last of them:

    drain        string  the node that drains
    drain:node   set     its processes that do, by their tokens
"""

from __future__ import annotations

from typing import Any

from twisted.internet.task import deferLater
from twisted.logger import Logger

from wsaas.cluster.engine import Engine
from wsaas.cluster.engine_connection import EngineAway, EngineRefused
from wsaas.cluster.keys import Keys
from wsaas.cluster.scripts import Script

LOOK_EVERY = 0.25
"""Seconds between two attempts to have the turn."""
BEYOND = 10.0
"""Seconds beyond the end of a drain after which its turn is over, however it ended."""
_ACQUIRE = Script.of("""
local holder = redis.call('GET', KEYS[1])
if holder and holder ~= ARGV[1] then return 0 end
if not holder then redis.call('DEL', KEYS[2]) end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[3])
redis.call('SADD', KEYS[2], ARGV[2])
redis.call('PEXPIRE', KEYS[2], ARGV[3])
return 1
""")
_RELEASE = Script.of("""
redis.call('SREM', KEYS[2], ARGV[2])
if redis.call('GET', KEYS[1]) == ARGV[1] and redis.call('EXISTS', KEYS[2]) == 0 then redis.call('DEL', KEYS[1]) end
return 1
""")


class Turns:
    """The turn of node `node`, as its process that `token` names takes part in it."""

    _log = Logger()

    def __init__(self, reactor: Any, engine: Engine, keys: Keys, node: str, token: str) -> None:
        self._reactor = reactor
        self._engine = engine
        self._keys = (keys.key("drain"), keys.key("drain", "node"))
        self._words = (node, token)

    async def acquire(self, within: float, lasting: float) -> None:
        """Wait for the turn, so many seconds at most, and not at all without the engine; it lasts for the drain."""
        deadline, said = self._reactor.seconds() + within, False
        try:
            while True:
                expires = round((lasting + BEYOND) * 1000)
                if await self._engine.run(_ACQUIRE, self._keys, (*self._words, expires)):
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
        """Let the next node have its turn, unless others of this one still drain."""
        try:
            await self._engine.run(_RELEASE, self._keys, self._words)
        except (EngineAway, EngineRefused):
            return
