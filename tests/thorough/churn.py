"""Half an hour of clients that come and go, with faults on every side: `python -m tests.thorough.churn --minutes 30`.

A real gateway and a backend that answers by chance: well, slowly, 5xx, with a reset, not at all. Clients open, speak,
close, are reset, send rubbish; the API is asked well and badly. Every 20 seconds a line shows what the gateway holds.
Exit status 1 if memory, files or log grew beyond their bounds, or a connection is not accounted for:

memory    after the first third of the time at most `MEMORY` more
files     when all clients are gone at most `FILES` more than at the start
log       at most `LOG_RATE` bytes a second
accounts  one DELETE, with one webhook-id, for each POST that the backend may have accepted
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from tests.support.backend_answers import Answer, Exchange, Request, accept, after, drop, hang, reply, reset, say, stale
from tests.support.backend_server import Backend, Stage
from tests.support.faults import Crowd, fickle
from tests.support.gateway_process import Gateway

MEMORY = 8 << 20
FILES = 8
LOG_RATE = 2000
LIVE = 120
"""Clients at once, about."""
SETTINGS = {
    "WEBHOOK_TIMEOUT": "1500",
    "MESSAGE_PATIENCE": "4000",
    "WS_TIMEOUT": "4000",
    "HANDSHAKE_TIMEOUT": "3000",
    "CONNECT_RATE": "0",
    "WEBHOOK_CONCURRENCY": "64",
}


class Ledger(Stage):
    """Keeps of each request only what the accounts need."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: set[str] = set()
        self.let_in: set[str] = set()
        self.deleted: dict[str, set[str]] = {}
        self.counts: Counter[str] = Counter()

    def answer_to(self, request: Request) -> Answer:
        answer = super().answer_to(request)
        self.requests.clear()
        self.counts[request.method] += 1
        if request.method == "POST":
            self.asked.add(request.id)
        elif request.method == "DELETE":
            self.deleted.setdefault(request.id, set()).add(request.header("webhook-id") or "")
        return answer

    def accepting(self, then: Answer) -> Answer:
        """Note that the connection is let in, and answer."""

        async def answer(exchange: Exchange) -> bool:
            self.let_in.add(exchange.request.id)
            return await then(exchange)

        return answer


def churn(minutes: float, seed: int, directory: Path) -> list[str]:
    """Run, print a line every 20 seconds, and return what was wrong at the end."""
    chance = random.Random(seed)
    backend = Backend()
    ledger = Ledger()
    backend.stages["/churn"] = ledger
    good = [reply()] * 12
    let_in = ledger.accepting(accept(groups=["all"]))
    slow = ledger.accepting(after(0.3, accept()))
    ledger.on_connect(fickle(seed, *[let_in] * 14, slow, say({"code": "NO"}), reply(503), drop(), hang()))
    talk = reply(200, b"yes", [("WSAAS-Reply", "text")])
    ledger.on_message(fickle(seed, *good, talk, reply(503), reply(410), reply(404), reset(), drop()))
    ledger.on_disconnect(fickle(seed, *good, reply(500), drop(), stale(reply()), after(0.2, reply())))
    gateway = Gateway.start(
        directory / "gateway", {"TARGET_ADDRESS": backend.address, "STATE_DIR": str(directory / "state"), **SETTINGS}
    )
    crowd = Crowd(gateway.ws_port, "/churn")
    problems: list[str] = []
    try:
        begun = time.monotonic()
        files, settled_memory, next_line = _files(gateway), 0, begun
        while (elapsed := time.monotonic() - begun) < minutes * 60:
            _tick(chance, crowd, gateway)
            crowd.wait(0.1)
            crowd.reset(member for member in crowd.members if member.status not in (0, 101))  # refused
            crowd.members[:] = [member for member in crowd.members if member.code is None]
            if time.monotonic() >= next_line:
                next_line += 20
                if elapsed >= minutes * 20 and not settled_memory:
                    settled_memory = gateway.rss()
                print(
                    f"{elapsed:6.0f} s  {gateway.rss() / 1e6:6.1f} MB  {_files(gateway):4} files  "
                    f"{len(gateway.log()) / 1e3:7.1f} kB log  {len(crowd.living):4} clients  "
                    + "  ".join(f"{method} {count}" for method, count in sorted(ledger.counts.items())),
                    flush=True,
                )
        memory = gateway.rss()
        crowd.leave()
        ledger.on_disconnect(reply())
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and gateway.api.get("/connections").json()["count"]:
            time.sleep(0.2)
        while time.monotonic() < deadline and set(ledger.deleted) < ledger.asked:
            time.sleep(0.2)
        time.sleep(35)  # idle connections to the backend are closed after 30 seconds
        if memory > settled_memory + MEMORY:
            problems.append(f"memory grew from {settled_memory / 1e6:.1f} to {memory / 1e6:.1f} MB")
        if _files(gateway) > files + FILES:
            problems.append(f"files grew from {files} to {_files(gateway)}")
        if len(gateway.log()) > LOG_RATE * (time.monotonic() - begun):
            problems.append(f"the log has {len(gateway.log())} bytes")
        if "Traceback" in gateway.log() or "Unhandled" in gateway.log():
            problems.append("the log has a traceback")
        problems += [f"{id}: {len(ids)} webhook-ids of DELETEs" for id, ids in ledger.deleted.items() if len(ids) > 1]
        owed = ledger.let_in - set(ledger.deleted)
        if owed:
            problems.append(f"{len(owed)} connections that were let in have no DELETE")
        strangers = set(ledger.deleted) - ledger.asked
        if strangers:
            problems.append(f"{len(strangers)} DELETEs of connections that were never asked for")
        print(f"{len(ledger.asked)} POSTs, {len(ledger.deleted)} of them with a DELETE; {dict(ledger.counts)}")
    finally:
        gateway.kill()
        backend.stop()
    return problems


def _tick(chance: random.Random, crowd: Crowd, gateway: Gateway) -> None:
    """Have some clients come, speak and go, and ask the API for something."""
    crowd.ask(max(1, min(6, LIVE - len(crowd.members))))
    for member in chance.sample(crowd.living, min(20, len(crowd.living))):
        if member.status != 101:
            continue
        match chance.randrange(20):
            case 0:
                crowd.close(member)
            case 1:
                crowd.reset([member])
            case 2:
                crowd.say(member, b"\xff\xfe")  # no UTF-8
            case 3:
                crowd.say(member, bytes(300), 2)
            case 4:
                crowd.say(member, b"ping", 9)
            case _:
                crowd.say(member, b"hello")
    try:
        match chance.randrange(6):
            case 0:
                gateway.api.request("PUT", "/broadcast", b"to all")
            case 1:
                gateway.api.request("PUT", "/groups/all", b"to the group")
            case 2:
                gateway.api.request("PUT", "/" + "x" * 32, b"to nobody")
            case 3:
                gateway.api.get("/groups/all?limit=10")
            case 4:
                gateway.api.get("/connections?limit=nonsense")
            case _:
                gateway.api.get("/-/ready")
    except OSError:
        pass


def _files(gateway: Gateway) -> int:
    return len(list(Path(f"/proc/{gateway.pid}/fd").iterdir()))


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.thorough.churn")
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="wsaas-churn-") as directory:
        problems = churn(options.minutes, options.seed, Path(directory))
    for problem in problems:
        print(f"wrong: {problem}")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
