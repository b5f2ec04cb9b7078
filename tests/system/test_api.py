"""The API on a connection's URL, the two probes, and who may call."""

from __future__ import annotations

import re
from concurrent.futures import Future
from threading import Thread
from typing import ClassVar

from websockets.typing import Subprotocol
from wsproto.events import Ping

from tests.support.api_client import Api, ApiAnswer
from tests.support.backend_answers import Request, accept, calling
from tests.support.held_receipts import hold, vanish
from tests.support.system_case import Settings, SharedTestCase, eventually
from tests.support.websocket_client import PATIENCE, PONG, closing, frame
from tests.support.workers import ApiLine

NOBODY = "a" * 32


class PushTests(SharedTestCase):
    """PUT /{id}."""

    def test_text(self) -> None:
        """A PUT is one text message, as it is, whatever the Content-Type says; the answer is 200 OK."""
        connection = self.client()
        id = self.connection_id()
        for headers in ({}, {"Content-Type": "application/json"}, {"Content-Type": "text/plain"}):
            answer = self.api.request("PUT", f"/{id}", "\u2603\r\n".encode(), headers)
            self.assertEqual((answer.status, answer.json()), (200, {"code": "OK"}))
            self.assertEqual(answer.headers["content-type"].split(";")[0], "application/json")
            self.assertEqual(connection.recv(timeout=10), "\u2603\r\n")

    def test_binary(self) -> None:
        """With application/octet-stream it is binary, every byte of it."""
        connection = self.client()
        id = self.connection_id()
        for type in ("application/octet-stream", "Application/Octet-Stream; x=1"):
            answer = self.api.request("PUT", f"/{id}", bytes(range(256)), {"Content-Type": type})
            self.assertEqual((answer.status, answer.code), (200, "OK"))
            self.assertEqual(connection.recv(timeout=10), bytes(range(256)))

    def test_empty(self) -> None:
        """An empty body is an empty message."""
        connection = self.client()
        self.assertEqual(self.api.push(self.connection_id(), "").status, 200)
        self.assertEqual(self.api.push(self.connection_id(), b"").status, 200)
        self.assertEqual([connection.recv(timeout=10), connection.recv(timeout=10)], ["", b""])

    def test_order(self) -> None:
        """Pushes made one after the other arrive in that order."""
        connection = self.client()
        id = self.connection_id()
        for number in range(50):
            self.assertEqual(self.api.push(id, str(number)).status, 200)
        self.assertEqual([connection.recv(timeout=10) for _ in range(50)], [str(n) for n in range(50)])

    def test_nobody(self) -> None:
        """A push to an id that never was is 404 NOT_FOUND, with a word of advice."""
        answer = self.api.push(NOBODY, "x")
        self.assertEqual((answer.status, answer.code), (404, "NOT_FOUND"))
        self.assertTrue(answer.json()["message"])

    def test_gone(self) -> None:
        """A push to a connection that has ended is 404 as well."""
        self.client().close()
        self.ended()
        self.assertEqual(self.api.push(self.connection_id(), "x").status, 404)

    def test_not_utf8(self) -> None:
        """Text that is not UTF-8 is 400 NOT_UTF8, and nothing reaches the client."""
        connection = self.client()
        id = self.connection_id()
        answer = self.api.request("PUT", f"/{id}", b"\xff\xfe")
        self.assertEqual((answer.status, answer.code), (400, "NOT_UTF8"))
        self.api.push(id, "next")
        self.assertEqual(connection.recv(timeout=10), "next")

    def test_too_long(self) -> None:
        """A body over MAX_MESSAGE_SIZE is 413 MESSAGE_TOO_LONG; the largest allowed arrives."""
        connection = self.client()
        id = self.connection_id()
        self.assertEqual(self.api.push(id, b"x" * 1048576).status, 200)
        answer = self.api.push(id, b"x" * 1048577)
        self.assertEqual((answer.status, answer.code), (413, "MESSAGE_TOO_LONG"))
        self.assertEqual(connection.recv(timeout=10), b"x" * 1048576)

    def test_too_long_early(self) -> None:
        """413 comes before the body is read: on the length that is announced, or on the first chunk too many."""
        self.client()
        id = self.connection_id()
        start = f"PUT /{id} HTTP/1.1\r\nHost: localhost\r\n"
        with self.api.dial() as plain:
            plain.sendall((start + "Content-Length: 1000000000\r\n\r\n").encode() + b"x" * 1000)
            self.assertIn(b" 413 ", plain.recv(65536).split(b"\r\n")[0])
        with self.api.dial() as plain:
            plain.sendall((start + "Transfer-Encoding: chunked\r\n\r\n").encode())
            try:
                for _ in range(20):
                    plain.sendall(b"10000\r\n" + b"x" * 65536 + b"\r\n")
            except ConnectionError:
                pass
            self.assertIn(b" 413 ", plain.recv(65536).split(b"\r\n")[0])

    def test_keep_alive(self) -> None:
        """Several requests on one connection, the good and the bad, each get their own answer."""
        connection = self.client()
        id = self.connection_id()
        one = f"PUT /{id} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\n\r\n1"
        none = f"PUT /{NOBODY} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\n\r\n1"
        last = f"PUT /{id} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: 1\r\n\r\n2"
        with self.api.dial() as plain:
            plain.sendall((one + none + last).encode())
            answer = b"".join(iter(lambda: plain.recv(65536), b""))
        self.assertEqual(re.findall(rb"HTTP/1.1 (\d+)", answer), [b"200", b"404", b"200"])
        self.assertEqual([connection.recv(timeout=10), connection.recv(timeout=10)], ["1", "2"])

    def test_too_slow(self) -> None:
        """A client that does not read: 429 CLIENT_TOO_SLOW with Retry-After, and each push that got 200 arrives."""
        raw_client = self.raw_client(receive_buffer=4096)
        id, sent = self.connection_id(), 0
        before = self.gw.rss()
        for number in range(1000):
            answer = self.api.push(id, number.to_bytes(4, "big") * 16384)
            if answer.status != 200:
                break
            sent += 1
        self.assertEqual((answer.status, answer.code), (429, "CLIENT_TOO_SLOW"))
        self.assertGreaterEqual(int(answer.headers["retry-after"]), 1)
        self.assertLess(self.gw.rss() - before, 16 << 20)
        received = b""
        while len(received) < sent * 65546:
            received += raw_client.socket.recv(1 << 20)
        for number in range(sent):
            self.assertEqual(received[number * 65546 + 10 : number * 65546 + 14], number.to_bytes(4, "big"))
        self.assertEqual(self.api.push(id, "again").status, 200)


