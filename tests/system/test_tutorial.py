"""docs/tutorial.rst, followed to the letter: its files and commands in an empty folder, its page in a real Chromium."""

from __future__ import annotations

import os
import re
import socket
import urllib.request

from tests.support.chromium import Visit, chromium
from tests.support.followed_page import FollowedPage, Running, wait
from tests.support.gateway_process import CHECKOUT
from tests.support.pages import DOCS
from tests.support.system_case import SystemTestCase

FLASK = "import sys; from flask.cli import main; sys.exit(main())"
PICTURE = CHECKOUT / "docs" / "_static" / "tutorial.png"
SIZE = (420, 470)
MASKS = {
    r"\d\d:\d\d:\d\d\.\d{3}": "TIME",
    r"(?<=  )[A-Za-z0-9]{8}(?=  )": "ID",
    r"\[\S+?(_\d+_\w+)\]": r"[...\1]",
    r"\b[\d.]+ m?s\b": "SPAN",
    r"\b[\d.]+ (B|KiB)(?=  )": "SIZE",
    r"::1|127\.0\.0\.1": "ADDRESS",
}
"""What differs from one run to the next in the lines of `wsaas tail`."""


def masked(text: str) -> str:
    for pattern, instead in MASKS.items():
        text = re.sub(pattern, instead, text)
    return "\n".join(line.rstrip() for line in text.splitlines())


class TutorialTests(SystemTestCase):
    def setUp(self) -> None:
        super().setUp()
        chromium()
        self.page = FollowedPage(DOCS / "tutorial.rst", self.directory(), ("3000", "8080", "8081"), {"flask": FLASK})
        clients, api, backend = (self.page.ports[port] for port in ("8080", "8081", "3000"))
        # The page has the gateway on the ports that are its default.
        target = f"http://localhost:{backend}/websocket"
        self.page.environ |= {"WS_PORT": str(clients), "HTTP_PORT": str(api), "TARGET_ADDRESS": target}
        self.web = f"http://localhost:{self.page.ports['3000']}"

    def begin(self, name: str) -> Running:
        running = self.page.begin(name)
        self.addCleanup(running.stop)
        return running

    def watches(self, tail: Running) -> None:
        """Push to a group without members until `wsaas tail` shows that."""
        place = f"http://localhost:{self.page.ports['8081']}/groups/nobody"
        before = tail.log().count("nobody")

        def shown() -> bool:
            try:
                urllib.request.urlopen(urllib.request.Request(place, b"", method="PUT"), timeout=5).close()
            except OSError:  # the gateway starts
                return False
            return tail.log().count("nobody") > before

        wait(shown, "wsaas tail watches")

    def listens(self, port: str) -> bool:
        try:
            socket.create_connection(("localhost", self.page.ports[port]), 1).close()
        except OSError:
            return False
        return True

    def open(self, query: str) -> Visit:
        visit = Visit(SIZE)
        self.addCleanup(visit.close)
        visit.page.goto(f"{self.web}/{query}")
        return visit

    def hears(self, visit: Visit, line: str) -> None:
        visit.page.locator("li").get_by_text(line, exact=True).wait_for()

    def say(self, visit: Visit, words: str) -> None:
        visit.page.fill("input", words)
        visit.page.keyboard.press("Enter")

    def tailed(self, tail: Running, name: str) -> None:
        """Wait until `wsaas tail` has shown what the page says."""
        expected = masked(self.page.example(name))
        wait(lambda: expected in masked(tail.log()), f"{expected}\nis not in\n{masked(tail.log())}")

    def test_page(self) -> None:
        """The files and commands of the page make the chat of the page, and `wsaas tail` shows what it says."""
        self.page.write("first-backend", "backend.py")
        flask = self.begin("run-backend")
        gateway = self.begin("run-gateway")
        wait(lambda: self.listens("3000") and self.listens("8081"), "backend and gateway listen")
        tail = self.begin("tail")
        self.watches(tail)
        client = self.begin("connect")
        wait(lambda: "connected" in client.log(), "the client connects")
        client.type("hello")
        heard = [line for line in self.page.example("said").splitlines() if line != "hello"]
        wait(lambda: client.log().splitlines() == heard, client.log())
        client.end_of_input()
        self.tailed(tail, "tailed")
        with urllib.request.urlopen(f"http://localhost:{self.page.ports['8081']}/-/console") as answer:
            self.assertEqual(answer.status, 200)

        self.page.write("page", "chat.html")
        self.page.write("chat-backend", "backend.py")
        wait(self.served, f"Flask has loaded the file again: {flask.log()}")
        ada, bob = self.open("?name=Ada"), self.open("?name=Bob")
        self.hears(ada, "Bob is here")
        self.say(ada, "Hello, who is there?")
        for each in (ada, bob):
            self.hears(each, "Ada: Hello, who is there?")
        self.say(bob, "It is me")
        self.hears(ada, "Bob: It is me")
        self.assertIn('"sent": 2', self.page.run("curl"))
        self.hears(ada, "Tea is ready")
        bob.close()
        self.hears(ada, "Bob has left")
        if os.environ.get("WSAAS_PICTURES"):
            ada.page.screenshot(path=PICTURE)

        gateway.interrupt()
        ada.page.locator("#state").get_by_text("trying again").wait_for()
        self.begin("run-gateway")
        ada.page.locator("#state").get_by_text("Connected", exact=True).wait_for()
        self.watches(tail)

        nobody = self.open("")
        nobody.page.locator("#state").get_by_text("trying again").wait_for()
        self.tailed(tail, "refused")
        nobody.close()
        self.misspell()
        self.say(ada, "are you there?")
        self.tailed(tail, "failed")
        self.page.write("chat-backend", "backend.py")
        self.hears(ada, "Ada: are you there?")
        self.assertEqual(ada.page.locator("li").get_by_text("Ada: are you there?").count(), 1)

    def served(self) -> bool:
        """Return whether the backend has the page already."""
        try:
            return bool(urllib.request.urlopen(self.web, timeout=5).status == 200)
        except OSError:
            return False

    def misspell(self) -> None:
        """Write a mistake into the function `message`, as the page says, and wait until Flask has it."""
        path = self.page.folder / "backend.py"
        before, function, after = path.read_text().partition("def message")
        path.write_text(before + function + after.replace("X-Name", "X-Nmae", 1))
        request = urllib.request.Request(f"{self.web}/websocket/nobody", b"", {"X-Name": "x"}, method="PUT")

        def fails() -> bool:
            try:
                urllib.request.urlopen(request, timeout=5).close()
            except OSError as error:
                return getattr(error, "code", None) == 500
            return False

        wait(fails, "Flask has loaded the mistake")
