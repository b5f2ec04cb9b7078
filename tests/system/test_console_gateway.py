"""The console as the gateway serves it, with a real backend behind: a developer's first hour, in a real Chromium."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from tests.support.backend_answers import Answer, accept, reply, say
from tests.support.backend_server import Backend
from tests.support.chromium import DESK, PHONE, Visit
from tests.support.gateway_process import CHECKOUT, Gateway
from tests.support.system_case import SystemTestCase, eventually

ROWS = ".space .row:not([hidden])"
TOKEN = "header.payload-_~+/signature=="
PICTURES = CHECKOUT / "docs" / "_static"


def text(words: str) -> Answer:
    """A message's answer that is sent to the client."""
    return reply(200, words.encode(), [("WSAAS-Reply", "text"), ("Content-Type", "application/json")])


class GatewayTestCase(SystemTestCase):
    expected_problems = ("WebSocket connection to",)
    """What the page's developer tools say of a handshake that is refused, as some are here."""

    def start(self, **settings: str) -> None:
        """Start a backend, a gateway and a page of its console."""
        self.server: Backend = self.backend()
        self.gw: Gateway = self.gateway(self.server, **{"CONSOLE": "payloads", **settings})
        self.visit = self.open()
        self.page = self.visit.page

    def open(self, size: tuple[int, int] = DESK, **options: Any) -> Visit:
        visit = Visit(size, **options)
        self.addCleanup(visit.close)
        self.addCleanup(lambda: self.assertEqual(self.unexpected(visit), []))
        visit.page.goto(f"http://127.0.0.1:{self.gw.http_port}/-/console")
        return visit

    def unexpected(self, visit: Visit) -> list[str]:
        return [each for each in visit.problems if not any(word in each for word in self.expected_problems)]

    def connect(self, path: str = "/", expect: str = "Open") -> None:  # type: ignore[override]
        """Connect the client in sight."""
        url = self.page.locator("#pane-client input[type=url]")
        url.fill(self.gw.ws + path)
        self.page.click("#pane-client .connect")
        self.page.locator(".clientstate").filter(has_text=expect).wait_for()

    def send(self, words: str) -> None:
        self.page.fill("#pane-client textarea", words)
        self.page.keyboard.press("Enter")

    def shows(self, selector: str, words: str) -> None:
        self.page.locator(selector).filter(has_text=words).first.wait_for()


class DeveloperTests(GatewayTestCase):
    def test_conversation(self) -> None:
        """A client of the page connects and speaks: events, bodies and the reply appear, and its id leads to them."""
        self.start()
        self.server.strays.on_message(text('{"said": "hello"}'))
        self.page.wait_for_selector(".state.good")
        self.page.locator("#pane-client input[type=url]").fill(f"{self.gw.ws}/room/7")
        self.page.click("text=Connect a client")
        self.shows(".clientstate", "Open")
        self.send('{"say": "hello"}')
        self.shows(".frame.received", '"said": "hello"')
        for words in ("/room/7", '{"say": "hello"}', '{"said": "hello"}'):
            self.shows(ROWS, words)
        self.page.click("text=show its events")
        [webhook] = self.server.strays.messages
        self.assertEqual(self.page.input_value("#filter"), f"id:{webhook.id}")
        self.page.click("#pane-client >> text=Ping")
        self.shows(".frame.received .after", "after ")
        self.page.click("[title='Another client']")
        self.connect("/room/8")
        self.assertEqual(self.page.locator(".sessiontab").count(), 2)
        self.page.click("#pane-client .connect")
        self.shows(".clientstate", "Closed by 1000")
        self.page.fill("#filter", "event:close,disconnect")
        self.shows(ROWS, "disconnect")

    def test_refused(self) -> None:
        """A page sees 1006 for every failure; the console says what the backend answered, and what to do."""
        self.start()
        self.server.strays.on_connect(say({"error": "no"}, 403))
        self.page.wait_for_selector(".state.good")
        self.connect("/admin", "Refused: 403 FORBIDDEN")
        self.shows(".clientstate", "the backend answered the connect webhook by 403")
        self.shows(".clientstate", "The backend answered 403")
        self.shows(".clientstate", '{"error": "no"}')

    def test_token(self) -> None:
        """The client's token goes as a subprotocol, and reaches the backend as a bearer token."""
        self.start(AUTH_SUBPROTOCOL="on")
        self.server.strays.on_connect(accept(subprotocol="v1.chat"))
        self.page.click("#pane-client summary")
        self.page.fill("#client-1-protocols", "v1.chat, v2.chat")
        self.page.fill("#client-1-token", TOKEN)
        self.connect()
        self.shows(".clientstate", "subprotocol v1.chat")
        [webhook] = self.server.strays.connects
        self.assertEqual(webhook.json()["subprotocols"], ["v1.chat", "v2.chat"])
        self.assertEqual(webhook.header("authorization"), f"Bearer {TOKEN}")

    def test_replay(self) -> None:
        """A refused message is sent again, as it was and changed; the backend sees the repeat, the client does not."""
        self.start()
        self.server.strays.on_message(say({"error": "no such action"}, 404), text("mended"), text("edited"))
        self.connect()
        self.send('{"action": "typo"}')
        self.page.locator(ROWS).filter(has_text="typo").click()
        self.shows(".why", "The backend refused the message")
        self.page.click("#pane-detail >> text=Replay")
        self.shows(".replayed", "mended")
        self.page.click("text=Edit and replay")
        self.page.fill("#edited-body", '{"action": "join"}')
        self.page.click(".editor >> text=Send")
        self.shows(".replayed", "edited")
        first, second, third = self.server.strays.messages
        self.assertEqual([each.body for each in (second, third)], [first.body, b'{"action": "join"}'])
        self.assertEqual([each.header("wsaas-replay") for each in (first, second, third)], [None, "1", "1"])
        self.assertEqual({each.header("webhook-id") for each in (first, second, third)}, {first.header("webhook-id")})
        self.assertEqual(self.page.locator(".frame.received").count(), 0)

    def test_push_and_close(self) -> None:
        """What the page pushes reaches the client, and what it closes is closed, with the code and the reason."""
        self.start()
        self.connect("/room/7")
        self.page.keyboard.press("Escape")
        self.page.click("#views >> text=Connections")
        self.page.locator("#view-connections tbody button").click()
        self.page.fill(".pushbox textarea", "hello from the page")
        self.page.click(".pushbox >> text=Push")
        self.shows(".pushbox .result", "Sent.")
        self.page.fill(".closeform input >> nth=0", "4001")
        self.page.fill(".closeform input >> nth=1", "enough")
        self.page.click(".closeform button")
        self.shows(".closeform .result", "Closed.")
        self.page.click("#tab-client")
        self.shows(".frame.received", "hello from the page")
        self.shows(".frame.note", "closed by 4001 enough")

    def test_figures(self) -> None:
        """The tiles have the gateway's figures, and the cluster its one process."""
        self.start()
        self.page.wait_for_selector(".state.good")
        eventually(lambda: f":{self.gw.ws_port}/" in self.page.input_value("#pane-client input[type=url]"))
        self.connect()
        self.send("hello")
        tile = self.page.locator(".tile").first
        eventually(lambda: tile.locator(".value").inner_text() == "1")
        eventually(lambda: "ms" in self.page.locator(".tile").nth(3).inner_text())
        self.shows("#uptime", "up ")
        self.page.click("#views >> text=Cluster")
        self.shows("#view-cluster tbody", "ready")

    def test_workers(self) -> None:
        """With several workers the page shows the events of all, and the processes with their states."""
        self.start(WORKERS="2")
        self.page.wait_for_selector(".state.good")
        clients = [super(GatewayTestCase, self).connect(f"{self.gw.ws}/room/{number}") for number in range(12)]
        for number in range(12):
            self.shows(ROWS, f"/room/{number} ")
        self.page.click("#views >> text=Cluster")
        self.page.locator("#view-cluster tbody tr").nth(1).wait_for()
        rows = self.page.locator("#view-cluster tbody tr").all_inner_texts()
        self.assertEqual([row.split()[1] for row in rows], ["ready", "ready"])
        self.assertEqual(sum(int(row.split()[2]) for row in rows), len(clients))


