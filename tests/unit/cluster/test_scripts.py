"""The scripts that the engine runs, on a real server, and beside their twin in Python."""

from __future__ import annotations

import random
import socket
from typing import Any

import hiredis
from twisted.trial.unittest import SynchronousTestCase

from tests.support.engine_twin import Twin
from tests.support.redis_process import MISSING, Redis
from wsaas.cluster.keys import Keys
from wsaas.cluster.scripts import VOUCH, Script, Scripts

TEST_NOW = "local now = tonumber(redis.call('GET', 'test:now'))"
KEYS = Keys("test")
RUNS, STEPS = 60, 80


class Line:
    """A connection to the server, for many commands."""

    def __init__(self, redis: Redis) -> None:
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.settimeout(20)
        self._socket.connect(str(redis.path))
        self._reader = hiredis.Reader(encoding="utf-8")

    def ask(self, *words: str | int) -> Any:
        self._socket.sendall(hiredis.pack_command(words))
        while (reply := self._reader.gets()) is False:
            self._reader.feed(self._socket.recv(65536))
        if isinstance(reply, hiredis.ReplyError):
            raise reply
        return reply

    def run(self, script: Script, keys: list[str], *arguments: str | int) -> Any:
        return self.ask("EVAL", script.text, len(keys), *keys, *arguments)

    def close(self) -> None:
        self._socket.close()


def flat(state: list[Any]) -> list[Any]:
    """An answer of join or renew with its table as a mapping."""
    if state[0] != "OK":
        return state[:1]
    return [*state[:5], dict(zip(state[5][::2], state[5][1::2], strict=True))]


