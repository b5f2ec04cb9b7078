"""A random schedule of faults of a cluster, under clients that come, talk and leave, and a backend that pushes.

What must hold of it, whatever happens:

- Each connection that the backend accepted gets its DELETE, and nothing after that.
- Each answer to a push is one that the API has. A push answered 404 or 503 reached no client, and nothing that the
  client of such an id says after a 404 reaches the backend: it was over.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import threading
import time
from collections import defaultdict
from collections.abc import Sequence
from itertools import combinations
from typing import Any

from websockets.exceptions import ConnectionClosed

from tests.support.cluster import PATIENCE, Cluster
from tests.support.fault_case import late, repeats
from tests.support.gateway_process import Gateway
from tests.support.links import Links
from tests.support.system_case import eventually
from tests.support.websocket_client import connect
from tests.support.workers import resume

ANSWERS = {200, 202, 404, 429, 503, 504}
NOT_DELIVERED = {404, 429, 503}
COMPLETE_AFTER = 8.0
"""Seconds after which the engine has everything of all nodes again, in a gateway that is not quick."""
KINDS = (
    *("kill", "disk", "drain", "freeze", "freeze", "thaw", "thaw"),
    *("engine freezes", "engine empty", "engine rolled back", "cut", "cut engine", "heal"),
)


class Schedule:
    """One schedule, on a cluster that is well. `speed` divides all times. `violations` is empty if all held."""

    def __init__(self, cluster: Cluster, links: Links, seed: int, seconds: float, speed: float) -> None:
        self.cluster = cluster
        self.links = links
        self.seed = seed
        self.seconds = seconds
        self.speed = speed
        self.rng = random.Random(seed)
        self.path = f"/seed{seed}"
        self.stage = cluster.backend.stage(self.path)
        self.done: list[str] = []
        self._stop = threading.Event()
        self._frozen: set[int] = set()
        self._cut: set[tuple[str, str]] = set()
        self._complete_at = 0.0
        self._lost: set[str] = set()
        self._pushes: list[tuple[str, int, float]] = []
        self._got: set[str] = set()
        self._threads = [threading.Thread(target=self._churn, args=(number,), daemon=True) for number in range(6)]
        self._threads.append(threading.Thread(target=self._push, daemon=True))

    def run(self) -> None:
        """Do it, and heal everything at the end: all nodes are ready then, and no client is left."""
        for thread in self._threads:
            thread.start()
        ends = time.monotonic() + self.seconds
        while time.monotonic() < ends:
            time.sleep(self.rng.uniform(0.3, 4) / self.speed)
            self._happen(self.rng.choice(KINDS))
        self._heal()
        self._stop.set()
        for thread in self._threads:
            thread.join(PATIENCE)

    def check(self) -> list[str]:
        """Wait until the backend has heard of all ends; return what did not hold."""
        accepted = {request.id for request in self.stage.connects}
        try:
            eventually(lambda: not self._untold(accepted), PATIENCE)
        except AssertionError:
            pass
        missing = self._untold(accepted)
        after = late(self.stage.requests)
        found = []
        if missing:
            found.append(f"{len(missing)} of {len(accepted)} missing: {sorted(missing)[:5]}")
        if after:
            found.append(f"{len(after)} events after the DELETE: {[(each.method, each.id) for each in after[:5]]}")
        statuses = {status for _, status, _ in self._pushes}
        if not statuses <= ANSWERS:
            found.append(f"answers {statuses - ANSWERS}")
        lies = [body for body, status, _ in self._pushes if status in NOT_DELIVERED and body in self._got]
        if lies:
            found.append(f"{len(lies)} pushes were refused and reached a client: {lies[:5]}")
        over: dict[str, float] = {}
        for body, status, answered in self._pushes:
            if status == 404:
                over.setdefault(body.partition(" ")[0], answered)
        alive = [each.id for each in self.stage.messages if float(each.body) > over.get(each.id, float("inf"))]
        if alive:
            found.append(f"{len(alive)} messages were said after a 404 and came: {alive[:5]}")
        return found

    def summary(self) -> str:
        """One line about the run."""
        answers: dict[int, int] = defaultdict(int)
        for _, status, _ in self._pushes:
            answers[status] += 1
        return (
            f"seed {self.seed}: {len(self.stage.connects)} connections, {len(self.stage.messages)} messages, "
            f"{len(repeats(self.stage.requests))} repeated DELETEs, answers {dict(sorted(answers.items()))}, "
            f"{', '.join(self.done)}"
        )

    # What happens

    def _happen(self, what: str) -> None:
        node = self.rng.randrange(len(self.cluster.nodes))
        # The one loss that is not promised against is that of the disk and of the engine's rows.
        if what == "disk" and not self._complete(node):
            what = "kill"
        elif what in ("engine empty", "engine rolled back") and self._untold(self._lost):
            what = "engine freezes"
        if what in ("kill", "disk", "drain", "freeze"):
            self.done.append(f"{what} n{node + 1}")
            self._happen_to(node, what)
        elif what == "thaw" and self._frozen:
            self._thaw(self.rng.choice(sorted(self._frozen)))
        elif what == "heal" and self._cut:
            self._cut_links([])
        elif what == "cut":
            self.done.append(what)
            names = self._names()
            sides = {name: self.rng.randrange(2) for name in names}
            self._cut_links([pair for pair in combinations(names, 2) if sides[pair[0]] != sides[pair[1]]])
        elif what == "cut engine":
            self.done.append(f"{what} n{node + 1}")
            self._cut_links([*self._cut, ("engine", f"n{node + 1}")])
        elif what.startswith("engine"):
            self.done.append(what)
            self._happen_to_engine(what)

    def _happen_to(self, node: int, what: str) -> None:
        gateway = self.cluster.nodes[node]
        if what == "freeze":
            if len(self._frozen) < 2 and gateway.process.poll() is None:
                os.kill(gateway.pid, signal.SIGSTOP)
                self._frozen.add(node)
            return
        if what == "drain":
            self._thaw(node)
            gateway.terminate()
            try:
                gateway.wait()
            except Exception:
                self.done.append("killed")
        gateway.kill()
        self._frozen.discard(node)
        if what == "disk":
            self._lost = self._untold({request.id for request in self.stage.connects})
            shutil.rmtree(gateway.directory / "state", ignore_errors=True)
        self._again(node)

    def _happen_to_engine(self, what: str) -> None:
        redis = self.cluster.redis
        if what == "engine freezes":
            redis.freeze()
            time.sleep(self.rng.uniform(0.5, 6) / self.speed)
            redis.thaw()
        elif what == "engine empty":
            redis.kill()
            time.sleep(self.rng.uniform(0.1, 6) / self.speed)
            redis.start()
        else:
            before = self._claims()
            redis.save()
            time.sleep(self.rng.uniform(0.1, 2) / self.speed)
            redis.ask("CLIENT", "PAUSE", 1000, "WRITE")
            if self._claims() == before:  # a claim that was told must be in the replica: CLUSTER_REPLICAS
                redis.roll_back()
            else:
                self.done.append("not: a claim")
                redis.ask("CLIENT", "UNPAUSE")
        self._incomplete()

    def _claims(self) -> set[bytes]:
        """The prefixes that the engine has as claimed."""
        redis, found = self.cluster.redis, set()
        for key in redis.ask("KEYS", "{wsaas}:m:*"):
            if redis.ask("HGET", key, "state") == b"claimed":
                found.add(key)
        return found

    def _incomplete(self) -> None:
        """Note that the engine may lack rows that live."""
        self._complete_at = time.monotonic() + COMPLETE_AFTER / self.speed

    def _complete(self, node: int) -> bool:
        """Say if the engine has all rows of a node, as far as can be promised."""
        return not self._cut and not self._frozen and time.monotonic() > self._complete_at and self._ready(node)

    def _untold(self, ids: set[str]) -> set[str]:
        """Those of these connections of whose end the backend has not heard."""
        return ids - {request.id for request in self.stage.disconnects}

    def _names(self) -> list[str]:
        return ["engine", *(f"n{number + 1}" for number in range(len(self.cluster.nodes)))]

    def _cut_links(self, pairs: Sequence[tuple[str, str]]) -> None:
        if not pairs:
            self.done.append("heal")
        self._cut = set(pairs)
        self.links.cut(self._cut)
        self._incomplete()

    def _thaw(self, node: int) -> None:
        if node in self._frozen:
            self.done.append(f"thaw n{node + 1}")
            self._frozen.discard(node)
            resume(self.cluster.nodes[node].pid)
            self._incomplete()

    def _again(self, node: int) -> None:
        """Start a node that has ended again in its directory."""
        self.links.pids.pop(self.cluster.nodes[node].pid, None)
        gateway = self.cluster.again(node)
        self.links.pids[gateway.pid] = f"n{node + 1}"

    def _heal(self) -> None:
        """Let all go on, start what has ended, and wait until all have been ready for a while."""
        for node in list(self._frozen):
            self._thaw(node)
        self._cut_links([])
        since, ends = time.monotonic(), time.monotonic() + 2 * PATIENCE
        while time.monotonic() < since + 2 / self.speed:
            assert time.monotonic() < ends, (self.seed, self.done)
            for node, gateway in enumerate(self.cluster.nodes):
                if gateway.process.poll() is not None:
                    self._again(node)
            if not all(self._ready(node) for node in range(len(self.cluster.nodes))):
                since = time.monotonic()
            time.sleep(0.1)

    def _ready(self, node: int) -> bool:
        try:
            return self.cluster.nodes[node].api.get("/-/ready").status == 200
        except OSError:
            return False

    # Clients and backend

    def _churn(self, number: int) -> None:
        """Connect, talk, leave, again and again."""
        rng = random.Random(f"{self.seed} {number}")
        while not self._stop.is_set():
            try:
                self._converse(rng.choice(self.cluster.nodes), rng)
            except Exception:  # refused, closed, gone: as it happens
                time.sleep(0.1)

    def _converse(self, gateway: Gateway, rng: random.Random) -> None:
        client: Any = connect(gateway.ws + self.path, open_timeout=5, close_timeout=1)
        try:
            for _ in range(rng.randrange(20)):
                client.send(f"{time.monotonic():.6f}")
                self._listen(client, rng.uniform(0, 0.2))
        finally:
            client.close()
            try:
                self._listen(client, 0)
            except (ConnectionClosed, OSError):
                pass

    def _listen(self, client: Any, seconds: float) -> None:
        ends = time.monotonic() + seconds
        try:
            while True:
                self._got.add(client.recv(timeout=max(0.0, ends - time.monotonic())))
        except TimeoutError:
            pass

    def _push(self) -> None:
        rng, number = random.Random(self.seed), 0
        while not self._stop.is_set():
            connects = self.stage.connects[-50:]
            if connects:
                number += 1
                id = rng.choice(connects).id
                body = f"{id} {number}"
                try:
                    status = rng.choice(self.cluster.nodes).api.push(id, body).status
                except OSError:  # it is down, or says nothing: it promises nothing
                    continue
                self._pushes.append((body, status, time.monotonic()))
            time.sleep(0.02)
