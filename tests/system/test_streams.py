"""Streamed replies: WSAAS-Reply: lines or events."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Iterable
from typing import ClassVar

from websockets.sync.client import ClientConnection
from wsproto.events import Message

from tests.support.backend_answers import Answer, Exchange, Gate, head, reply
from tests.support.backend_server import Backend
from tests.support.gateway_process import Gateway
from tests.support.system_case import Settings, SharedTestCase, SystemTestCase, eventually
from tests.support.websocket_client import PATIENCE, TEXT, closing, frame

CHUNKED, SIZED, UNTIL_CLOSE = "chunked", "sized", "until close"


def chunk(data: bytes, framing: str) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data) if framing == CHUNKED else data


def stream(kind: str, parts: Iterable[bytes | Gate], framing: str = CHUNKED, aborted: Gate | None = None) -> Answer:
    """An answer that writes its parts one by one, and waits at each gate; `aborted` opens when the gateway hangs up."""
    steps = list(parts)

    async def answer(exchange: Exchange) -> bool:
        headers = [("WSAAS-Reply", kind)]
        if framing == CHUNKED:
            headers.append(("Transfer-Encoding", "chunked"))
        elif framing == SIZED:
            headers.append(("Content-Length", str(sum(len(step) for step in steps if isinstance(step, bytes)))))
        await exchange.write(head(200, headers))
        for step in steps:
            if isinstance(step, Gate):
                await step.passed()
            else:
                await exchange.write(chunk(step, framing))
        if aborted is not None:
            with contextlib.suppress(OSError):  # the end of the connection, or a reset
                await exchange.reader.read()
            aborted.open()
            return False
        if framing == CHUNKED:
            await exchange.write(b"0\r\n\r\n")
        return framing != UNTIL_CLOSE

    return answer


def endless(kind: str, line: bytes, seen: dict[str, int]) -> Answer:
    """An answer without end, as fast as it is read; `seen` says how many bytes were written, and if it was cut off."""

    async def answer(exchange: Exchange) -> bool:
        await exchange.write(head(200, [("WSAAS-Reply", kind)]))
        try:
            while True:
                await exchange.write(line)
                seen["written"] = seen.get("written", 0) + len(line)
        except OSError:
            seen["cut"] = 1
        return False

    return answer


class StreamTests(SharedTestCase):
    settings: ClassVar[Settings] = {"MAX_MESSAGE_SIZE": "100000", "SEND_BUFFER": "200000"}

    def test_first_line(self) -> None:
        """The first line is at the client while the backend has not written the second."""
        gate = Gate()
        self.stage.on_message(stream("lines", [b"one\n", gate, b"two\n"]))
        connection = self.client()
        connection.send("go")
        self.assertEqual(connection.recv(timeout=PATIENCE), "one")
        gate.open()
        self.assertEqual(connection.recv(timeout=PATIENCE), "two")

    def test_kinds(self) -> None:
        """Lines and events, in chunks, with a length or until the end of the connection, are the same to the client."""
        connection = self.client()
        lines = [b"on", b"e\r\n\ntwo \xe2\x82", b"\xac\nlast"]
        events = [
            b"\xef\xbb\xbfdata: on",
            b"e\n\n: c\r\ndata\r",
            b"\n\r\ndata: two\ndata: \xe2\x82\xac\n\n",
            b"data: no",
        ]
        for framing in (CHUNKED, SIZED, UNTIL_CLOSE):
            for kind, parts, expected in (
                ("lines", lines, ["one", "", "two \u20ac", "last"]),
                ("Events", events, ["one", "", "two\n\u20ac"]),
            ):
                self.stage.on_message(stream(kind, parts, framing))
                connection.send("go")
                got = [connection.recv(timeout=PATIENCE) for _ in expected]
                self.assertEqual(got, expected, (framing, kind))
        self.stage.on_message(reply(200, b"end", [("WSAAS-Reply", "text")]))
        connection.send("end?")
        self.assertEqual(connection.recv(timeout=PATIENCE), "end")

    def test_stop(self) -> None:
        """The client's next message is delivered while the stream runs, so that it can say stop, and is answered."""
        gate = Gate()
        stopped = reply(200, b"stopping", [("WSAAS-Reply", "text")])
        self.stage.on_message(stream("lines", [b"one\n", gate, b"two\n"]), stopped)
        connection = self.client()
        connection.send("go")
        self.assertEqual(connection.recv(timeout=PATIENCE), "one")
        connection.send("stop")
        self.assertEqual(connection.recv(timeout=PATIENCE), "stopping")
        self.assertEqual(self.stage.bodies, [b"go", b"stop"])
        gate.open()
        self.assertEqual(connection.recv(timeout=PATIENCE), "two")

    def test_one_at_a_time(self) -> None:
        """A second stream of the connection waits until the first has ended; none of its lines comes before."""
        gate = Gate()
        self.stage.on_message(stream("lines", [b"1\n", gate, b"2\n"]), stream("lines", [b"3\n", b"4\n"]))
        connection = self.client()
        connection.send("first")
        connection.send("second")
        eventually(lambda: len(self.stage.messages) == 2)
        self.assertEqual(connection.recv(timeout=PATIENCE), "1")
        gate.open()
        self.assertEqual([connection.recv(timeout=PATIENCE) for _ in range(3)], ["2", "3", "4"])

    def test_slow_client(self) -> None:
        """A client that does not read stops the reading of the stream: the backend comes to a halt, and the gateway's
        memory stays flat; when the client reads, it gets every line, in order.
        """
        seen: dict[str, int] = {}
        self.stage.on_message(endless("lines", b"x" * 49_999 + b"\n", seen))
        client = self.raw_client(receive_buffer=4096)
        before = self.gw.rss()
        client.send(frame(TEXT, b"go"))
        written = -1
        while written != seen.get("written", 0):  # until nothing more is taken while the gateway has answered a lot
            written = seen.get("written", 0)
            for _ in range(50):
                self.api.get("/-/healthy")
        self.assertLess(written, 50_000_000)
        total = 0
        while total < written + 30_000_000:
            event = client.next()
            assert isinstance(event, Message)
            total += len(event.data)
        self.assertLess(self.gw.rss() - before, 20_000_000)
        client.leave()
        eventually(lambda: seen.get("cut"), PATIENCE)

    def test_client_gone(self) -> None:
        """When the client leaves, or is closed over the API, the request is aborted, and a DELETE follows at once."""
        for close in (False, True):
            self.path, aborted = f"{self.path}/{close}", Gate()
            self.stage = self.pair.backend.stage(self.path)
            self.stage.on_message(stream("lines", [b"one\n"], aborted=aborted))
            connection = self.client()
            connection.send("go")
            self.assertEqual(connection.recv(timeout=PATIENCE), "one")
            if close:
                self.assertEqual(self.api.close(self.connection_id(), "?code=4001").status, 200)
                self.assertEqual(closing(connection)[0], 4001)
            else:
                connection.close()
            aborted.wait(PATIENCE)
            self.assertEqual(self.ended()["lost_messages"], 0)
            self.assertEqual(self.stage.bodies, [b"go"])

    def test_unsendable(self) -> None:
        """A line over MAX_MESSAGE_SIZE, or not UTF-8, ends the stream with a warning; the connection goes on."""
        connection = self.client()
        for bad in (b"x" * 100_001 + b"\n", b"\xff\n"):
            aborted = Gate()
            self.stage.on_message(stream("lines", [b"one\n", bad, b"never\n"], aborted=aborted))
            connection.send("go")
            self.assertEqual(connection.recv(timeout=PATIENCE), "one")
            aborted.wait(PATIENCE)
        self.stage.on_message(reply(200, b"end", [("WSAAS-Reply", "text")]))
        connection.send("end?")
        self.assertEqual(connection.recv(timeout=PATIENCE), "end")
        self.assertIn("a streamed reply was cut short by a line of over MAX_MESSAGE_SIZE", self.gw.log())
        self.assertIn(self.connection_id(), self.gw.log())

    def test_cut_short(self) -> None:
        """A stream that the backend breaks off is not repeated, and the connection goes on."""

        async def broken(exchange: Exchange) -> bool:
            await exchange.write(head(200, [("WSAAS-Reply", "lines"), ("Content-Length", "100")]) + b"one\ntw")
            return False

        self.stage.on_message(broken, reply(200, b"end", [("WSAAS-Reply", "text")]))
        connection = self.client()
        connection.send("go")
        self.assertEqual(connection.recv(timeout=PATIENCE), "one")
        connection.send("end?")
        self.assertEqual(connection.recv(timeout=PATIENCE), "end")
        self.assertEqual(self.stage.bodies, [b"go", b"end?"])
        eventually(lambda: "cut short by the early end of the backend's answer" in self.gw.log(), PATIENCE)


