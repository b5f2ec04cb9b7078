"""Little things that want to become large, and large ones: refused while they are small, whoever sends them."""

from __future__ import annotations

import gzip
import json
import zlib
from functools import cache
from pathlib import Path

from tests.support.backend_answers import accept, endless_body, reply
from tests.support.gateway_process import Gateway
from tests.support.system_case import SystemTestCase, eventually
from tests.support.websocket_client import handshake
from tests.thorough.fuzz.inputs import frame

MAX_MESSAGE_SIZE = 65536
GROWTH = 16 * 1024 * 1024
"""Bytes of memory that one bomb may cost at its height, more than the gateway needed before."""
INFLATED = 100 * 1024 * 1024


class Height:
    """The most memory that a gateway had since this was made, less what it had then."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        # https://man7.org/linux/man-pages/man5/proc_pid_clear_refs.5.html: 5 sets the peak to what is used now.
        Path(f"/proc/{gateway.pid}/clear_refs").write_text("5")
        self._before = self._peak()

    def _peak(self) -> int:
        for line in Path(f"/proc/{self._gateway.pid}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
        raise AssertionError("the kernel does not say VmHWM")

    @property
    def grown(self) -> int:
        return self._peak() - self._before


@cache
def zeros() -> bytes:
    """Raw deflate (RFC 1951) of INFLATED bytes, without the four bytes that RFC 7692 leaves out."""
    deflate = zlib.compressobj(9, wbits=-15)
    piece = bytes(1024 * 1024)
    parts = [deflate.compress(piece) for _ in range(INFLATED // len(piece))]
    return (b"".join(parts) + deflate.flush(zlib.Z_SYNC_FLUSH)).removesuffix(b"\x00\x00\xff\xff")


class BombTests(SystemTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.server = self.backend()
        self.stage = self.server.stage("/bomb")
        self.gw = self.gateway(self.server, COMPRESSION="on", MAX_MESSAGE_SIZE=str(MAX_MESSAGE_SIZE))
        # What is needed once is not the bomb's fault.
        self.connect(self.gw.ws + "/", compression="deflate").send("warm")
        self.gw.api.push("a" * 32, "warm")
        eventually(lambda: self.server.strays.messages)

    def bomb(self, sent: bytes, *lines: str) -> bytes:
        """Return the gateway's answer to these bytes behind a handshake, until it hangs up; its memory must stay."""
        height = Height(self.gw)
        raw_client = self.raw(self.gw.ws_port)
        raw_client.send(handshake("/bomb", *lines))
        said = raw_client.read()
        self.assertTrue(said.startswith(b"HTTP/1.1 101 "), said)
        said = said.partition(b"\r\n\r\n")[2]
        try:
            raw_client.send(sent)
            raw_client.half_close()
        except (ConnectionError, TimeoutError):
            pass
        said += raw_client.rest(20)
        self.small(height)
        return said

    def small(self, height: Height) -> None:
        print(f"{self.id().rsplit('.', 1)[-1]}: {height.grown / 1024:+.0f} KiB")
        self.assertLess(height.grown, GROWTH)
        self.assertEqual(self.gw.api.get("/-/ready").status, 200)

    def assert_too_big(self, said: bytes) -> None:
        """A Close frame with 1009, and nothing to the backend but the end."""
        self.assertEqual(said[:1] + said[2:4], b"\x88\x03\xf1", said[:100])
        end = self.only(lambda: self.stage.disconnects)
        self.assertEqual(end.json()["cause"], "too_big")
        self.assertEqual(self.stage.messages, [])

    def test_deflate(self) -> None:
        """A message of 100 KB that inflates to 100 MB, in one frame."""
        offer = "Sec-WebSocket-Extensions: permessage-deflate"
        self.assert_too_big(self.bomb(frame(2, zeros(), reserved=4), offer))

    def test_deflate_in_fragments(self) -> None:
        """The same in many."""
        data = zeros()
        parts = [data[start : start + 1000] for start in range(0, len(data), 1000)]
        sent = [frame(2, parts[0], reserved=4, final=False), *(frame(0, part, final=False) for part in parts[1:])]
        self.assert_too_big(self.bomb(b"".join(sent), "Sec-WebSocket-Extensions: permessage-deflate"))

    def test_long_frame(self) -> None:
        """A frame that announces 2^40 bytes, and some of them."""
        self.assert_too_big(self.bomb(frame(2, bytes(10_000_000), announced=1 << 40)))

    def test_endless_message(self) -> None:
        """A message whose fragments never end."""
        self.assert_too_big(self.bomb(frame(2, b"", final=False) + frame(0, bytes(1000), final=False) * 20_000))

    def test_headers(self) -> None:
        """A handshake with 20 MB of headers is cut off after 16 KiB, and one read."""
        height, sent = Height(self.gw), 0
        raw_client = self.raw(self.gw.ws_port, receive_buffer=65536)
        raw_client.send(handshake("/bomb").removesuffix(b"\r\n"))
        line = b"X-Header: " + b"x" * 10_000 + b"\r\n"
        try:
            while sent < 20_000_000:
                raw_client.send(line)
                sent += len(line)
        except ConnectionError:
            pass
        answer = raw_client.rest()
        # What was sent after the answer may have cost it, by a reset.
        self.assertTrue(answer == b"" or answer.startswith(b"HTTP/1.1 431 "), answer)
        self.assertLess(sent, 20_000_000)
        self.small(height)
        self.assertEqual(self.stage.connects, [])

    def test_announced_push(self) -> None:
        """A push that announces 1 GB is answered 413 before it is read, one without a length when it grows too long."""
        chunk = b"8000\r\n" + bytes(0x8000) + b"\r\n"
        for framing, first, more in (
            ("Content-Length: 1000000000", b"", bytes(65536)),
            ("Transfer-Encoding: chunked", chunk * 3, chunk),
        ):
            height = Height(self.gw)
            with self.gw.api.dial() as caller:
                caller.sendall(f"PUT /{'a' * 32} HTTP/1.1\r\nHost: localhost\r\n{framing}\r\n\r\n".encode() + first)
                self.assertTrue(caller.recv(65536).startswith(b"HTTP/1.1 413 "))
                try:
                    for _ in range(1000):
                        caller.sendall(more)
                except (ConnectionError, TimeoutError):
                    pass
            self.small(height)

    def test_long_answer(self) -> None:
        """Answers without end, to a connect and to a message: as much is read as is wanted, no more."""
        self.stage.on_connect(endless_body())
        height = Height(self.gw)
        raw_client = self.raw(self.gw.ws_port)
        raw_client.ask("/bomb")
        self.assertEqual(raw_client.refusal(), 502)
        self.stage.on_connect(accept())
        self.stage.on_message(endless_body(), reply())
        client = self.connect(self.gw.ws + "/bomb")
        client.send("one")
        client.send("two")
        eventually(lambda: len(self.stage.messages) == 2)
        self.small(height)

    def test_gzip(self) -> None:
        """An answer of 100 KB that would be 100 MB without its gzip is never asked for, never unpacked, and reaches no
        client. Its message counts as delivered.
        """
        packed = gzip.compress(bytes(INFLATED), 1)[:MAX_MESSAGE_SIZE]
        decision = gzip.compress(json.dumps({"code": "OK", "padding": " " * INFLATED}).encode(), 1)
        coded = [("Content-Encoding", "gzip"), ("WSAAS-Reply", "binary")]
        self.stage.on_connect(reply(200, decision, coded))
        height = Height(self.gw)
        raw_client = self.raw(self.gw.ws_port)
        raw_client.ask("/bomb")
        self.assertEqual(raw_client.refusal(), 502)
        self.stage.on_connect(accept())
        self.stage.on_message(reply(200, packed, coded), reply(200, b"plain", [("WSAAS-Reply", "text")]))
        client = self.connect(self.gw.ws + "/bomb", compression=None)
        client.send("one")
        client.send("two")
        self.assertEqual(client.recv(timeout=10), "plain")
        self.assertEqual(self.stage.bodies, [b"one", b"two"])
        self.assertIn("its reply was not sent: it says Content-Encoding: gzip", self.gw.log())
        self.small(height)
        for webhook in self.stage.requests:
            self.assertEqual(webhook.header("Accept-Encoding"), "identity")