class PictureTests(GatewayTestCase):
    """The pictures of the documentation: WSAAS_PICTURES=yes writes them anew."""

    def picture(self, visit: Visit, name: str) -> None:
        directory = PICTURES if os.environ.get("WSAAS_PICTURES") else self.directory()
        directory.mkdir(parents=True, exist_ok=True)
        visit.page.wait_for_timeout(200)
        visit.page.screenshot(path=Path(directory) / name)
        self.assertTrue((PICTURES / name).is_file(), f"{name}: WSAAS_PICTURES=yes writes it")

    def test_pictures(self) -> None:
        """A conversation with a mistake in it is what the documentation shows, in light, dark, and on a phone."""
        self.start()
        strays = self.server.strays
        strays.on_connect(accept(groups=["room:7"]), accept(groups=["room:7"]), say({}, 403), accept(groups=["room:7"]))
        strays.on_message(
            text('{"type": "joined", "room": "7", "members": 2}'),
            text('{"type": "said", "who": "Ada"}'),
            say({"error": "database is locked"}, 503),
            text('{"type": "saved", "draft": 12}'),
            say({"error": "no such action: typo", "actions": ["join", "say", "save"]}, 404),
            text('{"type": "said", "who": "Ada"}'),
        )
        self.visit.close()
        visits = [self.open(), self.open(PHONE, dark=True, scale=2)]
        self.visit, self.page = visits[0], visits[0].page
        for visit in visits:
            visit.page.wait_for_selector(".state.good")
        self.connect("/room/7")
        self.send('{"action": "join", "room": "7", "name": "Ada"}')
        self.shows(ROWS, '"joined"')
        self.page.click("[title='Another client']")
        self.connect("/room/7")
        self.send('{"action": "say", "text": "Is the build green?"}')
        self.shows(ROWS, '"said"')
        self.page.click("[title='Another client']")
        self.connect("/admin", "Refused")
        self.page.click("text=Client 1")
        self.send('{"action": "save", "draft": 12, "title": "Notes"}')
        self.shows(".frame.received", '"saved"')
        api = self.gw.api
        self.assertEqual(
            api.request("PUT", "/groups/room:7", b'{"type": "presence", "who": ["Ada", "Lin"]}').status, 200
        )
        self.assertEqual(api.request("PUT", "/broadcast", b'{"notice": "deploy at noon"}').status, 200)
        self.send('{"action": "typo"}')
        self.shows(ROWS, "typo")
        self.page.click("text=Client 2")
        self.page.click("#pane-client .connect")
        self.shows(ROWS, "disconnect")
        for visit in visits:
            visit.page.locator(ROWS).filter(has_text="disconnect").first.wait_for()
        self.page.wait_for_timeout(6000)
        self.page.click("text=Client 1")
        self.page.emulate_media(color_scheme="dark")
        self.picture(visits[0], "console-client.png")
        self.page.emulate_media(color_scheme="light")
        self.page.locator(ROWS).filter(has_text="typo").first.click()
        self.picture(visits[0], "console.png")
        self.picture(visits[1], "console-phone.png")
