"""Messages that were answered with 200 arrive, and the Close behind them, however slowly the client reads (G4).

Each client here has some MB before it when its connection is closed, in the gateway and in the kernel, and takes longer
to read them than a client has for its answer to a Close.
"""

from __future__ import annotations

import select
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from tests.support.backend_answers import hang, reply
from tests.support.backend_server import Stage
from tests.support.certificates import authority, issue, trusting, write
from tests.support.faults import PATIENCE, FaultsTestCase
from tests.support.gateway_process import Gateway, free_port
from tests.support.system_case import eventually
from tests.support.websocket_client import BINARY, PONG, TEXT, RawClient, close_frame, frame
from wsaas.clients.lingering_close import CLOSE_TIMEOUT

LENGTH = 100_000
SLICE, TICK = 20_000, 0.05
"""Bytes that a slow client reads at a time, and the seconds between."""
IN_THE_GATEWAY = 400_000
"""Bytes that must wait in the gateway itself; the kernel holds more."""


@dataclass(eq=False)
class SlowReader:
    """A client that reads little at a time. Of each message that was pushed to it, `pushed` has the frame."""

    wire: RawClient
    id: str
    stage: Stage
    pushed: list[bytes] = field(default_factory=list)
    received: bytearray = field(default_factory=bytearray)
    ended: str = ""
    says: bytes = b""
    """Said again with each read."""

    def read(self, size: int = SLICE) -> None:
        """Read a little, if there is something and it has not ended."""
        sock = self.wire.socket
        if self.ended:
            return
        try:
            if self.says:
                sock.sendall(self.says)
            ready = select.select([sock], [], [], 0)[0] or (isinstance(sock, ssl.SSLSocket) and sock.pending())
            if ready and (data := sock.recv(size)):
                self.received += data
            elif ready:
                self.ended = "in good order"
        except OSError as error:
            self.ended = repr(error)


Way = tuple[Callable[[Gateway, SlowReader], object], int]


def answered(status: int) -> Callable[[Gateway, SlowReader], object]:
    def close(gateway: Gateway, client: SlowReader) -> None:
        client.stage.on_message(reply(status))
        client.wire.send(frame(TEXT, b"a message"))

    return close


def by_api(gateway: Gateway, client: SlowReader) -> None:
    assert gateway.api.close(client.id, "?code=4001").status == 200


def by_group(gateway: Gateway, client: SlowReader) -> None:
    assert gateway.api.request("PUT", f"/groups/g/{client.id}").status == 200
    assert gateway.api.request("DELETE", "/groups/g?code=4002").json()["closed"] == 1


def saying(*frames: bytes, again: bytes = b"") -> Callable[[Gateway, SlowReader], object]:
    """Closed for what the client says, which goes on saying something."""

    def close(gateway: Gateway, client: SlowReader) -> None:
        client.wire.send(b"".join(frames))
        client.says = again

    return close


def and_says(again: bytes) -> Callable[[Gateway, SlowReader], object]:
    def close(gateway: Gateway, client: SlowReader) -> None:
        by_api(gateway, client)
        client.says = again

    return close


def both(gateway: Gateway, client: SlowReader) -> None:
    by_api(gateway, client)
    client.wire.send(close_frame(1000))


def while_full(gateway: Gateway, client: SlowReader) -> None:
    """Nothing is read from this client, since the backend does not take what it said."""
    client.stage.on_message(hang())
    client.wire.send(frame(TEXT, b"x" * 5000) * 30)
    eventually(lambda: gateway.api.get(f"/{client.id}").json()["bytes_waiting_in"] > 90_000)
    by_api(gateway, client)


