"""A page in a real Chromium connects, in each way that browsers have to say who they are."""

from __future__ import annotations

import atexit
import base64
from typing import ClassVar

from twisted.trial.unittest import SkipTest

from tests.support.backend_answers import Request, reply, say
from tests.support.browser import NAMES, Browser, installed
from tests.support.gateway_process import Gateway
from tests.support.system_case import SystemTestCase

TOKEN = "header.payload-_~+/signature=="
ECHO = reply(200, b"welcome", [("WSAAS-Reply", "text")])


def encoded(token: str) -> str:
    return base64.urlsafe_b64encode(token.encode()).decode().rstrip("=")


class BrowserTests(SystemTestCase):
    """One browser for all of them; it ends with the run."""

    browser: ClassVar[Browser | None] = None

    def setUp(self) -> None:
        super().setUp()
        program = installed()
        if program is None:
            raise SkipTest(f"no Chromium is installed (none of {', '.join(NAMES)}): apt-get install chromium")
        if BrowserTests.browser is None:
            BrowserTests.browser = Browser(program)
            atexit.register(BrowserTests.browser.stop)
        self.page = BrowserTests.browser
        self.server = self.backend()
        self.server.strays.on_message(ECHO)

    def started(self, **settings: str) -> Gateway:
        return self.gateway(self.server, **settings)

    def connected(self) -> Request:
        """The one connect webhook."""
        return self.only(lambda: self.server.strays.connects)

    def test_query(self) -> None:
        """AUTH_QUERY: the token of the query is a bearer token, and nowhere else."""
        gateway = self.started(AUTH_QUERY="access_token")
        result = self.page.run(
            f"const url = new URL('{gateway.ws}/room?a=1'); url.searchParams.set('access_token', '{TOKEN}')\n"
            "return connect(url)"
        )
        self.assertEqual(result, {"protocol": "", "heard": "welcome"})
        webhook = self.connected()
        self.assertEqual(webhook.header("authorization"), f"Bearer {TOKEN}")
        self.assertEqual((webhook.json()["path"], webhook.json()["query"]), ("/room", "a=1"))
        self.assertNotIn("signature", webhook.body.decode())
        self.assertNotIn("signature", gateway.log())
        self.assertEqual(self.server.strays.messages[0].header("authorization"), f"Bearer {TOKEN}")

    def test_subprotocol(self) -> None:
        """AUTH_SUBPROTOCOL: the token of either form is a bearer token; the other protocol is selected."""
        gateway = self.started(AUTH_SUBPROTOCOL="on")
        for prefix in ("base64url.bearer.authorization.k8s.io.", "bearer."):
            result = self.page.connect(f"{gateway.ws}/", [prefix + encoded(TOKEN), "v1.chat", "v2.chat"])
            self.assertEqual(result, {"protocol": "v1.chat", "heard": "welcome"})
            webhook = self.server.strays.connects[-1]
            self.assertEqual(webhook.header("authorization"), f"Bearer {TOKEN}")
            self.assertEqual(webhook.json()["subprotocols"], ["v1.chat", "v2.chat"])
            self.assertNotIn(encoded(TOKEN), webhook.body.decode())

    def test_subprotocol_alone(self) -> None:
        """A page that offers nothing but the credential is connected, too: it gets that back."""
        gateway = self.started(AUTH_SUBPROTOCOL="on")
        carrier = f"bearer.{encoded(TOKEN)}"
        result = self.page.connect(f"{gateway.ws}/", [carrier])
        self.assertEqual(result, {"protocol": carrier, "heard": "welcome"})
        self.assertEqual(self.connected().header("authorization"), f"Bearer {TOKEN}")
        self.assertEqual(self.connected().json()["subprotocols"], [])

    def test_no_subprotocol(self) -> None:
        """A page that offers subprotocols, of which the backend's answer names none, sees 1006, though let in."""
        gateway = self.started()
        self.assertEqual(self.page.connect(f"{gateway.ws}/", ["v1.chat"]), {"refused": 1006})
        self.only(lambda: self.server.strays.disconnects)
        self.server.strays.on_connect(say({"code": "OK", "subprotocol": "v1.chat"}))
        result = self.page.connect(f"{gateway.ws}/", ["v1.chat"])
        self.assertEqual(result, {"protocol": "v1.chat", "heard": "welcome"})

    def test_bad_credential(self) -> None:
        """A credential that cannot be read keeps the page out, and nobody is asked."""
        gateway = self.started(AUTH_SUBPROTOCOL="on", AUTH_QUERY="t")
        self.assertEqual(self.page.connect(f"{gateway.ws}/", ["bearer.a", "v1"]), {"refused": 1006})
        self.assertEqual(self.page.connect(f"{gateway.ws}/?t=a", ["bearer.YQ", "v1"]), {"refused": 1006})
        self.assertEqual(self.server.strays.requests, [])

    def test_basic(self) -> None:
        """A 401 that asks for Basic makes the browser answer with what it has for that place."""
        asked = say({"code": "UNAUTHORIZED"}, 401, [("WWW-Authenticate", 'Basic realm="rooms"')])
        self.server.strays.on_connect(asked, say({"code": "OK"}))
        gateway = self.started()
        result = self.page.connect(f"ws://user:secret@127.0.0.1:{gateway.ws_port}/")
        self.assertEqual(result, {"protocol": "", "heard": "welcome"})
        first, second = self.server.strays.connects
        self.assertIsNone(first.header("authorization"))
        self.assertEqual(second.header("authorization"), "Basic " + base64.b64encode(b"user:secret").decode())

    def test_cookie(self) -> None:
        """FORWARD_HEADERS=Cookie with ALLOWED_ORIGINS: the page's cookie is on every webhook."""
        gateway = self.started(FORWARD_HEADERS="Cookie", ALLOWED_ORIGINS=self.page.origin)
        result = self.page.connect(f"{gateway.ws}/")
        self.assertEqual(result, {"protocol": "", "heard": "welcome"})
        self.assertEqual(self.connected().json()["origin"], self.page.origin)
        for webhook in (self.connected(), self.server.strays.messages[0]):
            self.assertEqual(webhook.header("cookie"), "session=abc")

    def test_another_origin(self) -> None:
        """A page of an origin that is not listed is kept out, cookie or not, and so is one in a sandbox (`null`)."""
        gateway = self.started(FORWARD_HEADERS="Cookie", ALLOWED_ORIGINS="http://127.0.0.1 https://app.example")
        self.assertEqual(self.page.connect(f"{gateway.ws}/"), {"refused": 1006})
        in_a_sandbox = f"""
            const frame = document.createElement('iframe')
            frame.sandbox = 'allow-scripts'
            frame.srcdoc = `<script>new WebSocket('{gateway.ws}/').onclose =
                event => parent.postMessage({{from: origin, refused: event.code}}, '*')</` + 'script>'
            const told = new Promise(resolve => addEventListener('message', event => resolve(event.data)))
            document.body.append(frame)
            return told"""
        self.assertEqual(self.page.run(in_a_sandbox), {"from": "null", "refused": 1006})
        self.assertEqual(self.server.strays.requests, [])