class ReceiptTests(SharedTestCase):
    """PUT /{id}?receipt=."""

    def pushing(self, id: str, milliseconds: int, word: str = "x") -> Future[ApiAnswer]:
        """A push with a receipt that is under way."""
        answer: Future[ApiAnswer] = Future()
        path = f"/{id}?receipt={milliseconds}"
        ask = Thread(target=lambda: answer.set_result(self.api.request("PUT", path, word.encode(), timeout=PATIENCE)))
        ask.start()
        self.addCleanup(ask.join)
        return answer

    def test_received(self) -> None:
        """A client's stack answers by itself, and the push is answered then: 200, received."""
        connection = self.client()
        answer = self.api.request("PUT", f"/{self.connection_id()}?receipt=60000", b"hello")
        self.assertEqual((answer.status, answer.json()), (200, {"code": "OK", "received": True}))
        self.assertEqual(connection.recv(timeout=10), "hello")

    def test_only_the_latest(self) -> None:
        """A client that answers only the latest of three pings has confirmed all three messages."""
        client = self.raw_client()
        answers = [self.pushing(self.connection_id(), 60000, str(number)) for number in range(3)]
        pings: list[Ping] = []
        while len(pings) < 3:
            event = client.next()
            if isinstance(event, Ping):
                pings.append(event)
        self.assertFalse(any(answer.done() for answer in answers))
        client.send(frame(PONG, bytes(pings[-1].payload)))
        for answer in answers:
            self.assertEqual(answer.result(PATIENCE).json(), {"code": "OK", "received": True})

    def test_unconfirmed(self) -> None:
        """Without its pong a push is answered 202 UNCONFIRMED: after the time, or when the connection ends first."""
        client = self.raw_client()
        id = self.connection_id()
        answer = self.api.request("PUT", f"/{id}?receipt=50", b"hello")
        self.assertEqual((answer.status, answer.json()), (202, {"code": "UNCONFIRMED", "received": False}))
        while not isinstance(client.next(), Ping):
            pass
        client.send(frame(PONG, b"receipt 7"))
        for leave in (client.leave, lambda: self.api.close(self.connection_id())):
            pushed = self.pushing(id, 60000)
            while not isinstance(client.next(), Ping):
                pass
            leave()
            self.assertEqual((pushed.result(PATIENCE).status, pushed.result().code), (202, "UNCONFIRMED"))
            client.leave()
            self.ended()
            self.stage = self.pair.backend.stage(self.path + "/second")
            self.path += "/second"
            client, id = self.raw_client(), self.connection_id()

    def test_before_the_101(self) -> None:
        """A push with a receipt from inside the connect handler is queued and answered at once, 202 OK."""
        answers: list[ApiAnswer] = []

        def push(request: Request) -> None:
            answers.append(self.api.request("PUT", f"/{request.id}?receipt=60000", b"first"))

        self.stage.on_connect(calling(push, accept()))
        connection = self.client()
        self.assertEqual([(answer.status, answer.json()) for answer in answers], [(202, {"code": "OK"})])
        self.assertEqual(connection.recv(timeout=10), "first")

    def test_refused(self) -> None:
        """A receipt changes nothing of a push that is refused, and one that is no number of milliseconds is 400."""
        self.client()
        id = self.connection_id()
        for target, status in ((f"/{NOBODY}?receipt=9", 404), (f"/{id}?receipt=0", 400), (f"/{id}?receipt=60001", 400)):
            self.assertEqual(self.api.request("PUT", target, b"x").status, status)
        self.assertEqual(self.api.request("PUT", f"/{id}?receipt=9", b"\xff").code, "NOT_UTF8")
        self.assertEqual(self.api.request("PUT", "/broadcast?receipt=9", b"x").status, 400)

    def test_bound(self) -> None:
        """More than 64 pushes of one connection do not wait: 429; a push without a receipt is not kept back."""
        client = self.raw_client()
        id = self.connection_id()
        waiting = [self.pushing(id, 60000) for _ in range(64)]
        pings = 0
        while pings < 64:
            pings += isinstance(client.next(), Ping)
        answer = self.api.request("PUT", f"/{id}?receipt=60000", b"x")
        self.assertEqual((answer.status, answer.code, answer.headers["retry-after"]), (429, "CLIENT_TOO_SLOW", "1"))
        self.assertEqual(self.api.push(id, "without").status, 200)
        self.api.close(id)
        self.assertEqual({answer.result(PATIENCE).code for answer in waiting}, {"UNCONFIRMED"})

    def test_callers_gone(self) -> None:
        """64 callers that hang up leave no place taken: their messages are sent, and 64 others wait instead of them;
        also if the callers have sent a further request.
        """
        client = self.raw_client()
        id = self.connection_id()
        for _ in range(2):
            callers = hold(lambda: ApiLine(self.gw.http_port, self.gw.pid, self.api.dial()), id, client, 64, f"/{id}")
            self.assertEqual(self.api.request("PUT", f"/{id}?receipt=60000", b"x").status, 429)
            vanish(callers)
        self.assertEqual(self.api.push(id, "next").status, 200)