class BoundTests(SharedTestCase):
    settings: ClassVar[Settings] = {"MAX_STREAMS": "1", "WEBHOOK_TIMEOUT": "500"}

    def test_turns(self) -> None:
        """Over MAX_STREAMS a stream waits for its turn; over a quarter more it is cut, with a warning. Other messages
        are delivered all the while.
        """
        gate = Gate()

        async def beating(exchange: Exchange) -> bool:
            await exchange.write(head(200, [("WSAAS-Reply", "events"), ("Transfer-Encoding", "chunked")]))
            await exchange.write(chunk(b"data: one\n\n", CHUNKED))
            while not gate.is_open:
                await exchange.write(chunk(b": alive\n", CHUNKED))
                await asyncio.sleep(0.1)
            await exchange.write(chunk(b"data: two\n\n", CHUNKED) + b"0\r\n\r\n")
            return True

        self.stage.on_message(beating, *(stream("lines", [b"%d\n" % number]) for number in (1, 2)), reply())
        clients = [self.client() for _ in range(3)]
        for count, client in enumerate(clients, 1):
            client.send("go")
            eventually(lambda count=count: len(self.stage.messages) == count, PATIENCE)
        self.assertEqual(clients[0].recv(timeout=PATIENCE), "one")
        clients[2].send("meanwhile")
        eventually(lambda: len(self.stage.messages) == 4, PATIENCE)
        eventually(lambda: "cut short by MAX_STREAMS" in self.gw.log(), PATIENCE)
        gate.open()
        self.assertEqual(clients[0].recv(timeout=PATIENCE), "two")
        self.assertEqual(clients[1].recv(timeout=PATIENCE), "1")

    def test_silence(self) -> None:
        """A backend that writes nothing for WEBHOOK_TIMEOUT is given up, though its stream may last for longer."""
        aborted = Gate()
        self.stage.on_message(stream("lines", [b"one\n"], aborted=aborted))
        connection = self.client()
        connection.send("go")
        self.assertEqual(connection.recv(timeout=PATIENCE), "one")
        aborted.wait(PATIENCE)
        eventually(lambda: "(no further part in time)" in self.gw.log(), PATIENCE)
        self.assertEqual(self.stage.bodies, [b"go"])


