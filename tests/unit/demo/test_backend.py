"""The demo backend's webhooks, called as the gateway calls them; its pushes go to a recording stand-in of the API."""

from __future__ import annotations

import json
from typing import Any

from treq.testing import StubTreq
from twisted.internet.task import Clock
from twisted.logger import capturedLogs, formatEvent
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.resource import Resource
from twisted.web.server import Request

from wsaas.demo import backend
from wsaas.demo.backend import DemoBackend, Pusher

API = "http://gateway.example:8081"


class Api(Resource):
    """The gateway's API: notes each push, and answers 200 or what `answers` has for the path."""

    isLeaf = True

    def __init__(self) -> None:
        super().__init__()
        self.pushed: list[tuple[str, bytes, str | None, str | None]] = []
        self.answers: dict[str, int] = {}

    def render_PUT(self, request: Request) -> bytes:
        path = request.path.decode()
        content_type, token = request.getHeader("Content-Type"), request.getHeader("Authorization")
        self.pushed.append((path, request.content.read(), content_type, token))
        request.setResponseCode(self.answers.get(path, 200))
        return b"{}"


class Broken:
    """An HTTP client whose every request fails."""

    async def put(self, *args: object, **kwargs: object) -> None:
        raise ConnectionRefusedError("nobody there")


class BackendTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.api = Api()
        self.clock = Clock()
        self.backend = self.make(StubTreq(self.api))

    def make(self, http: Any, token: str | None = None) -> StubTreq:
        return StubTreq(DemoBackend(Pusher(http, self.clock, API, token)).app.resource())

    def webhook(self, method: str, id: str, body: bytes = b"", **headers: str) -> tuple[int, str | None, bytes]:
        """Call one webhook; the status, what WSAAS-Reply says, and the body of the answer."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        requested = self.backend.request(method, f"http://backend.example/{id}", data=body, headers=named)
        response = self.successResultOf(requested)
        content = self.successResultOf(response.content())
        return response.code, (response.headers.getRawHeaders("WSAAS-Reply") or [None])[0], content

    def say(self, id: str, text: bytes, content_type: str = "application/json") -> tuple[int, str | None, bytes]:
        return self.webhook("PUT", id, text, Content_Type=content_type, Demo_Push_To=f"{API}/{id}")

    def join(self, *ids: str) -> None:
        for id in ids:
            _, kind, answer = self.say(id, b"/join")
            self.assertEqual((kind, answer[:19]), ("text", b"you are in the room"))

    def test_connect(self) -> None:
        """Every client may connect, and the address for pushes comes back with every later webhook."""
        status, _, body = self.webhook("POST", "a", json.dumps({"ws_uri": f"{API}/a"}).encode())
        self.assertEqual(status, 200)
        self.assertEqual(json.loads(body), {"code": "OK", "headers": {"Demo-Push-To": f"{API}/a"}})

    def test_commands(self) -> None:
        """Two commands to copy, to push and to close; the address, which anybody can send, cannot add to them. Whoever
        connects within the same second gets none."""
        for id, shown in (("a", f"{API}/a"), ("'$(touch x)\\n", f"'{API}/'\"'\"'$(touch x)\\n'")):
            with capturedLogs() as logs:
                for _ in range(3):
                    self.webhook("POST", "a", json.dumps({"ws_uri": f"{API}/{id}"}).encode())
            self.clock.advance(1)
            texts = [str(formatEvent(event)) for event in logs]
            self.assertEqual(
                [text.partition(":  ")[2] for text in texts],
                [f"curl -X PUT -d hello {shown}", f"curl -X DELETE {shown}"],
            )

    def test_connect_nonsense(self) -> None:
        """A body that is no connect event is refused, without a traceback."""
        for body in (b"", b"{", b"[]", b"7", b"\xff", b"{}"):
            self.assertEqual(self.webhook("POST", "a", body)[0], 400, body)

    def test_foreign_gateway(self) -> None:
        """An address outside the configured API is never accepted: it would be sent the token."""
        for address in ("http://evil.example/a", f"{API}.evil.example/a", f"{API}1/a", API, None, 7):
            self.assertEqual(self.webhook("POST", "a", json.dumps({"ws_uri": address}).encode())[0], 403, address)
        _, _, answer = self.webhook("PUT", "a", b"/join", Demo_Push_To="http://evil.example/a")
        self.assertEqual(answer, b"there is no room for you")
        _, _, answer = self.webhook("PUT", "a", b"/join")
        self.assertEqual(answer, b"there is no room for you")

    def test_echo_text(self) -> None:
        """A client's message comes back in the answer, as text, whatever Content-Type text messages have."""
        for content_type in ("application/json", "text/plain", "application/xml"):
            self.assertEqual(self.say("a", "grüße".encode(), content_type), (200, "text", "grüße".encode()))
        self.assertEqual(self.say("a", b""), (200, "text", b""))

    def test_echo_binary(self) -> None:
        """A binary message comes back as binary, byte for byte, and is never a command."""
        for said in (bytes(range(256)), b"", b"/join"):
            self.assertEqual(self.say("a", said, "application/octet-stream"), (200, "binary", said))

    def test_echo_large(self) -> None:
        """A message of 16 MiB is echoed whole."""
        said = bytes(range(256)) * (16 * 4096)
        self.assertEqual(self.say("a", said, "application/octet-stream") == (200, "binary", said), True)

    def test_help(self) -> None:
        """/help says each command, in the room and outside of it; as binary it is none."""
        for _ in range(2):
            status, reply, answer = self.say("a", b"/help\n")
            self.assertEqual((status, reply), (200, "text"))
            for command in ("/join", "/leave", "/help"):
                self.assertIn(f"\n{command} ", f"\n{answer.decode()}")
            self.join("a", "b")
        self.assertEqual(self.api.pushed, [])
        self.assertEqual(self.say("c", b"/help", "application/octet-stream"), (200, "binary", b"/help"))

    def test_chat(self) -> None:
        """A message from a client in the room reaches all others in it, by push, and is not echoed."""
        self.join("a", "b", "c")
        self.assertEqual(self.say("b", b"hello"), (200, None, b""))
        text = "text/plain; charset=utf-8"
        self.assertEqual(self.api.pushed, [("/a", b"hello", text, None), ("/c", b"hello", text, None)])

    def test_chat_binary(self) -> None:
        """A binary message is pushed as one."""
        self.join("a", "b")
        self.say("a", b"\x00\xff", "application/octet-stream")
        self.assertEqual(self.api.pushed, [("/b", b"\x00\xff", "application/octet-stream", None)])

    def test_token(self) -> None:
        """Pushes carry the API token when there is one."""
        self.backend = self.make(StubTreq(self.api), "s3cret")
        self.join("a", "b")
        self.say("a", b"hello")
        self.assertEqual(self.api.pushed[0][3], "Bearer s3cret")

    def test_leave(self) -> None:
        """A client that has left the room gets no more of it, and is echoed again."""
        self.join("a", "b")
        self.assertEqual(self.say("a", b"/leave\n"), (200, "text", b"you left"))
        self.assertEqual(self.say("a", b"/leave"), (200, "text", b"you are not in the room"))
        self.say("b", b"hello")
        self.assertEqual(self.api.pushed, [])
        self.assertEqual(self.say("a", b"hello"), (200, "text", b"hello"))

    def test_disconnect(self) -> None:
        """A client that is gone is forgotten; the webhook may repeat, and may speak of one we never knew."""
        self.join("a", "b")
        for id in ("a", "a", "stranger"):
            self.assertEqual(self.webhook("DELETE", id), (200, None, b'{"code": "OK"}'))
        self.say("b", b"hello")
        self.assertEqual(self.api.pushed, [])

    def test_gone(self) -> None:
        """A member whose push answers 404 is forgotten; others that miss a message stay."""
        self.join("a", "b", "c")
        self.api.answers = {"/b": 404, "/c": 429}
        self.assertEqual(self.say("a", b"one")[0], 200)
        self.say("a", b"two")
        self.assertEqual([path for path, *_ in self.api.pushed], ["/b", "/c", "/c"])

    def test_unreachable(self) -> None:
        """A push that fails costs the speaker nothing, and nobody's place in the room."""
        self.backend = self.make(Broken())
        self.join("a", "b")
        self.assertEqual(self.say("a", b"hello"), (200, None, b""))
        self.assertIn(b"others there: 1", self.say("a", b"/join")[2])
        self.assertEqual(self.flushLoggedErrors(), [])

    def test_bounded(self) -> None:
        """The room holds so many and no more; who is in it may join again."""
        self.patch(backend, "ROOM", 2)
        self.join("a", "b")
        self.assertEqual(self.say("c", b"/join")[2], b"there is no room for you")
        self.join("a")

    def test_separate(self) -> None:
        """Two backends in one process share nothing."""
        self.join("a")
        self.backend = self.make(StubTreq(self.api))
        self.assertEqual(self.say("a", b"/leave")[2], b"you are not in the room")