class CloseTests(SharedTestCase):
    """DELETE /{id}."""

    def test_plain(self) -> None:
        """A plain DELETE closes with 1000; the answer is 200 OK."""
        connection = self.client()
        answer = self.api.close(self.connection_id())
        self.assertEqual((answer.status, answer.json()), (200, {"code": "OK"}))
        self.assertEqual(closing(connection)[0], 1000)

    def test_code(self) -> None:
        """code and reason are what the client sees."""
        for code, reason, query in (
            (4001, "bye", "?code=4001&reason=bye"),
            (3000, "a b\u2603", "?code=3000&reason=a%20b%E2%98%83"),
            (4999, "", "?code=4999"),
            (1000, "done", "?code=1000&reason=done"),
        ):
            self.stage.requests.clear()
            connection = self.client()
            self.assertEqual(self.api.close(self.connection_id(), query).status, 200)
            self.assertEqual(closing(connection), (code, reason))

    def test_bad_code(self) -> None:
        """A code or reason that no close frame can have is 400 BAD_REQUEST, and the connection stays."""
        self.client()
        id = self.connection_id()
        for query in (
            *(f"?code={code}" for code in ("999", "1001", "1006", "2999", "5000", "x", "-1", "", "4001.0", "%D9%A4")),
            "?code=4001&code=4002",
            "?reason=" + "x" * 124,
            "?reason=%FF",
        ):
            answer = self.api.close(id, query)
            self.assertEqual((answer.status, answer.code), (400, "BAD_REQUEST"), query)
        self.assertEqual(self.api.get(f"/{id}").status, 200)

    def test_after_pushes(self) -> None:
        """A message that was pushed before the DELETE arrives before the close."""
        connection = self.client()
        id = self.connection_id()
        self.api.push(id, b"x" * 1000000)
        self.api.close(id)
        self.assertEqual(connection.recv(timeout=10), b"x" * 1000000)
        self.assertEqual(closing(connection)[0], 1000)

    def test_nobody(self) -> None:
        """A DELETE of an id that is not, or not any more, is 404 NOT_FOUND."""
        self.assertEqual(self.api.close(NOBODY).code, "NOT_FOUND")
        connection = self.client()
        id = self.connection_id()
        self.api.close(id)
        closing(connection)
        self.ended()
        self.assertEqual(self.api.close(id).status, 404)