class ScriptTests(SynchronousTestCase):
    skip = MISSING

    def setUp(self) -> None:
        self.redis = Redis()
        self.addCleanup(self.redis.end)
        self.line = Line(self.redis)
        self.addCleanup(self.line.close)
        self.scripts = Scripts(TEST_NOW)

    def test_twin(self) -> None:
        """Random commands at random times do in the engine what they do in the twin: answers and rows alike."""
        self.words: set[str] = set()
        self.left_out: set[int] = set()
        for seed in range(RUNS):
            self.line.ask("FLUSHALL")
            self.run_of(random.Random(seed), seed)
        self.assertEqual(self.left_out, {0, 1})
        self.assertEqual(self.words, set("OK UNKNOWN CLAIMED CALM ALIVE NOT_LEASED NO_QUORUM".split()))

    def run_of(self, rng: random.Random, seed: int) -> None:
        line, scripts, twin = self.line, self.scripts, Twin()
        names = [f"{letter}" * 8 for letter in "ABCD"]
        twin.now = 1_700_000_000_000
        seqs = dict.fromkeys(names, 0)
        # Either anything, or a cluster that is well but for those that are gone from some step on.
        wild, gone_at = rng.random() < 0.5, {name: rng.choice([10, 99, 99]) for name in names}
        away = rng.choice(names)  # and one that is away for some seconds
        for step in range(STEPS):
            often = [1, 300, 900, 900, 900]
            twin.now += rng.choice([*often, 2500, 4000, 7000, 9000, -1500, -5000, 61000] if wild else often)
            line.ask("SET", "test:now", twin.now)
            P, Q = rng.choice(names), rng.choice(names)
            row = f'{{"address": "http://{rng.choice("ab")}", "state": "{rng.choice(["live", "draining"])}"}}'
            well = "all all all all claim claim write interest" if step > 4 else "join"
            kind = rng.choice(
                ("join join renew renew renew all all write write claim claim leave interest" if wild else well).split()
            )
            if step < len(names) and not wild:
                P = names[step]
            got: Any = None
            want: Any = None
            match kind:
                case "join":
                    token = rng.choice(["t", "t", "t", "u"])
                    want = twin.join(P, token, row, seqs[P])
                    got = flat(line.run(scripts.join, KEYS.state(P), P, token, row, seqs[P]))
                case "renew" | "all":
                    for each in names if kind == "all" else [P]:
                        if not wild and (step >= gone_at[each] or (each == away and 14 <= step < 26)):
                            continue
                        sample = rng.sample(names, rng.randint(0 if wild else 3, 4))
                        view = "".join(name + rng.choice([" ", " ", ","]) for name in sample).rstrip(" ,")
                        known = rng.choice([twin.version, 0])
                        good = rng.choice(
                            [0, twin.now, twin.now + 1, twin.now + 2500, twin.now + VOUCH, twin.now + 9000]
                        )
                        vouch = rng.choice([(), (good,), (good,)])
                        want = twin.renew(each, view, row, known, *vouch)
                        got = flat(line.run(scripts.renew, KEYS.state(each), each, view, row, known, *vouch))
                        self.assertEqual(got, want)
                case "write":
                    W = rng.choice([P, P, Q])
                    puts = {f"id{rng.randrange(6)}": str(rng.random()) for _ in range(rng.choice([0, 1, 2, 4]))}
                    gone = [f"id{rng.randrange(6)}{rng.choice(['', '.'])}" for _ in range(rng.choice([0, 1, 6]))]
                    joins, leaves = (rng.sample("xyz", rng.choice([0, 0, 1, 2])) if W == P else [] for _ in "12")
                    seqs[P] += 1
                    want = twin.write(W, P, seqs[P], puts, gone, joins, leaves)
                    pairs = [word for pair in puts.items() for word in pair]
                    counts = len(puts), len(joins), len(leaves)
                    changes = *pairs, *joins, *leaves, *gone
                    got = line.run(scripts.write, KEYS.write(W, P), W, P, seqs[P], *counts, *changes)
                case "claim":
                    token, word = rng.choice(["", "", "", "t"] if wild else [""]), rng.choice(["", "", "", "word"])
                    want = twin.claim(Q, P, token, word)
                    got = line.run(scripts.claim, KEYS.claim(Q, P), Q, P, token, word)
                    if got[0] == "OK":
                        got = ["OK", sorted(got[1])]
                    self.words.add(got[0])
                case "interest":
                    others, groups = rng.sample(names, rng.randint(0, 4)), rng.sample("xyz", rng.randint(1, 3))
                    known = rng.choice([twin.version, 0])
                    want = twin.interest(known, others, groups)
                    words = known, len(others), *others, *groups
                    got = line.run(scripts.interest, KEYS.interest(others), *words)
                    got[2] = dict(zip(got[2][::2], got[2][1::2], strict=True))
                    self.left_out.update(found for answer in want[1] for found in answer)
                case _:
                    want = twin.leave(P, row)
                    got = line.run(scripts.leave, KEYS.leave(P), P, row)
            self.assertEqual(got, want, (seed, step, kind))
        for P in names:
            found = line.ask("HGETALL", KEYS.key("c", P))
            self.assertEqual(dict(zip(found[::2], found[1::2], strict=True)), twin.rows.get(P, {}))
            self.assertEqual(set(line.ask("SMEMBERS", KEYS.key("t", P))), twin.told.get(P, set()))
            self.assertEqual(set(line.ask("SMEMBERS", KEYS.key("g", P))), twin.groups.get(P, set()))
        vouched = line.ask("HGETALL", KEYS.key("vouched"))
        self.assertEqual(
            dict(zip(vouched[::2], map(int, vouched[1::2]), strict=True)), dict(sorted(twin.vouched.items()))
        )

    def test_unbroken(self) -> None:
        """A lease counts for a claim only once it is unbroken for four seconds: its process may have voted."""
        A, B, C = (letter * 8 for letter in "ABC")
        now = 1_700_000_000_000
        self.line.ask("SET", "test:now", now)
        for each in (A, B, C):
            self.line.run(self.scripts.join, KEYS.state(each), each, "t", "{}", 0)

        def renewed(*names: str) -> None:
            for each in names:
                self.line.run(self.scripts.renew, KEYS.state(each), each, f"{A} {B} {C}", "{}", 0)

        words = []
        for second in range(1, 30):
            self.line.ask("SET", "test:now", now + 1000 * second)
            renewed(*((A, B, C) if second < 10 else (C,) if second < 16 else (B, C)))
            words.append(self.line.run(self.scripts.claim, KEYS.claim(C, A), C, A, "", "")[0])
        # A and B are last there at 9 s; B is back at 16 s.
        self.assertEqual(words[15:20], ["NO_QUORUM"] * 4 + ["OK"])

    def test_nodes(self) -> None:
        """Processes of one node count as one for a claim, if all are there. One that died counts against its node until
        its successor proves its end by its token: then it is not missed.
        """
        names = A1, _, B1, B2 = "A1", "A2", "B1", "B2"
        now = 1_700_000_000_000
        self.line.ask("SET", "test:now", now)
        for each in names:
            self.line.run(self.scripts.join, KEYS.state(each), each, f"token of {each}", "{}", 0)
        for second in range(1, 21):
            self.line.ask("SET", "test:now", now + 1000 * second)
            for each in names if second < 12 else (B1,):
                self.line.run(self.scripts.renew, KEYS.state(each), each, "A1,A2 B1,B2", "{}", 0)

        def claim(prefix: str, token: str = "") -> str:
            return str(self.line.run(self.scripts.claim, KEYS.claim(B1, prefix), B1, prefix, token, "")[0])

        self.assertEqual(claim(A1), "NO_QUORUM")
        self.assertEqual(claim(B2, "token of B2"), "OK")
        self.assertEqual(claim(A1), "OK")

    def test_large_write(self) -> None:
        """A batch of a thousand rows goes in and out in one step."""
        twin, P = Twin(), "P" * 8
        self.line.ask("SET", "test:now", 1)
        self.line.run(self.scripts.join, KEYS.state(P), P, "t", "{}", 0)
        ids = [f"id{number}" for number in range(1001)]
        pairs = [word for id in ids for word in (id, "row")]
        self.line.run(self.scripts.write, KEYS.write(P, P), P, P, 1, len(ids), 0, 0, *pairs)
        self.assertEqual(self.line.ask("HLEN", KEYS.key("c", P)), len(ids))
        self.line.run(self.scripts.write, KEYS.write(P, P), P, P, 2, 0, 0, 0, *ids)
        self.assertEqual(self.line.ask("HLEN", KEYS.key("c", P)), 0)
        self.assertEqual(twin.rows, {})

    def test_schema(self) -> None:
        """A process that finds another schema does not join, and changes nothing."""
        self.line.ask("SET", "test:now", 1)
        self.line.ask("SET", KEYS.key("schema"), "2")
        answer = self.line.run(self.scripts.join, KEYS.state("P"), "P", "t", "{}", 0)
        self.assertEqual(answer, ["SCHEMA", "2"])
        self.assertEqual(self.line.ask("EXISTS", KEYS.key("m", "P")), 0)

    def test_real_time(self) -> None:
        """Without a test's line the time is the engine's own, in milliseconds."""
        answer = self.line.run(Scripts().join, KEYS.state("P"), "P", "t", "{}", 0)
        seconds, _ = self.line.ask("TIME")
        self.assertTrue(abs(answer[1] / 1000 - int(seconds)) < 5, answer)
