"""A real gateway under malformed handshakes, frames and requests, four connections at a time.

In the suite a thousand of each. WSAAS_EXAMPLES=100000 makes it so many of each (about half an hour); the random
numbers are the same each time.
"""

from __future__ import annotations

import os
import random
import socket
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from tests.support.backend_answers import Answer, Request, accept, reply
from tests.support.backend_server import Backend, Stage
from tests.support.bad_input import API, FRAMES, HANDSHAKES
from tests.support.gateway_process import Gateway
from tests.support.properties import rounds
from tests.support.system_case import SystemTestCase, eventually
from tests.support.websocket_client import RawClient, close_frame, handshake
from tests.thorough.fuzz.inputs import SPICES, frame

COUNT = rounds(1000)
AT_A_TIME = 4
GROWTH = 16 * 1024 * 1024
"""Bytes of memory that the gateway may have more at the end: allocators keep some of what they once needed."""
WARM_UP = 400
VALUE = bytes({*range(0x20, 0x100)} - {0x7F, 0x85})
"""What a header's value may be made of."""
ODD = [b"Origin: ", b"X: ", b"User-Agent: ", b"Cookie: ", b"traceparent: ", b"X-Forwarded-For: "]

Maker = Callable[[random.Random], "Attack"]


class Careless(Stage):
    """Answers and forgets; counts."""

    def __init__(self) -> None:
        super().__init__()
        self.count: Counter[str] = Counter()

    def answer_to(self, request: Request) -> Answer:
        self.count[request.method] += 1
        return accept() if request.method == "POST" else reply()


class CarelessBackend(Backend):
    """A backend that forgets everything but the path /good."""

    def __init__(self) -> None:
        super().__init__()
        self.careless = self.strays = Careless()

    def stage_of(self, request: Request) -> Stage:
        if request.method == "POST" and request.json()["path"] != "/good":
            return self.careless
        stage = super().stage_of(request)
        if request.method == "DELETE":
            self._by_id.pop(request.id, None)
        return stage


def spoil(data: bytes, rng: random.Random) -> bytes:
    """The data with one to four places replaced, cut out or doubled."""
    spoilt = bytearray(data)
    for _ in range(rng.randrange(1, 5)):
        place = rng.randrange(len(spoilt) + 1)
        spoilt[place : place + rng.randrange(5)] = rng.choice([*SPICES, rng.randbytes(rng.randrange(1, 9))])
    return bytes(spoilt)


@dataclass
class Attack:
    """The data of one connection.

    `first`, unless it is empty, is sent alone; `data` follows after its 101. With `leave` the client then ends its half
    of the connection; without, the gateway must end it.
    """

    data: bytes
    first: bytes = b""
    leave: bool = True


def bad_handshake(rng: random.Random) -> Attack:
    """A spoilt head. If it has an end it is followed by a Close frame, for those that turn out good after all."""
    good = handshake("/bad?a=1", "Origin: https://a", "Authorization: Bearer abc", "X-Forwarded-For: 192.0.2.1")
    if rng.randrange(8) == 0:  # of which nothing is wrong but a value that few would send
        odd = bytes(rng.choice(VALUE) for _ in range(20))
        return Attack(good.replace(b"Origin: https://a", rng.choice(ODD) + odd) + close_frame(1000), leave=False)
    data = spoil(rng.choice([good, good, *(data for data in HANDSHAKES.values() if len(data) < 2000)]), rng)
    whole = b"\r\n\r\n" in data
    return Attack(data + close_frame(1000) if whole else data, leave=not whole)


def bad_frames(rng: random.Random) -> Attack:
    """Frames of which one at least is spoilt, behind a good handshake: at once, or when that is answered."""
    sent = [
        frame(1, b"hello"),
        frame(2, rng.randbytes(200)),
        frame(9, b"ping"),
        frame(0, b"x"),
        frame(1, b"x", final=False),
    ]
    bad = rng.choice([*(data for data, _ in FRAMES.values()), rng.randbytes(rng.randrange(1, 300))])
    mixed = [*rng.choices(sent, k=rng.randrange(3)), bad, *rng.choices(sent, k=rng.randrange(3))]
    data = b"".join(mixed) if rng.randrange(2) else spoil(b"".join(mixed), rng)
    return Attack(data, first=handshake("/bad")) if rng.randrange(4) else Attack(handshake("/bad") + data)


def bad_request(rng: random.Random) -> Attack:
    """Requests that are spoilt."""
    good = b"PUT /%b HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\nhello" % (b"a" * 32)
    chunks = b"PUT /groups/g HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"
    others = [data for data, _ in API.values() if len(data) < 2000]
    return Attack(spoil(rng.choice([good, good + good, chunks, good + chunks, *others]), rng))