MALFORMED = b"\x83\x80mask"
WAYS: dict[str, Way] = {
    "api": (by_api, 4001),
    "group": (by_group, 4002),
    "refused": (answered(401), 1008),
    "gone": (answered(410), 1000),
    "undelivered": (answered(503), 1013),
    "malformed": (saying(MALFORMED), 1002),
    "malformed-again": (saying(MALFORMED, again=MALFORMED), 1002),
    "too-big": (saying(b"\x82\xff" + (1 << 40).to_bytes(8, "big") + b"mask"), 1009),
    "client": (saying(close_frame(1000)), 1000),
    "client-talks-on": (saying(close_frame(1000), again=frame(TEXT, b"and another thing")), 1000),
    "both": (both, 4001),
    "talks-on": (and_says(frame(TEXT, b"still here")), 4001),
    "backpressure": (while_full, 4001),
}


class SlowReaderTests(FaultsTestCase):
    def start(self, **settings: str) -> None:
        """A gateway that serves clients with and without TLS."""
        root, files = authority(), self.directory()
        certificate = write(files, "both.pem", issue(root, ["localhost"]).together)
        self.context = trusting(root)
        self.plain_port, self.tls_port = free_port(), free_port()
        tls = f"wsaas-tls:{self.tls_port}:interface=127.0.0.1:certificate={certificate}"
        self.backend_ = self.backend()
        self.gw = self.gateway(
            self.backend_,
            WS_ENDPOINT=f"tcp:{self.plain_port}:interface=127.0.0.1 {tls}",
            RECEIVE_BUFFER=str(LENGTH),
            MAX_MESSAGE_SIZE=str(LENGTH),
            MESSAGE_PATIENCE="300",
            **settings,
        )

    def reader(self, path: str, tls: bool = False, receive_buffer: int | None = 8192) -> SlowReader:
        stage = self.backend_.stage(path)
        port, context = (self.tls_port, self.context) if tls else (self.plain_port, None)
        wire = self.raw(port, context=context, receive_buffer=receive_buffer).open(path)
        return SlowReader(wire, self.only(lambda: stage.connects).id, stage)

    def push(self, client: SlowReader) -> None:
        message = len(client.pushed).to_bytes(4) * (LENGTH // 4)
        self.assertEqual(self.gw.api.push(client.id, message).status, 200)
        client.pushed.append(frame(BINARY, message, masked=False))

    def full(self, path: str, tls: bool = False) -> SlowReader:
        """A client that has been pushed so much that the gateway itself holds some of it."""
        client = self.reader(path, tls)
        while self.gw.api.get(f"/{client.id}").json()["bytes_waiting_out"] < IN_THE_GATEWAY:
            self.push(client)
        return client

    def read_on(self, *clients: SlowReader) -> None:
        """All read, slowly, until the gateway has closed their connections."""
        deadline = time.monotonic() + PATIENCE
        while not all(client.ended for client in clients) and time.monotonic() < deadline:
            time.sleep(TICK)
            for client in clients:
                client.read()

    def assert_whole(self, codes: dict[SlowReader, int]) -> None:
        """Each of them has all that was pushed to it, and then a Close with this code."""
        wrong = []
        for client, code in codes.items():
            pushed = b"".join(client.pushed)
            close = bytes(client.received[len(pushed) :])
            if client.received[: len(pushed)] != pushed or close[:1] != b"\x88" or close[2:4] != code.to_bytes(2):
                end = (len(client.received), len(pushed), close[:4], client.ended)
                wrong.append((client.stage.connects[0].json()["path"], *end))
        self.assertEqual(wrong, [])

    def assert_all_ways(self, tls: bool) -> None:
        self.start()
        clients = {name: self.full(f"/{name}", tls) for name in WAYS}
        for name, (close, _) in WAYS.items():
            close(self.gw, clients[name])
        self.read_on(*clients.values())
        self.assert_whole({clients[name]: code for name, (_, code) in WAYS.items()})
        for client in clients.values():
            self.only(lambda client=client: client.stage.disconnects, 30)  # type: ignore[misc]

    def test_plain(self) -> None:
        """Every way in which a connection comes to its end."""
        self.assert_all_ways(tls=False)

    def test_tls(self) -> None:
        """The same under TLS."""
        self.assert_all_ways(tls=True)

    def test_half_closed(self) -> None:
        """A client that closes its half of the connection behind its Close, and reads on."""
        self.start()
        clients = [self.full(f"/{number}") for number in range(2)]
        clients[0].wire.send(close_frame(1000))
        self.gw.api.close(clients[1].id)
        for client in clients:
            client.wire.half_close()
        self.read_on(*clients)
        self.assert_whole(dict.fromkeys(clients[:1], 1000))
        pushed = b"".join(clients[1].pushed)
        self.assertTrue(clients[1].received[: len(pushed)] == pushed)

    def test_held_by_the_client(self) -> None:
        """What the client's own machine holds already is not lost either, though the client says something meanwhile,
        and reads for longer than it has for its answer; its DELETE comes before that.
        """
        self.start()
        clients = {self.reader(f"/{tls}", tls, 2 * LENGTH): 4001 for tls in (False, True)}
        for client in clients:
            self.push(client)
            and_says(frame(TEXT, b"x"))(self.gw, client)
        began = time.monotonic()
        while time.monotonic() - began < CLOSE_TIMEOUT + 3:
            time.sleep(TICK)
            for client in clients:
                client.read(SLICE // 100)
        for client in clients:
            self.assertEqual((client.ended, client.stage.disconnects[0].json()["cause"]), ("", "api"))
        self.read_on(*clients)
        self.assert_whole(clients)

    def test_drain(self) -> None:
        """A drain lets slow clients read on, those too that have closed by themselves, and ends when all have."""
        self.start(DRAIN_TIMEOUT="100000")
        clients = {self.full(f"/{tls}", tls): 1012 for tls in (False, True)}
        leaving = {self.full(f"/leaving/{tls}", tls): 1000 for tls in (False, True)}
        for client in leaving:
            client.wire.send(close_frame(1000))
            self.only(lambda client=client: client.stage.disconnects)  # type: ignore[misc]
        self.gw.terminate()
        self.read_on(*clients, *leaving)
        self.assert_whole({**clients, **leaving})
        self.assertEqual(self.gw.wait(), 0)
        for client in clients:
            self.assertEqual(self.only(lambda client=client: client.stage.disconnects).json()["cause"], "drain")  # type: ignore[misc]

    def test_drain_timeout(self) -> None:
        """DRAIN_TIMEOUT limits the time that a drain gives slow clients."""
        self.start(DRAIN_TIMEOUT="2000")
        clients = [self.full(f"/{tls}", tls) for tls in (False, True)]
        clients[0].wire.send(close_frame(1000))
        self.only(lambda: clients[0].stage.disconnects)
        began = time.monotonic()
        self.gw.terminate()
        while self.gw.process.poll() is None and time.monotonic() < began + 30:
            time.sleep(TICK)
            for client in clients:
                client.read(1000)
        self.assertEqual(self.gw.wait(1), 0)
        self.assertLess(time.monotonic() - began, 12)

    def test_silent(self) -> None:
        """A client that reads slowly for longer than WS_TIMEOUT, and says nothing meanwhile, is neither too slow nor
        gone, whether or not it is over SEND_BUFFER; it has all, and answers its ping then.
        """
        self.start(WS_TIMEOUT="3000")
        clients = [self.full(f"/{tls}", tls) for tls in (False, True)]
        while self.gw.api.get(f"/{clients[0].id}").json()["bytes_waiting_out"] + LENGTH < 1 << 20:
            self.push(clients[0])
        self.assertEqual(self.gw.api.push(clients[0].id, bytes(LENGTH)).status, 429)
        wanted = [b"".join(client.pushed) for client in clients]
        deadline = time.monotonic() + PATIENCE
        while any(len(client.received) < len(all) for client, all in zip(clients, wanted, strict=True)):
            self.assertLess(time.monotonic(), deadline, [client.ended for client in clients])
            time.sleep(TICK)
            for client in clients:
                client.read()
        for client, all in zip(clients, wanted, strict=True):
            self.assertTrue(client.received.startswith(all))
            client.wire.send(frame(PONG, b""))
            self.assertEqual(client.stage.disconnects, [])
