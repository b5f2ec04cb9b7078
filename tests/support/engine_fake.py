"""The engine as a cluster's parts know it, over the twin of its scripts: no server, no time of its own."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred, fail, succeed

from tests.support.engine_twin import Twin
from wsaas.cluster.engine_connection import EngineAway, EngineRefused
from wsaas.cluster.scripts import Scripts

_SCRIPTS = Scripts()


class FakeEngine:
    """An engine that answers at once. With `there` false every call fails; with `held` set, answers wait in it; with
    `refusal` set, that error is the answer to every script.
    """

    def __init__(self, twin: Twin) -> None:
        self.twin = twin
        self.there = True
        self.connections = 1
        self.trouble: str | None = "away"
        self.refusal: str | None = None
        self.events: Any = None
        self.held: list[Any] | None = None
        self.asked: list[tuple[Any, ...]] = []
        self.replicas = 0
        """The replicas that have every write."""
        self.attached = 0
        """The replicas that are connected, however far behind."""
        self._wrote = False
        """True once a write came over this connection: only the writes of its own connection does WAIT ask for."""
        self.sets: dict[str, set[str]] = {}

    def start(self) -> None:
        if self.there:
            self.events.engine_there()

    def stop(self) -> None:
        self.there = False

    def release(self) -> None:
        """Give the answers that waited."""
        held, self.held = self.held, None
        for deferred, answer in held or ():
            deferred.callback(answer)

    def lose(self) -> None:
        """Be away; what waits for an answer has none."""
        self.there = self._wrote = False
        held, self.held = self.held, None
        for deferred, _ in held or ():
            deferred.errback(EngineAway("lost"))

    def back(self) -> None:
        """Be there again, over a new connection."""
        self.there = True
        self.connections += 1
        self.events.engine_there()

    def run(self, script: Any, keys: Any, arguments: Any) -> Deferred[Any]:
        if not self.there:
            return fail(EngineAway("away"))
        if self.refusal is not None:
            return fail(EngineRefused(self.refusal))
        words = [each.decode() if isinstance(each, bytes) else each for each in arguments]
        self.asked.append((_name(script), *words))
        got = self._run(_name(script), words)
        self._wrote = self._wrote or got[0] == "OK"
        return self._answer(_encoded(got))

    def _run(self, name: str, words: list[Any]) -> Any:
        twin = self.twin
        if name == "write":
            W, P, seq, puts, joins, leaves, *rest = words
            rows = dict(zip(rest[: 2 * puts : 2], rest[1 : 2 * puts : 2], strict=True))
            rest = rest[2 * puts :]
            return twin.write(W, P, seq, rows, rest[joins + leaves :], rest[:joins], rest[joins : joins + leaves])
        if name == "interest":
            known, count, *rest = words
            words = [known, rest[:count], rest[count:]]
        got = getattr(twin, name)(*words)
        if name == "interest" or (name in ("join", "renew") and got[0] == "OK"):
            got[-1] = [word for pair in got[-1].items() for word in pair]
        return got

    def call(self, *words: Any, within: float | None = None) -> Deferred[Any]:
        if not self.there:
            return fail(EngineAway("away"))
        self.asked.append(words)
        command, rest = words[0], words[1:]
        key = str(rest[0]).partition("}:")[2] if rest else ""
        got: Any
        match command:
            case "HGET" if key.startswith("m:"):
                got = self.twin.about.get(key[2:], {}).get(rest[1])
            case "HGET":
                got = self.twin.table.get(rest[1])
            case "HKEYS":
                got = list(self.twin.rows.get(key[2:], {}))
            case "HSCAN":
                rows = self.twin.rows.get(key[2:], {})
                got = ["0", [word for pair in rows.items() for word in pair]]
            case "WAIT":
                got = min(int(rest[0]), self.replicas if self._wrote else max(self.replicas, self.attached))
            case "SMEMBERS" if key.startswith("t:"):
                got = sorted(self.twin.told.get(key[2:], ()))
            case "SMEMBERS" if key.startswith("g:"):
                got = sorted(self.twin.groups.get(key[2:], ()))
            case "SMEMBERS":
                got = sorted(self.sets.get(key, ()))
            case "SADD":
                self.sets.setdefault(key, set()).update(map(str, rest[1:]))
                got = 1
            case "SREM":
                self.sets.get(key, set()).difference_update(map(str, rest[1:]))
                got = 1
            case "ZRANGE":
                got = [word for P, at in self.twin.members.items() for word in (P, str(at))]
            case _:
                raise AssertionError(words)
        return self._answer(_encoded(got))

    def _answer(self, got: Any) -> Deferred[Any]:
        if self.held is None:
            return succeed(got)
        deferred: Deferred[Any] = Deferred()
        self.held.append((deferred, got))
        return deferred


def _name(script: Any) -> str:
    return next(name for name, known in vars(_SCRIPTS).items() if known.text == script.text)


def _encoded(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode()
    return [_encoded(each) for each in value] if isinstance(value, list) else value