def assault(port: int, make: Maker, count: int, seed: int) -> list[str]:
    """Make that many attacks, each on a connection of its own, in one piece or two, and read until the gateway ends it.

    What went wrong, in words: a connection that the gateway did not end, or an answer that tells too much.
    """
    rng = random.Random(seed)
    wrong = []
    for _ in range(count):
        attack = make(rng)
        data = attack.data
        cut = rng.choice([len(data), rng.randrange(len(data) + 1)])
        answer = b""
        with socket.create_connection(("127.0.0.1", port), 30) as raw:
            try:
                if attack.first:
                    raw.sendall(attack.first)
                    if not raw.recv(65536).startswith(b"HTTP/1.1 101 "):
                        wrong.append("not let in")
                raw.sendall(data[:cut])
                if cut < len(data):
                    raw.sendall(data[cut:])
                if attack.leave:
                    raw.shutdown(socket.SHUT_WR)
                while more := raw.recv(65536):
                    answer += more
            except TimeoutError:
                wrong.append(f"never ended: {data!r}")
            except OSError:  # reset, or gone before we could end our half
                pass
        if b"Traceback" in answer or b"HTTP/1.1 500" in answer or b"utobahn" in answer:
            wrong.append(f"{data!r} is answered {answer!r}")
    return wrong


def files(gateway: Gateway) -> int:
    return len(os.listdir(f"/proc/{gateway.pid}/fd"))


class AssaultTests(SystemTestCase):
    def attack(self, port: int, make: Maker, count: int, seed: int) -> None:
        with ThreadPoolExecutor(AT_A_TIME) as threads:
            seeds = [seed * 10 + number for number in range(AT_A_TIME)]
            wrong = [
                each
                for found in threads.map(lambda own: assault(port, make, count // AT_A_TIME, own), seeds)
                for each in found
            ]
        self.assertEqual(wrong[:3], [])

    def assault(self, what: str, make: Maker) -> None:
        backend = CarelessBackend()
        self.addCleanup(backend.stop)
        good = backend.stage("/good")
        gateway = self.gateway(backend, LOG_LEVEL="debug")
        port = gateway.http_port if what == "requests" else gateway.ws_port
        before_all = self.connect(gateway.ws + "/good")
        before_all.send("before")
        eventually(lambda: good.messages)
        self.attack(port, make, WARM_UP, 1)
        eventually(lambda: gateway.api.get("/connections").json()["count"] == 1)
        memory, descriptors = gateway.rss(), files(gateway)
        self.attack(port, make, COUNT, 2)
        eventually(lambda: gateway.api.get("/connections").json()["count"] == 1)
        eventually(lambda: files(gateway) <= descriptors + AT_A_TIME)
        grown = gateway.rss() - memory
        heard = dict(backend.careless.count)
        print(f"{COUNT} {what}: {grown / 1024:+.0f} KiB, {descriptors} -> {files(gateway)} files; webhooks: {heard}")
        self.assertLess(grown, GROWTH)
        before_all.send("after")
        self.connect(gateway.ws + "/good").send("newcomer")
        eventually(lambda: {b"after", b"newcomer"} <= {*good.bodies})
        self.assertEqual(gateway.api.push(good.connects[0].id, "pushed").status, 200)
        self.assertEqual(before_all.recv(timeout=10), "pushed")
        eventually(lambda: backend.careless.count["DELETE"] >= backend.careless.count["POST"])

    def test_handshakes(self) -> None:
        """Malformed handshakes: no traceback, no file or memory kept; connected and new clients are served."""
        self.assault("handshakes", bad_handshake)

    def test_frames(self) -> None:
        """Malformed frames: the same, and every connection that the backend heard of has its DELETE."""
        self.assault("frames", bad_frames)

    def test_requests(self) -> None:
        """Malformed requests to the API: the same."""
        self.assault("requests", bad_request)


class ClosingTests(SystemTestCase):
    def test_closes_and_does_not_read(self) -> None:
        """A client that says goodbye and does not read makes no push fail, neither to itself nor to others."""
        backend = self.backend()
        stage, good = backend.stage("/closing"), backend.stage("/good")
        gateway = self.gateway(backend)
        reader = self.connect(gateway.ws + "/good")
        raw_client = RawClient(gateway.ws_port, receive_buffer=4096).open("/closing")
        self.addCleanup(raw_client.leave)
        id = self.only(lambda: stage.connects).id
        self.only(lambda: good.connects)
        while gateway.api.get(f"/{id}").json()["bytes_waiting_out"] == 0:
            gateway.api.push(id, b"x" * 100_000)
        raw_client.send(close_frame(1000))
        for number in range(20):
            self.assertIn(gateway.api.push(id, "late").status, (200, 404, 429))
            self.assertEqual(gateway.api.request("PUT", "/broadcast", str(number).encode()).status, 200)
        self.assertEqual([reader.recv(timeout=10) for _ in range(20)], [str(number) for number in range(20)])
        eventually(lambda: stage.disconnects, 15)
