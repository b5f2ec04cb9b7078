"""The scripts of the engine in Python: the same rules, for the model of the cluster, and compared with the Lua ones.

Each rule that the model takes away is a field of `Rules`.
"""

from __future__ import annotations

import pickle
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Any

from wsaas.cluster.scripts import CALM, CLAIM_AFTER, FRESH, LEASE, MANY, VOUCH


@dataclass(frozen=True)
class Rules:
    """The rules of a claim, and of a vouch; all of them hold in the product."""

    quorum: bool = True
    unbroken: bool = True
    calm: bool = True
    age: bool = True
    steps: bool = True
    fresh: bool = True
    absolute: bool = True


@dataclass
class Twin:
    """What the keys hold, and what the scripts do to it. `now` is the engine's time in milliseconds."""

    rules: Rules = Rules()
    now: int = 0
    members: dict[str, int] = field(default_factory=dict)
    since: dict[str, Any] = field(default_factory=dict)
    owner: dict[str, str] = field(default_factory=dict)
    table: dict[str, str] = field(default_factory=dict)
    about: dict[str, dict[str, Any]] = field(default_factory=dict)
    rows: dict[str, dict[str, str]] = field(default_factory=dict)
    owned: dict[str, set[str]] = field(default_factory=dict)
    told: dict[str, set[str]] = field(default_factory=dict)
    groups: dict[str, set[str]] = field(default_factory=dict)
    vouched: dict[str, int] = field(default_factory=dict)
    version: int = 0
    pulse: int = 0
    calm: int = 0

    def snapshot(self) -> Twin:
        """A copy, for a failover that goes back to it."""
        twin: Twin = pickle.loads(pickle.dumps(self))  # a deepcopy takes ten times as long
        return twin

    def restore(self, earlier: Twin) -> None:
        """Be as the copy, at the present time."""
        now = self.now
        self.__dict__.update(earlier.snapshot().__dict__)
        self.now = now

    def _pulse(self) -> None:
        if self.now - self.pulse > LEASE or self.now < self.pulse - 1000:
            self.calm = self.now + CALM
        if self.now < self.pulse - 1000 and self.rules.steps:
            for P, at in self.members.items():
                if at > self.now:
                    self.members[P] = self.now - LEASE
        if self.now < self.pulse and self.rules.fresh:
            self.vouched.clear()
        self.pulse = self.now

    def _answer(self, known: int) -> list[Any]:
        after = CLAIM_AFTER if self.rules.age else LEASE // 2
        due = [(at, P) for P, at in self.members.items() if at <= self.now - after]
        expired = [P for _, P in sorted(due)][:MANY]
        return [
            "OK",
            self.now,
            self.version,
            self.calm - self.now,
            expired,
            {} if known == self.version else dict(self.table),
        ]

    def join(self, P: str, token: str, row: str, seq: int) -> list[Any]:
        m = self.about.get(P)
        if m is not None and (m["state"] != "live" or m["token"] != token):
            return ["FENCED"]
        self._pulse()
        self.about[P] = {"state": "live", "token": token, "seq": seq, "view": P}
        self.since[P] = self.now
        self.owner[P] = P
        self.table[P] = row
        self.members[P] = self.now
        self.vouched.pop(P, None)
        self.version += 1
        for each, since in list(self.since.items()):
            if isinstance(since, tuple) and self.now - since[1] > 60000:
                del self.since[each]
        return self._answer(-1)

    def renew(self, P: str, view: str, row: str, known: int, good: int = -1) -> list[Any]:
        m = self.about.get(P)
        if m is not None and m["state"] != "live":
            return ["FENCED"]
        if m is None or P not in self.members:
            return ["UNKNOWN"]
        self._pulse()
        m["view"] = view
        was = self.members[P]
        if self.now - was >= LEASE or was > self.now:
            self.since[P] = self.now
        self.members[P] = self.now
        if self.table.get(P) != row:
            self.table[P] = row
            self.version += 1
        if good >= 0 and not self.rules.absolute:
            good = self.now + VOUCH
        if self.now < good <= self.now + VOUCH:
            self.vouched[P] = good
        elif good >= 0:
            self.vouched.pop(P, None)
        return self._answer(known)

    def write(
        self,
        W: str,
        P: str,
        seq: int,
        puts: dict[str, str],
        deletions: list[str],
        joins: Collection[str] = (),
        leaves: Collection[str] = (),
    ) -> list[Any]:
        owner = self.owner.get(P)
        if owner is None:
            return ["FENCED"] if P in self.about else ["UNKNOWN"]
        if owner != W:
            return ["FENCED"]
        rows = self.rows.setdefault(P, {})
        rows.update(puts)
        for each in deletions:
            rows.pop(each, None)
        if not rows:
            del self.rows[P]
        self.groups.setdefault(P, set()).update(joins)
        self.groups[P].difference_update(leaves)
        if W == P:
            before = self.about[P]["seq"]
            self.about[P]["seq"] = seq
            return ["OK", before]
        if gone := {each for each in deletions if not each.endswith(".")}:
            self.told.setdefault(P, set()).update(gone)
        if P not in self.rows:
            del self.owner[P]
            self.owned.get(W, set()).discard(P)
        return ["OK", -1]

    def claim(self, Q: str, P: str, token: str = "", word: str = "") -> list[Any]:
        m = self.about.get(P)
        if Q == P:
            return ["ALIVE", 0]
        if m is None:
            return ["UNKNOWN"]
        if m["state"] == "claimed":
            return ["CLAIMED", self.owner.get(P, m["owner"])]
        proved = bool(token) and token == m["token"]
        if not proved and m["state"] != "left":
            if self.rules.calm and self.now < self.calm:
                return ["CALM", self.calm - self.now]
            renewed = self.members.get(P, 0)
            if renewed > self.now:
                self.members[P] = self.now
                return ["ALIVE", 0]
            if self.rules.age and self.now - renewed < CLAIM_AFTER:
                return ["ALIVE", self.now - renewed]
            if not word and self.now - self.members.get(Q, 0) >= LEASE:
                return ["NOT_LEASED"]
            seen, leased = self.nodes_of(P, m["view"])
            address = _address(self.table.get(P))
            replaced = address is not None and address == _address(self.table.get(Q))
            if self.rules.quorum and not word and not replaced and leased * 2 < seen:
                return ["NO_QUORUM", leased, seen]
        over = proved or m["state"] == "left"
        m |= {"state": "claimed", "owner": Q}
        self.owner[P] = Q
        self.members.pop(P, None)
        self.since.pop(P, None)
        if over:
            self.since[P] = ("left", self.now)
        self.table.pop(P, None)
        self.vouched.pop(P, None)
        self.groups.pop(P, None)
        mine = self.owned.setdefault(Q, set())
        mine.add(P)
        for X in self.owned.pop(P, set()):
            self.owner[X] = Q
            mine.add(X)
        self.version += 1
        if P not in self.rows:
            del self.owner[P]
            mine.discard(P)
        return ["OK", sorted(mine)]

    def nodes_of(self, P: str, view: str) -> tuple[int, int]:
        """The number of nodes in a view of P, and of those that are there."""
        seen = leased = 0
        for node in view.split():
            names = node.split(",")
            others = [V for V in names if V != P and not isinstance(self.since.get(V), tuple)]
            seen += bool(others) or P in names
            leased += bool(others) and all(self._leased(V) for V in others)
        return seen, leased

    def _leased(self, V: str) -> bool:
        at, since = self.members.get(V, 0), self.since.get(V)
        if not (at <= self.now and self.now - at < LEASE and since is not None):
            return False
        return not self.rules.unbroken or self.now - since >= LEASE

    def leave(self, P: str, row: str) -> list[Any]:
        m = self.about.get(P)
        if m is None:
            return ["UNKNOWN"]
        if m["state"] != "live":
            return ["FENCED"]
        m["state"] = "left"
        self.since[P] = ("left", self.now)
        self.version += 1
        self.vouched.pop(P, None)
        self.groups.pop(P, None)
        if P not in self.rows and not self.owned.get(P):
            self.members.pop(P, None)
            self.owner.pop(P, None)
            self.table.pop(P, None)
        else:
            self.members[P] = 0
            self.table[P] = row
        return ["OK"]

    def interest(self, known: int, prefixes: Sequence[str], groups: Sequence[str]) -> list[Any]:
        answers: list[list[int]] = []
        if not self.rules.fresh or 0 <= self.now - self.pulse <= FRESH:
            for P in prefixes:
                vouches = self.vouched.get(P, 0) > self.now
                answers.append([int(group in self.groups.get(P, ())) for group in groups] if vouches else [])
        return [self.version, answers, {} if known == self.version else dict(self.table)]


def _address(row: str | None) -> str | None:
    found = re.search('"address": "([^"]+)"', row or "")
    return found[1] if found else None