class DrainTests(SystemTestCase):
    def streaming(self) -> tuple[Backend, Gateway, ClientConnection, Gate]:
        """A gateway in the middle of a stream; the gate opens when it hangs up on the backend, whose stage is /x."""
        backend, aborted = self.backend(), Gate()
        gateway = self.gateway(backend)
        backend.stage("/x").on_message(stream("lines", [b"one\n"], aborted=aborted))
        connection = self.connect(gateway.ws + "/x")
        connection.send("go")
        self.assertEqual(connection.recv(timeout=PATIENCE), "one")
        return backend, gateway, connection, aborted

    def test_drain(self) -> None:
        """A drain closes the client with 1012 behind the lines that are sent, and aborts the request."""
        backend, gateway, connection, aborted = self.streaming()
        gateway.terminate()
        self.assertEqual(closing(connection)[0], 1012)
        aborted.wait(PATIENCE)
        self.assertEqual(gateway.wait(PATIENCE), 0)
        self.assertEqual(self.only(lambda: backend.stage("/x").disconnects).json()["cause"], "drain")

    def test_crash(self) -> None:
        """After a crash the stream is not repeated: its message was delivered. The DELETE says restart."""
        backend, gateway, _, aborted = self.streaming()
        gateway.kill()
        aborted.wait(PATIENCE)
        self.gateway(backend, STATE_DIR=str(gateway.directory / "wsaas-state"))
        end = self.only(lambda: backend.stage("/x").disconnects, PATIENCE)
        self.assertEqual((json.loads(end.body)["cause"], backend.stage("/x").bodies), ("restart", [b"go"]))
