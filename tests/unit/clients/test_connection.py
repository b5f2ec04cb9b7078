"""One client's connection in memory, against an independent client codec."""

from __future__ import annotations

import json
import re
from random import Random
from typing import Any

from twisted.internet.error import ConnectionDone
from twisted.trial.unittest import SynchronousTestCase
from wsproto.events import BytesMessage, CloseConnection, Ping, Pong, TextMessage

from tests.support.client_harness import END, HANDSHAKE_TIMEOUT, REQUEST, Client, Harness, Transport
from tests.support.core_fakes import FakeObserver
from tests.support.websocket_client import close_frame
from wsaas.clients.handshake.responses import MESSAGES, RESPONSES, response_to, serialize
from wsaas.clients.lingering_close import CLOSE_TIMEOUT
from wsaas.core.events import Cause
from wsaas.core.model import Frame
from wsaas.core.refusal import Refusal, RefusalReason
from wsaas.net.handshake_response import HandshakeResponse


def status(client: Client) -> int:
    return int(client.transport.written.split(b" ", 2)[1])


def body(client: Client) -> Any:
    return json.loads(client.transport.written.partition(b"\r\n\r\n")[2])


def refusal(*response: Any, **more: Any) -> Refusal:
    return Refusal(RefusalReason.VETOED, response=HandshakeResponse(*response, **more))


class HandshakeTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.harness = Harness()

    def test_no_delay(self) -> None:
        """Frames do not wait for each other in the socket (Nagle); one that refuses to be told so is served as well."""
        told: list[bool] = []
        self.patch(Transport, "setTcpNoDelay", lambda transport, enabled: told.append(enabled))
        self.harness.open()
        self.assertEqual(told, [True])

        def refuse(transport: object, enabled: bool) -> None:
            raise OSError(22, "Invalid argument")

        self.patch(Transport, "setTcpNoDelay", refuse)
        self.assertFalse(self.harness.open().transport.closed)

    def test_observed(self) -> None:
        """An observer hears of each client that is refused: who it was, what it asked for, and what it gets."""
        observer = self.harness.gateway.observer = FakeObserver()
        asking = self.harness.client()
        asking.say(REQUEST + END)
        asking.peer.refuse(refusal(418, "TEAPOT", foreign=True))
        self.harness.client().say(b"GET /page?token=secret HTTP/1.1\r\nHost: x\r\n\r\n")
        self.harness.client().say(b"nonsense\r\n\r\n")
        self.assertEqual(
            [line.partition(": ")[0] for line in observer.heard],
            ["refused 203.0.113.9 /room/7", "refused 203.0.113.9 /page", "refused 203.0.113.9 None"],
        )
        self.assertTrue(observer.heard[0].endswith(": "), "a code of the backend's own has no message of ours")

    def test_what_the_gateway_hears(self) -> None:
        """The handshake's parts, without what is between client and gateway only."""
        client = self.harness.client()
        client.say(
            REQUEST + b"Authorization: Bearer caf\xe9\r\nCookie: a=b\r\nOrigin: https://app.example\r\n"
            b"X-A:  1 \r\nX-A: 2\r\nSec-WebSocket-Protocol: v1.chat, v2.chat\r\ntraceparent: tp\r\n" + END
        )
        [handshake] = self.harness.gateway.handshakes
        self.assertEqual((handshake.path, handshake.query), ("/room/7", "a=1"))
        self.assertEqual(handshake.origin, "https://app.example")
        self.assertEqual(handshake.remote_address, "203.0.113.9")
        self.assertEqual(handshake.subprotocols, ("v1.chat", "v2.chat"))
        self.assertEqual(
            dict(handshake.headers),
            {"host": "gateway", "origin": "https://app.example", "x-a": "1, 2", "traceparent": "tp"},
        )
        self.assertEqual(handshake.repeated, ((b"Authorization", b"Bearer caf\xe9"),))
        self.assertIsNone(handshake.trace_id)
        self.assertEqual(client.transport.written, b"", "nothing is upgraded before the answer")

    def test_forward_headers(self) -> None:
        """Headers named by FORWARD_HEADERS are repeated as they came, each once: those of one name are joined."""
        harness = Harness(forward_headers=("cookie", "x-tenant", "x-empty", "user-agent"))
        for lines, expected in (
            (b"Cookie: a=b\r\nX-Tenant: 1\r\nX-Other: 3\r\n", ((b"Cookie", b"a=b"), (b"x-tenant", b"1"))),
            (
                b"X-Tenant: 1\r\nCookie: a=b\r\nx-tenant: 2, 3\r\ncookie: c=d; e\r\n",
                ((b"x-tenant", b"1, 2, 3"), (b"Cookie", b"a=b; c=d; e")),
            ),
            (b"Cookie:\r\nCookie: a=b\r\nCookie: \r\nX-Empty:\r\n", ((b"Cookie", b"a=b"), (b"x-empty", b""))),
            (b"User-Agent: x\r\n", ((b"user-agent", b"x"),)),
        ):
            harness.client().say(REQUEST + lines + END)
            repeated = harness.gateway.handshakes[-1].repeated
            self.assertEqual(tuple(header for header in repeated if header[0] != b"Authorization"), expected)

    def test_byte_by_byte(self) -> None:
        """A handshake may come in any pieces."""
        client = self.harness.client()
        for byte in REQUEST + END:
            client.say(bytes([byte]))
        self.assertEqual(len(self.harness.gateway.handshakes), 1)

    def test_accept(self) -> None:
        """101 with the key's answer and the chosen subprotocol; no Server header."""
        for more, compression in ((b"", False), (b"Sec-WebSocket-Extensions: permessage-deflate\r\n", True)):
            client = Harness(compression=compression).client()
            client.say(REQUEST + b"Sec-WebSocket-Protocol: v1.chat, v2.chat\r\n" + more + END)
            client.peer.accept("v2.chat")
            head = client.transport.written
            self.assertTrue(head.startswith(b"HTTP/1.1 101 Switching Protocols\r\n"))
            self.assertIn(b"\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n", head)
            self.assertIn(b"\r\nSec-WebSocket-Protocol: v2.chat\r\n", head)
            self.assertNotIn(b"server:", head.lower())

    def test_refuse(self) -> None:
        """A refusal has its status, its headers and the code as JSON, and then the connection closes."""
        client = self.harness.client()
        client.say(REQUEST + END)
        client.peer.refuse(refusal(401, "UNAUTHORIZED", ((b"www-authenticate", b"Basic"), (b"retry-after", b"7"))))
        self.assertEqual((status(client), body(client)["code"]), (401, "UNAUTHORIZED"))
        self.assertIn(b"\r\nWww-Authenticate: Basic\r\nRetry-After: 7\r\n", client.transport.written)
        client.close()
        self.assertIsNone(client.transport.protocol)
        self.assertEqual(client.session.calls, [], "the session hears nothing more")

    def test_refuse_says_what_to_do(self) -> None:
        """Each code of ours comes with a message that says what to do; one of the backend's own comes as it is."""
        for code, message in MESSAGES.items():
            client = self.harness.client()
            client.say(REQUEST + END)
            client.peer.refuse(refusal(502, code))
            self.assertEqual(body(client), {"code": code, "message": message})
            self.assertGreater(len(message), 40)
        for code in ("NO", "FORBIDDEN"):
            client = self.harness.client()
            client.say(REQUEST + END)
            client.peer.refuse(refusal(403, code, foreign=True))
            self.assertEqual(body(client), {"code": code})

    def test_refuse_for_each_reason(self) -> None:
        """Each reason of the gateway's own has its response; with seconds, these are its Retry-After."""
        for reason, response in RESPONSES.items():
            for seconds in (None, 7):
                client = self.harness.client()
                client.say(REQUEST + END)
                client.peer.refuse(Refusal(reason, retry_after=seconds))
                self.assertEqual((status(client), body(client)["code"]), (response.status, response.code))
                said = re.findall(rb"\r\nRetry-After: ([0-9]+)(?=\r\n)", client.transport.written)
                self.assertEqual(said, [value for _, value in response.headers] if seconds is None else [b"7"])

    def test_head(self) -> None:
        """A HEAD is answered without a body, whatever it is refused for, with the length that the body would have."""
        full = Harness()
        full.admission.limit(0, 5)
        for harness, request, expected in (
            (self.harness, REQUEST + END, 405),
            (self.harness, b"GET / HTTP/1.1\r\nHost: gateway\r\n\r\n", 405),
            (self.harness, b"GET / HTTP/1.1\r\nno colon\r\n\r\n", 400),
            (self.harness, REQUEST + b"X: " + b"x" * 16384, 431),
            (full, REQUEST + END, 503),
        ):
            client, get = harness.client(), harness.client()
            client.say(request.replace(b"GET", b"HEAD"))
            get.say(request.replace(b"GET", b"POST"))
            head, _, rest = client.transport.written.partition(b"\r\n\r\n")
            self.assertEqual((status(client), rest), (expected, b""))
            self.assertRegex(head, rb"\r\nContent-Length: [1-9]")
            self.assertEqual(get.transport.written.partition(b"\r\n\r\n")[0], head)
            self.assertEqual(len(body(get)), 2)
            client.close()
            self.assertIsNone(client.transport.protocol)

    def test_refuse_with_odd_values(self) -> None:
        """A status without a name has a phrase, and no text of the backend's gets out of the JSON."""
        client = self.harness.client()
        client.say(REQUEST + END)
        client.peer.refuse(refusal(499, "a\r\nSet-Cookie: b"))
        self.assertTrue(client.transport.written.startswith(b"HTTP/1.1 499 Refused\r\n"))
        self.assertEqual(body(client), {"code": "a\r\nSet-Cookie: b"})
        self.assertNotIn(b"\nSet-Cookie", client.transport.written)

    def test_refuse_with_body(self) -> None:
        """A body of the backend's own comes as it is, with its own Content-Type or none, and its length alone to a
        HEAD.
        """
        for headers in ((), ((b"content-type", b"text/html"),)):
            client = self.harness.client()
            client.say(REQUEST + END)
            client.peer.refuse(refusal(403, "FORBIDDEN", headers, body=b"<p>\0"))
            lines, _, content = client.transport.written.partition(b"\r\n\r\n")
            self.assertEqual(content, b"<p>\0")
            self.assertEqual(
                lines.split(b"\r\n")[1:],
                [*(b"Content-Type: text/html" for _ in headers), b"Content-Length: 4", b"Connection: close"],
            )
        self.assertEqual(
            serialize(response_to(refusal(403, "FORBIDDEN", body=b"<p>")), "", body_wanted=False),
            b"HTTP/1.1 403 Forbidden\r\nContent-Length: 3\r\nConnection: close\r\n\r\n",
        )

    def test_headers_of_101(self) -> None:
        """The 101 has the headers that it is given behind its own, also if messages are compressed, and no others."""
        headers = ((b"Set-Cookie", b"a=1"), (b"Set-Cookie", b"b=2"), (b"X-U", b"\xc5\x81"))
        offer = b"Sec-WebSocket-Extensions: permessage-deflate\r\n"
        for harness, extra in ((self.harness, b""), (Harness(compression=True), offer)):
            client = harness.client()
            client.say(REQUEST + extra + END)
            client.peer.accept(None, headers)
            lines = client.transport.written.partition(b"\r\n\r\n")[0].split(b"\r\n")
            self.assertEqual(lines[0], b"HTTP/1.1 101 Switching Protocols")
            self.assertEqual(lines[-3:], [b"Set-Cookie: a=1", b"Set-Cookie: b=2", b"X-U: \xc5\x81"])
            bare = harness.client()
            bare.say(REQUEST + extra + END)
            bare.peer.accept(None)
            self.assertEqual(bare.transport.written, b"\r\n".join([*lines[:-3], b"", b""]))

    def test_tls(self) -> None:
        """A client that speaks TLS to an endpoint without it is refused at its first bytes: it would wait otherwise."""
        client = self.harness.client()
        client.say(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03")
        self.assertEqual(status(client), 400)
        self.assertIn("speaks TLS", body(client)["message"])

    def test_malformed(self) -> None:
        """Each malformed handshake gets its 4xx with a JSON body, nobody is asked, and the connection closes."""
        good, counted = REQUEST + END, 0
        for change, expected in (
            ((b"GET ", b"POST "), 405),
            ((b"HTTP/1.1", b"HTTP/1.0"), 505),
            ((b"HTTP/1.1", b"HTTP/9"), 400),
            ((b"GET /room/7?a=1", b"GET http://user@gateway/"), 400),
            ((b"GET /room/7?a=1", b"GET /a b"), 400),
            ((b"GET /room/7?a=1", b"GET /a#b"), 400),
            ((b"GET /room/7?a=1", b"GET /\xff"), 400),
            ((b"Host: gateway\r\n", b""), 400),
            ((b"Host: gateway", b"Host: gateway\r\nHost: other"), 400),
            ((b"Host: gateway", b"Host : gateway"), 400),
            ((b"Upgrade: websocket\r\n", b""), 426),
            ((b"Upgrade: websocket", b"Upgrade: h2c"), 426),
            ((b"Connection: Upgrade", b"Connection: close"), 400),
            ((b"Version: 13", b"Version: 8"), 426),
            ((b"Version: 13", b"Version: x"), 426),
            ((b"Sec-WebSocket-Version: 13\r\n", b""), 426),
            ((b"dGhlIHNhbXBsZSBub25jZQ==", b"short"), 400),
            ((b"Host: gateway", b"Host: gateway\r\nContent-Length: 5"), 400),
            ((b"Host: gateway", b"Host: gateway\r\nTransfer-Encoding: chunked"), 400),
            ((b"Host: gateway", b"Host: gateway\r\nAuthorization: a\r\nAuthorization: b"), 400),
            ((b"Host: gateway", b"Host: gateway\r\n folded"), 400),
            ((b"Host: gateway", b"Host: gateway\r\nno colon"), 400),
            *(((b"Host: gateway", b"Host: gateway\r\nX: a%cY: b" % byte), 400) for byte in b"\0\v\f\x1c\x1d\x1e"),
            ((b"Host: gateway", b"Host: gateway\nX: y"), 400),
            ((b"Host: gateway", b"Host: gateway\rX: y"), 400),
        ):
            self.assertIn(change[0], good)
            client = self.harness.client()
            client.say(good.replace(*change))
            self.assertEqual(status(client), expected, change)
            self.assertEqual(set(body(client)), {"code", "message"})
            client.close()
            self.assertIsNone(client.transport.protocol, change)
            counted += 1
            self.assertEqual(self.harness.gateway.monitor.counters.malformed, counted)
        self.assertEqual(self.harness.gateway.handshakes, [])
        self.assertEqual(self.flushLoggedErrors(), [])

    def test_allow_and_upgrade_headers(self) -> None:
        """405 says what is allowed, 426 what to upgrade to, an unknown version which is known."""
        for change, header in (
            ((b"GET ", b"PUT "), b"\r\nAllow: GET\r\n"),
            ((b"Upgrade: websocket\r\n", b""), b"\r\nUpgrade: websocket\r\n"),
            ((b"Version: 13", b"Version: 7"), b"\r\nSec-Websocket-Version: 13\r\n"),
        ):
            client = self.harness.client()
            client.say((REQUEST + END).replace(*change))
            self.assertIn(header, client.transport.written)

    def test_too_long(self) -> None:
        """Headers beyond 16 KiB are answered with 431 as soon as they come, ended or not."""
        for end in (b"", END):
            client = self.harness.client()
            client.say(REQUEST + b"X: " + b"x" * 16384 + b"\r\n" + end)
            self.assertEqual(status(client), 431)
        client = self.harness.client()
        client.say(REQUEST)
        for _ in range(1000):
            client.say(b"X: xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\r\n")
        self.assertEqual(status(client), 431)
        self.assertEqual(client.peer._handshake.data, b"")

    def test_too_many(self) -> None:
        """500 headers are taken; more are answered with 431."""
        for number, expected in ((495, None), (496, 431)):
            client = self.harness.client()
            client.say(REQUEST + b"X: x\r\n" * number + END)
            self.assertEqual(status(client) if client.transport.written else None, expected)
        self.assertEqual(len(self.harness.gateway.handshakes), 1)

    def test_slow(self) -> None:
        """A head that is not whole after HANDSHAKE_TIMEOUT, however it trickles, is answered 408, and the connection
        ends, with a client that does not take the answer too.
        """
        for seconds in (HANDSHAKE_TIMEOUT, 2.0):
            harness = Harness(handshake_timeout=seconds)
            clients = [harness.client() for _ in range(2)]
            clients[1].transport.stuck = True
            for byte in REQUEST[:10]:
                self.assertEqual(clients[0].transport.written, b"")
                for client in clients:
                    client.say(bytes([byte]))
                harness.clock.advance(seconds / 10)
            self.assertEqual((status(clients[0]), body(clients[0])["code"]), (408, "HANDSHAKE_TIMEOUT"))
            self.assertIn("HANDSHAKE_TIMEOUT", body(clients[0])["message"])
            self.assertIn(b"\r\nConnection: close\r\n", clients[0].transport.written)
            clients[0].close()
            self.assertIsNone(clients[0].transport.protocol)
            clients[1].say(REQUEST[10:] + END)
            harness.clock.advance(CLOSE_TIMEOUT)
            harness.clock.advance(0)
            self.assertIsNone(clients[1].transport.protocol)
            self.assertEqual(harness.gateway.handshakes, [])
            self.assertEqual((harness.admission.present, harness.factory._connections), (0, set()))

    def test_slow_behind_another(self) -> None:
        """Each of several slow heads is answered in its own time, although those before it wait then for their client
        to close.
        """
        clients = []
        for _ in range(4):
            clients.append(self.harness.client())
            clients[-1].say(REQUEST)
            self.harness.clock.advance(1)
        self.harness.clock.advance(HANDSHAKE_TIMEOUT - 4)
        for number, client in enumerate(clients):
            self.assertEqual([bool(each.transport.written) for each in clients], [at <= number for at in range(4)])
            self.assertEqual(status(client), 408)
            self.harness.clock.advance(1)

    def test_silent(self) -> None:
        """A client that says nothing at all is cut off then, without a word."""
        client = self.harness.client()
        self.harness.clock.advance(HANDSHAKE_TIMEOUT - 0.1)
        self.assertIsNotNone(client.transport.protocol)
        self.harness.clock.advance(0.1)
        self.harness.clock.advance(0)
        self.assertEqual((client.transport.protocol, client.transport.written), (None, b""))

    def test_slow_backend(self) -> None:
        """Once the head is there the time is over: how long the backend takes is for WEBHOOK_TIMEOUT to say."""
        client = self.harness.client()
        client.say(REQUEST + END)
        self.harness.clock.advance(HANDSHAKE_TIMEOUT * 3)
        client.peer.accept(None)
        self.assertEqual(status(client), 101)

    def test_origin(self) -> None:
        """Where origins are listed another origin gets 403; who sends none is no browser."""
        refusal = {"code": "ORIGIN_NOT_ALLOWED", "message": MESSAGES["ORIGIN_NOT_ALLOWED"]}
        harness = Harness(allowed_origins=("https://app.example", "http://localhost:3000", "null"))
        for origin, allowed in (
            (b"https://app.example", True),
            (b"https://app.example:443", True),
            (b"HTTPS://APP.example", True),
            (b"http://localhost:3000", True),
            (b"null", True),
            (b"", True),
            (b"http://app.example", False),
            (b"https://app.example:444", False),
            (b"https://app.example.evil.example", False),
            (b"https://evil.example", False),
            (b"http://localhost", False),
        ):
            before = len(harness.gateway.handshakes)
            client = harness.client()
            client.say(REQUEST + (b"Origin: " + origin + b"\r\n" if origin else b"") + END)
            self.assertEqual(len(harness.gateway.handshakes) - before, allowed, origin)
            if not allowed:
                self.assertEqual((status(client), body(client)), (403, refusal))
        self.assertEqual(harness.gateway.refused, {RefusalReason.ORIGIN_NOT_ALLOWED: 5})

    def test_opaque_origin(self) -> None:
        """`null` is what pages in a sandbox or a file say, of any site: it must be listed to be let in."""
        for allowed, expected in (((), 1), (("https://app.example",), 0), (("null",), 1)):
            harness = Harness(allowed_origins=allowed)
            harness.client().say(REQUEST + b"Origin: null\r\n" + END)
            self.assertEqual(len(harness.gateway.handshakes), expected, allowed)

    def test_second_request(self) -> None:
        """A second request sent while the first waits asks nobody: it is what the client sends early."""
        client = self.harness.client()
        client.say((REQUEST + END) * 2)
        client.say(REQUEST + END)
        self.assertEqual(len(self.harness.gateway.handshakes), 1)
        client.peer.accept(None)
        self.assertEqual(client.transport.written.count(b"HTTP/1.1 101"), 1)

    def test_early_message(self) -> None:
        """What a client sends before its 101 is received after it, in order."""
        client = self.harness.client()
        client.say(REQUEST + END + client.codec.send(TextMessage(data="1")))
        client.send(TextMessage(data="2"))
        self.assertEqual(client.session.calls, [])
        client.peer.accept(None)
        self.assertEqual(client.session.calls, [("received", b"1"), ("received", b"2")])

    def test_early_flood(self) -> None:
        """Beyond 64 KiB early data stays in the client's socket until the 101."""
        client = self.harness.client()
        client.say(REQUEST + END)
        for _ in range(2):
            self.assertTrue(client.transport.reading)
            client.send(BytesMessage(data=b"x" * 40000))
        self.assertFalse(client.transport.reading)
        client.peer.accept(None)
        self.assertTrue(client.transport.reading)
        self.assertEqual(len(client.session.received_frames), 2)

    def test_leaving_while_pending(self) -> None:
        """A client that leaves before its answer is reported lost once, hears nothing, and has left no timer, count or
        connection behind."""
        self.harness.factory.keepalive.stop()
        client = self.harness.client()
        client.say(REQUEST + END)
        client.vanish()
        self.assertEqual(client.session.calls, [("disconnected", Cause.NETWORK, 1006, "", False)])
        self.assertEqual(self.harness.clock.getDelayedCalls(), [])
        self.assertEqual(self.harness.factory._connections, set())
        self.assertEqual((self.harness.admission.present, self.harness.admission.asking), (0, 0))

    def test_slow_answer(self) -> None:
        """The connect webhook has its own time: a handshake that waits is not dropped."""
        client = self.harness.client()
        client.say(REQUEST + END)
        self.harness.clock.advance(20)
        client.peer.accept(None)
        self.assertEqual(status(client), 101)

    def test_broken_accept(self) -> None:
        """If the 101 cannot be made the failure is logged and the client dropped, not kept for ever."""
        client = self.harness.client()
        client.say(REQUEST + END)
        client.peer.accept("never offered")
        self.assertEqual(len(self.flushLoggedErrors()), 1)
        self.harness.clock.advance(0)
        self.assertEqual(client.session.calls, [("disconnected", Cause.NETWORK, 1006, "", False)])


class MessageTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.harness = Harness()

    def test_exact_bytes(self) -> None:
        """Text and binary of any length arrive as they were sent."""
        client = self.harness.open()
        expected = []
        for size in (0, 1, 125, 126, 65535, 65536, 1_000_000):
            data = bytes(range(256)) * (size // 256) + bytes(size % 256)
            text = "\u20ac" * (size // 3)
            client.send(BytesMessage(data=data))
            client.send(TextMessage(data=text))
            expected += [Frame(data, True), Frame(text.encode(), False)]
        self.assertEqual(client.session.received_frames, expected)

    def test_fragments(self) -> None:
        """A fragmented message is one message, with pings between its parts answered."""
        client = self.harness.open()
        client.send(TextMessage(data="a", message_finished=False))
        client.send(Ping(payload=b"p"))
        client.send(TextMessage(data="b", message_finished=True))
        self.assertEqual(client.session.received_frames, [Frame(b"ab", False)])
        self.assertEqual(client.heard(), [Pong(payload=b"p")])

    def test_receipt(self) -> None:
        """A ping is written behind the messages before it, also while these wait, and the session hears its pong; the
        pong to a ping of the keepalive, which is empty, is nothing to the session.
        """
        for harness in (self.harness, Harness(compression=True)):
            client = harness.open()
            client.transport.stuck = True
            self.assertTrue(client.peer.send(Frame(b"x" * 100_000, True)))
            self.assertTrue(client.peer.send(Frame(b"y", True), b"receipt 1"))
            client.transport.flow()
            self.assertTrue(client.peer.send(Frame(b"z", True), b"receipt 2"))
            *_, first, behind_first, second, behind_second = client.heard()
            self.assertEqual((first, behind_first), (BytesMessage(data=b"y"), Ping(payload=b"receipt 1")))
            self.assertEqual((second, behind_second), (BytesMessage(data=b"z"), Ping(payload=b"receipt 2")))
            client.session.calls.clear()
            client.send(Pong(payload=b""))
            client.send(TextMessage(data="a", message_finished=False))
            client.send(Pong(payload=b"receipt 2"))
            client.send(TextMessage(data="b", message_finished=True))
            self.assertEqual(client.session.calls, [("ponged", b"receipt 2"), ("received", b"ab")])

    def test_frames_in_a_frame(self) -> None:
        """What looks like frames in the payload of one, a message or a ping, is payload, wherever TCP cuts it."""
        inner = b"\x81\x80\0\0\0\0" * 3
        for cut in range(1, len(inner) + 6):
            client = self.harness.open()
            for data in (b"\x82\x92\0\0\0\0" + inner, b"\x89\x92\0\0\0\0" + inner):
                client.say(data[:cut])
                client.say(data[cut:])
            self.assertEqual(client.session.received_frames, [Frame(inner, True)], cut)
            self.assertEqual(client.heard(), [Pong(payload=inner)], cut)

    def test_send(self) -> None:
        """What is pushed arrives as it is, in order."""
        client = self.harness.open()
        self.assertTrue(client.peer.send(Frame(b"", False)))
        self.assertTrue(client.peer.send(Frame(b"h\xc3\xa9", False)))
        self.assertTrue(client.peer.send(Frame(b"\xff" * 70000, True)))
        self.assertEqual(
            [event.data for event in client.heard()],
            ["", "h\xe9", b"\xff" * 70000],  # type: ignore[attr-defined]
        )

    def test_too_big(self) -> None:
        """A frame that announces too much is refused at its header: 1009, nothing of it kept; so is one that is whole
        at once."""
        harness = Harness(max_message_size=1000)
        for header in (b"\x82\xfe\x03\xe8mask", b"\x82\xfe\x03\xe9mask"):
            client = harness.open()
            client.say(header + bytes(1001))
        self.assertEqual([len(frame.payload) for frame in harness.gateway.sessions[0].received_frames], [1000])
        self.assertEqual(client.session.calls, [("fail", Cause.TOO_BIG, 1009)])
        client = harness.open()
        client.say(b"\x82\x80mask" + header + bytes(1001))  # behind another
        self.assertEqual(client.session.calls, [("received", b""), ("fail", Cause.TOO_BIG, 1009)])
        for header in (b"\x82\xff" + (2**40).to_bytes(8, "big"), b"\x82\xff" + (1_000_001).to_bytes(8, "big")):
            client = self.harness.open()
            client.say(header + b"mask")
            self.assertEqual(client.session.calls, [("fail", Cause.TOO_BIG, 1009)])
            self.assertEqual([event.code for event in client.heard()], [1009])  # type: ignore[attr-defined]
            client.say(b"x" * 60000)
            self.assertEqual(client.peer._reader._data, b"")
            self.harness.clock.advance(5)
            self.harness.clock.advance(0)
            self.assertEqual(client.session.calls[1][0], "disconnected")

    def test_too_big_in_fragments(self) -> None:
        """Fragments together obey the limit."""
        client = self.harness.open()
        for _ in range(11):
            client.say(client.codec.send(BytesMessage(data=b"x" * 100_000, message_finished=False)))
        self.assertEqual(client.session.calls, [("fail", Cause.TOO_BIG, 1009)])

    def test_violations(self) -> None:
        """A violation of RFC 6455 is closed with its code: 1002, or 1007 for text that is not UTF-8."""
        for data, code in (
            (b"\x81\x01a", 1002),  # not masked
            (b"\x82\x02abcdef", 1002),  # not masked, and followed by something
            (b"\xc1\x80mask", 1002),  # RSV without extension
            (b"\x83\x80mask", 1002),  # reserved opcode
            (b"\x80\x80mask", 1002),  # continuation of nothing
            (b"\x01\x80mask\x81\x80mask", 1002),  # a message inside another
            (b"\x09\x80mask", 1002),  # fragmented ping
            (b"\x89\x01x...", 1002),  # a ping that is not masked
            (b"\x89\xfe\x00\x7emask" + bytes(124) + b"\x81\x80", 1002),  # a ping too long
            (b"\x88\x81maskx", 1002),  # close with half a code
            (b"\x88\x82\0\0\0\0\x03\xed", 1002),  # close with 1005
            (b"\x81\x81\0\0\0\0\xff", 1007),
        ):
            client = self.harness.open()
            client.say(data)
            self.assertEqual(client.session.calls, [("fail", Cause.PROTOCOL_ERROR, code)], data)
            self.assertEqual([event.code for event in client.heard()], [code], data)  # type: ignore[attr-defined]

    def test_pause(self) -> None:
        """Without room nothing more is handed over or read, even of what has come; it goes on where it stopped."""
        client = self.harness.open()
        client.session.room = 10
        messages = [b"12345", b"1234567890A", b"1"]
        client.say(b"".join(client.codec.send(BytesMessage(data=data)) for data in messages))
        self.assertEqual([frame.payload for frame in client.session.received_frames], [b"12345"])
        self.assertFalse(client.transport.reading)
        client.session.room = 100
        client.peer.resume_reading()
        self.assertEqual([frame.payload for frame in client.session.received_frames], messages)
        self.assertTrue(client.transport.reading)

    def test_read_and_lost(self) -> None:
        """What was read before the connection broke is handed over, room or not, before the loss is told."""
        client = self.harness.open()
        client.session.room = 0
        client.say(b"".join(client.codec.send(TextMessage(data=text)) for text in "abc"))
        self.assertEqual(client.session.calls, [])
        client.session.room = 100
        client.vanish()
        self.assertEqual([call[0] for call in client.session.calls], ["received"] * 3 + ["disconnected"])


class SendBufferTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.harness = Harness(send_buffer=200_000)

    def fill(self, client: Client, payload: bytes = b"x" * 1000) -> int:
        """Push such messages until there is no room; how many there was room for."""
        for sent in range(1000):
            if not client.peer.send(Frame(payload, True)):
                return sent
        self.fail("there is no end of room")

    def test_bound(self) -> None:
        """A client that does not read is sent no more than SEND_BUFFER, and then again when it has read."""
        client = self.harness.open()
        client.transport.stuck = True
        sent = self.fill(client)
        self.assertGreaterEqual(sent, 200)
        self.assertLessEqual(sent, 200 + 66)
        self.assertLessEqual(len(client.transport.buffered) + client.peer.send_buffer._queued, 200_000 + 67_000)
        self.assertLessEqual(client.peer.waiting, 200_000)
        client.transport.flow()
        self.assertEqual(len(client.heard()), sent)
        self.assertEqual(client.session.calls, [("writable",)])
        self.assertTrue(client.peer.send(Frame(b"y", True)))

    def test_bound_compressed(self) -> None:
        """The same where messages are compressed: they are counted as what they become."""
        self.harness = Harness(send_buffer=200_000, compression=True)
        client = self.harness.open(b"Sec-WebSocket-Extensions: permessage-deflate\r\n")
        client.transport.stuck = True
        sent = self.fill(client, Random(1).randbytes(1000))
        self.assertGreaterEqual(sent, 198)
        self.assertLessEqual(sent, 200 + 66)
        self.assertLessEqual(client.peer.waiting, 200_000)

    def test_one_large_message(self) -> None:
        """A message may be as large as the buffer when nothing else waits."""
        client = self.harness.open()
        self.assertTrue(client.peer.send(Frame(b"x" * 1_000_000, True)))

    def test_close_waits_for_its_turn(self) -> None:
        """A Close frame comes after everything that was sent before it."""
        client = self.harness.open()
        client.transport.stuck = True
        for _ in range(150):
            client.peer.send(Frame(b"x" * 1000, True))
        client.peer.close(4001, "bye")
        client.transport.flow()
        events = client.heard()
        self.assertEqual(len(events), 151)
        self.assertEqual(events[-1], CloseConnection(code=4001, reason="bye"))

    def test_ping_flood(self) -> None:
        """A client that pings and does not read is answered once, to its last ping, when it reads."""
        client = self.harness.open()
        client.transport.stuck = True
        while not client.peer.send_buffer.paused:
            client.peer.send(Frame(b"x" * 1000, True))
        waiting = client.peer.waiting
        for number in range(1000):
            client.send(Ping(payload=b"%d" % number))
        self.assertEqual(client.peer.waiting, waiting)
        client.transport.flow()
        pongs = [event for event in client.heard() if isinstance(event, Pong)]
        self.assertEqual(pongs, [Pong(payload=b"999")])

    def test_backpressure(self) -> None:
        """Clients that do not read, and those that are not read from, are listed so long, and never when they left."""
        backpressure = self.harness.factory.backpressure
        for ends in (False, True):
            client, other = self.harness.open(), self.harness.open()
            client.transport.stuck = True
            while not client.peer.send_buffer.paused:
                client.peer.send(Frame(b"x" * 1000, True))
            client.peer.send(Frame(b"x" * 500, True))
            other.peer.pause_reading()
            self.assertEqual((len(backpressure.unwritten), len(backpressure.unread)), (1, 1))
            self.assertEqual(backpressure.bytes_unwritten, client.peer.waiting)
            self.assertGreaterEqual(client.peer.waiting, 500)
            if ends:
                client.transport.lose(ConnectionDone())
                other.transport.lose(ConnectionDone())
            else:
                client.transport.flow()
                other.peer.resume_reading()
            self.assertEqual((backpressure.unwritten, backpressure.unread), (set(), set()))

    def test_too_slow_and_silent(self) -> None:
        """One that neither reads nor speaks while it is over SEND_BUFFER is too slow, not just silent."""
        client = self.harness.open()
        self.harness.clock.advance(10)
        client.transport.stuck = True
        self.fill(client)
        for _ in range(40):
            self.harness.clock.advance(1)
        self.assertEqual(client.session.calls, [("disconnected", Cause.TOO_SLOW, 1008, "", False)])

    def test_too_slow(self) -> None:
        """A client that stays over SEND_BUFFER for WS_TIMEOUT is dropped, though it is heard; one that reads is not."""
        clients = [self.harness.open() for _ in range(2)]
        for client in clients:
            client.transport.stuck = True
            self.fill(client)
        stuck, slow = clients
        for second in range(60):
            self.harness.clock.advance(1)
            for client in clients:
                client.send(Pong())
            if second == 20:
                slow.transport.flow()
        sessions = self.harness.gateway.sessions
        self.assertEqual(sessions[0].calls, [("disconnected", Cause.TOO_SLOW, 1008, "", False)])
        self.assertEqual(sessions[1].calls, [("writable",)])
        self.assertIsNone(stuck.transport.protocol)


class EndTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.harness = Harness()

    def test_close_codes(self) -> None:
        """A client may close with every registered code, and with those of applications; another one is a violation."""
        registered = [1000, 1001, 1002, 1003, *range(1007, 1015), 3000, 3999, 4000, 4999]
        for code in (*registered, 0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535):
            client = self.harness.open()
            client.say(close_frame(code, "bye"))
            heard = client.transport.written
            if code in registered:
                self.assertEqual(heard, b"\x88\x05" + code.to_bytes(2, "big") + b"bye")
                self.harness.clock.advance(0)
                self.assertEqual(client.session.calls, [("disconnected", Cause.CLIENT, code, "bye", True)])
            else:
                self.assertEqual(heard[2:4], (1002).to_bytes(2, "big"), code)
                self.assertEqual(client.session.calls, [("fail", Cause.PROTOCOL_ERROR, 1002)])

    def test_client_closes(self) -> None:
        """A client's Close is echoed, and reported with its code and reason."""
        for code, reason in ((1000, ""), (1001, "gone"), (4321, "\u20ac")):
            client = self.harness.open()
            client.send(CloseConnection(code=code, reason=reason))
            self.assertEqual([event.code for event in client.heard()], [code])  # type: ignore[attr-defined]
            self.harness.clock.advance(0)
            self.assertEqual(client.session.calls, [("disconnected", Cause.CLIENT, code, reason, True)])

    def test_close_without_code(self) -> None:
        """A Close without a code is reported as 1005 (RFC 6455, 7.1.5)."""
        client = self.harness.open()
        client.say(b"\x88\x80mask")
        self.harness.clock.advance(0)
        self.assertEqual(client.session.calls, [("disconnected", Cause.CLIENT, 1005, "", True)])

    def test_we_close(self) -> None:
        """Our Close is answered by the client, and then the connection is closed in good order."""
        client = self.harness.open()
        client.peer.close(1012, "")
        self.assertEqual([event.code for event in client.heard()], [1012])  # type: ignore[attr-defined]
        client.send(CloseConnection(code=1012))
        self.harness.clock.advance(0)
        self.assertEqual(client.session.calls, [("disconnected", Cause.CLIENT, 1012, "", True)])
        self.assertFalse(client.transport.aborted)
        self.assertEqual(self.harness.factory._connections, set())

    def test_client_does_not_answer_our_close(self) -> None:
        """A client that does not answer a Close is dropped after 5 s, and reported lost."""
        client = self.harness.open()
        client.peer.close(1000, "")
        self.harness.clock.advance(4.9)
        self.assertEqual(client.session.calls, [])
        self.harness.clock.advance(0.2)
        self.harness.clock.advance(0)
        self.assertEqual(client.session.calls, [("disconnected", Cause.NETWORK, 1006, "", False)])

    def test_close_and_never_read(self) -> None:
        """A client that closes and never reads is dropped after 5 s all the same; nothing is sent to it meanwhile."""
        client = self.harness.open()
        client.transport.stuck = True
        for _ in range(100):
            client.peer.send(Frame(b"x" * 1000, True))
        client.send(CloseConnection(code=1000))
        self.assertEqual(client.session.calls, [("disconnected", Cause.CLIENT, 1000, "", True)])
        self.assertFalse(client.peer.send(Frame(b"late", True)))
        self.harness.clock.advance(4.9)
        self.assertFalse(client.transport.aborted)
        self.harness.clock.advance(0.2)
        self.harness.clock.advance(0)
        self.assertTrue(client.transport.aborted)
        self.assertEqual(self.harness.factory._connections, set())

    def test_both_close(self) -> None:
        """Both ends closing at once is one end."""
        client = self.harness.open()
        client.peer.close(1000, "")
        client.send(CloseConnection(code=1001))
        client.vanish()
        self.harness.clock.advance(100)
        self.assertEqual([call[0] for call in client.session.calls], ["disconnected"])

    def test_message_while_closing(self) -> None:
        """What a client sent before it saw our Close is still handed over."""
        client = self.harness.open()
        client.peer.close(1012, "")
        client.send(TextMessage(data="late"))
        self.assertEqual(client.session.calls, [("received", b"late")])

    def test_nothing_left(self) -> None:
        """When the clients are gone no timer and no connection is left."""
        clients = [self.harness.open() for _ in range(3)] + [self.harness.client()]
        clients[0].vanish()
        clients[1].send(CloseConnection(code=1000))
        clients[2].peer.close(1000, "")
        clients[3].say(b"nonsense\r\n\r\n")
        self.harness.clock.pump([1.0] * 40)
        self.harness.factory.keepalive.stop()
        self.assertEqual(self.harness.clock.getDelayedCalls(), [])
        self.assertEqual(self.harness.factory._connections, set())


class KeepaliveTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.harness = Harness(ws_timeout=30.0)

    def run_for(self, seconds: float, client: Client, answering: bool) -> list[float]:
        """The moments at which the client was pinged, from now on."""
        pings = []
        for tick in range(int(seconds * 10)):
            self.harness.clock.advance(0.1)
            if client.session.calls:
                break
            for event in client.heard():
                if isinstance(event, Ping):
                    pings.append((tick + 1) / 10)
                    if answering:
                        client.send(Pong(payload=event.payload))
        return pings

    def test_answering_client_stays(self) -> None:
        """A silent client is pinged after half of WS_TIMEOUT, and one that answers stays for ever."""
        client = self.harness.open()
        pings = self.run_for(300, client, answering=True)
        self.assertTrue(15 <= pings[0] <= 19, pings)
        self.assertTrue(300 / 20 <= len(pings) <= 300 / 15, pings)
        self.assertEqual(client.session.calls, [])

    def test_dead_client_goes(self) -> None:
        """One that is pinged, once, and from which nothing comes for WS_TIMEOUT is gone, at most an eighth later: cause
        timeout."""
        client = self.harness.open()
        start = self.harness.clock.seconds()
        pings = self.run_for(60, client, answering=False)
        self.assertEqual(len(pings), 1)
        self.assertEqual(client.session.calls, [("disconnected", Cause.TIMEOUT, 1006, "", False)])
        self.assertTrue(30 <= self.harness.clock.seconds() - start <= 34)

    def test_talking_client_is_not_pinged(self) -> None:
        """Any data counts as a sign of life."""
        client = self.harness.open()
        for _ in range(100):
            self.assertEqual(self.run_for(10, client, answering=False), [])
            client.send(TextMessage(data="x"))

    def test_paused_client_stays(self) -> None:
        """A client that the gateway does not read from is not given up, and has a whole timeout after that."""
        client = self.harness.open()
        client.peer.pause_reading()
        self.run_for(100, client, answering=False)
        self.assertEqual(client.session.calls, [])
        client.peer.resume_reading()
        self.run_for(29, client, answering=False)
        self.assertEqual(client.session.calls, [])

    def test_spread(self) -> None:
        """The pings of clients that came together do not go out together."""
        clients = [self.harness.open() for _ in range(160)]
        most = 0
        for _ in range(200):
            self.harness.clock.advance(0.1)
            most = max(most, sum(bool(client.heard()) for client in clients))
        self.assertLessEqual(most, 20)

    def test_off(self) -> None:
        """WS_TIMEOUT=0 turns it off."""
        harness = Harness(ws_timeout=0.0)
        client = harness.open()
        harness.clock.advance(10**6)
        self.assertEqual(client.heard(), [])
        self.assertEqual(client.session.calls, [])

    def test_last_active(self) -> None:
        """When a client was last heard is known as wall-clock time."""
        client = self.harness.open()
        before = client.peer.last_active_at
        self.harness.clock.advance(3)
        self.assertEqual(client.peer.last_active_at, before)
        client.send(Pong())
        self.assertEqual(client.peer.last_active_at, before + 3)

    def test_last_active_paused(self) -> None:
        """A client from which the gateway did not read for a time was last heard before that."""
        client = self.harness.open()
        client.send(Pong())
        before = client.peer.last_active_at
        client.peer.pause_reading()
        self.harness.clock.advance(10)
        client.peer.resume_reading()
        self.harness.clock.advance(1)
        self.assertEqual(client.peer.last_active_at, before)