class FactsTests(SharedTestCase):
    """GET and HEAD /{id}."""

    def test_facts(self) -> None:
        """GET tells what is known of a connection."""
        self.stage.on_connect(accept(subprotocol="v1", groups=["room:7"]))
        connection = self.client(subprotocols=[Subprotocol("v1")])
        id = self.connection_id()
        connection.send("12345")
        eventually(lambda: self.stage.messages)
        self.api.push(id, "123")
        connection.recv(timeout=10)
        answer = self.api.get(f"/{id}")
        self.assertEqual(answer.status, 200)
        facts = answer.json()
        for name in ("connected_at", "last_active_at"):
            self.assertTrue(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", facts[name]), facts)
        self.assertEqual((facts["remote_address"], facts["path"]), ("127.0.0.1", self.path))
        self.assertEqual((facts["subprotocol"], facts["groups"]), ("v1", ["room:7"]))
        self.assertEqual((facts["messages_in"], facts["bytes_in"]), (1, 5))
        self.assertEqual((facts["messages_out"], facts["bytes_out"]), (1, 3))
        self.assertEqual((facts["bytes_waiting_in"], facts["bytes_waiting_out"]), (0, 0))

    def test_head(self) -> None:
        """HEAD says the same without saying it: 200 or 404, and no body."""
        self.client()
        for id, status in ((self.connection_id(), 200), (NOBODY, 404)):
            answer = self.api.request("HEAD", f"/{id}")
            self.assertEqual((answer.status, answer.body), (status, b""))

    def test_nobody(self) -> None:
        """404 NOT_FOUND for an id that is not."""
        answer = self.api.get(f"/{NOBODY}")
        self.assertEqual((answer.status, answer.code), (404, "NOT_FOUND"))


class RouteTests(SharedTestCase):
    """Everything else."""

    def test_wrong_method(self) -> None:
        """A method that a connection's URL does not know is 405 with Allow, whether the connection lives or not."""
        self.client()
        for id in (self.connection_id(), NOBODY):
            for method in ("POST", "PATCH", "OPTIONS", "FOO"):
                answer = self.api.request(method, f"/{id}")
                self.assertEqual(answer.status, 405, method)
                allowed = {word.strip() for word in answer.headers["allow"].split(",")}
                self.assertEqual(allowed - {"OPTIONS"}, {"PUT", "DELETE", "GET", "HEAD"})
                self.assertTrue(answer.code)

    def test_unknown_path(self) -> None:
        """A path that is nothing is 404, in JSON."""
        for path in ("/", "//", "/nothing/here", "/-/nothing", f"/{NOBODY}/", f"/{NOBODY}/x", "/a", "/%2e%2e"):
            answer = self.api.get(path)
            self.assertEqual((answer.status, answer.code), (404, "NOT_FOUND"), path)

    def test_probes(self) -> None:
        """/-/healthy and /-/ready are 200 while all is well; they have no other methods than GET and HEAD."""
        for path in ("/-/healthy", "/-/ready"):
            answer = self.api.get(path)
            self.assertEqual((answer.status, answer.code), (200, "OK"))
            self.assertEqual(self.api.request("HEAD", path).status, 200)
            self.assertEqual(self.api.request("PUT", path).status, 405)


class TokenTests(SharedTestCase):
    """API_TOKEN."""

    settings: ClassVar[Settings] = {"API_TOKEN": "the-token-of-the-api"}

    def test_token(self) -> None:
        """With the token, everything is as without."""
        connection = self.client()
        self.assertEqual(self.api.push(self.connection_id(), "hello").status, 200)
        self.assertEqual(connection.recv(timeout=10), "hello")

    def test_no_token(self) -> None:
        """Without the token, or with another, every request is 401 UNAUTHORIZED and does nothing."""
        connection = self.client()
        id, api = self.connection_id(), Api(self.gw.http_port)
        good = "the-token-of-the-api"
        wrong = ("", "Bearer", "Bearer ", "Bearer wrong", f"Basic {good}", good, f"Bearer {good}x", "Bearer \xff")
        for value in (None, *wrong):
            headers = {} if value is None else {"Authorization": value}
            for method, path in (("PUT", f"/{id}"), ("DELETE", f"/{id}"), ("GET", f"/{id}"), ("GET", f"/{NOBODY}")):
                answer = api.request(method, path, b"", headers)
                self.assertEqual((answer.status, answer.code), (401, "UNAUTHORIZED"), (value, method, path))
                self.assertIn("www-authenticate", answer.headers)
        self.api.push(id, "still here")
        self.assertEqual(connection.recv(timeout=10), "still here")

    def test_probes(self) -> None:
        """The two probes need no token."""
        api = Api(self.gw.http_port)
        self.assertEqual((api.get("/-/healthy").status, api.get("/-/ready").status), (200, 200))

    def test_secret(self) -> None:
        """The token is in no log line."""
        self.assertNotIn("the-token-of-the-api", self.gw.log())


class HostTests(SharedTestCase):
    """The Host header, where there is no token."""

    settings: ClassVar[Settings] = {"LOCAL_ADDRESS": "http://gateway.example:8081"}

    def test_host(self) -> None:
        """Loopback and the host of LOCAL_ADDRESS are answered; another is 403 HOST_NOT_ALLOWED, which says what to do,
        and nothing is pushed; the probes are answered by any name.
        """
        connection = self.client()
        id = self.connection_id()
        for host in ("localhost", "127.0.0.1:1", "[::1]", "gateway.example", "GATEWAY.example:80"):
            self.assertEqual(self.api.request("PUT", f"/{id}", host.encode(), {"Host": host}).status, 200)
            self.assertEqual(connection.recv(timeout=10), host)
        for path in (f"/{id}", "/broadcast", "/groups/g", f"/broadcast?except={NOBODY}"):
            answer = self.api.request("PUT", path, b"no", {"Host": "evil.example"})
            self.assertEqual((answer.status, answer.code), (403, "HOST_NOT_ALLOWED"))
            for word in ("evil.example", "LOCAL_ADDRESS", "API_TOKEN"):
                self.assertIn(word, answer.json()["message"])
        for path in ("/-/healthy", "/-/ready"):
            self.assertEqual(self.api.get(path, {"Host": "10.1.2.3:8081"}).status, 200)
        self.api.push(id, "last")
        self.assertEqual(connection.recv(timeout=10), "last")


class UnreadTests(SharedTestCase):
    """Callers that send requests and read no answers."""

    def test_memory(self) -> None:
        """Callers that ask for 130 KB over and over and read nothing cost little memory, and no other caller waits."""
        self.client()
        id = self.connection_id()
        join = "PUT /groups/{:0256d}/{} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n"
        with self.api.dial(30) as plain:
            plain.sendall("".join(join.format(number, id) for number in range(500)).encode())
            answers = b""
            while answers.count(b" 200 OK\r\n") < 500:
                answers += plain.recv(65536)
        request = f"GET /{id} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()
        self.assertGreater(len(self.api.get(f"/{id}").body), 128_000)
        before = self.gw.rss()
        for _ in range(10):
            caller = self.api.dial()
            self.addCleanup(caller.close)
            caller.setblocking(False)
            sent = 0
            while True:
                try:
                    sent += caller.send(request * 1000)
                except BlockingIOError:
                    self.assertEqual(self.api.get("/-/ready").status, 200)  # and everything sent so far was looked at
                    try:
                        caller.send(request * 1000)
                    except BlockingIOError:
                        break
                self.assertLess(sent, 32 << 20, "it goes on reading")
        for _ in range(100):
            self.assertEqual(self.api.get("/-/ready").status, 200)
        self.assertLess(self.gw.rss() - before, 16 << 20)
