"""The files of the console."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.support.api_fakes import HERE, MAX_MESSAGE_SIZE, router_of
from tests.support.http_wire import WireCase
from wsaas.api.app import Api
from wsaas.api.console import add_console_routes
from wsaas.api.server.site import ApiSite, api_site

PAGE = b"<!doctype html>"
SECRET = b"no file of the console"


class ConsoleCase(WireCase):
    def new_site(self, *_: Any) -> ApiSite:
        root = Path(self.mktemp())
        directory = root / "console"
        (directory / "parts").mkdir(parents=True)
        (root / "secret.html").write_bytes(SECRET)
        (directory / "index.html").write_bytes(PAGE)
        (directory / "app.js").write_bytes(b"let a")
        (directory / "style.css").write_bytes(b"a{}")
        (directory / "notes.txt").write_bytes(SECRET)
        (directory / "parts" / "icon.svg").write_bytes(b"<svg/>")

        def add_more(api: Api) -> None:
            add_console_routes(api, directory)

        return api_site(
            self.clock,
            router_of(self.session),
            tokens=self.tokens,
            max_message_size=MAX_MESSAGE_SIZE,
            ready=lambda: True,
            add_more=add_more,
        )

    def get(self, path: str, headers: str = "", host: str = "localhost", method: str = "GET") -> tuple[int, bytes]:
        """Status and body of the answer; its headers are kept."""
        wire = self.wire()
        wire.send(f"{method} {path} HTTP/1.1\r\nHost: {host}\r\n{headers}\r\n".encode("latin-1"))
        head, _, body = wire.transport.value().partition(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")
        self.headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines[1:])}
        return int(lines[0].split()[1]), body


class FileTests(ConsoleCase):
    def test_files(self) -> None:
        """The page and its files are served with their media types."""
        for path, media_type, content in [
            ("/-/console", "text/html; charset=utf-8", PAGE),
            ("/-/console/index.html", "text/html; charset=utf-8", PAGE),
            ("/-/console/app.js", "text/javascript; charset=utf-8", b"let a"),
            ("/-/console/style.css", "text/css; charset=utf-8", b"a{}"),
            ("/-/console/parts/icon.svg", "image/svg+xml", b"<svg/>"),
        ]:
            self.assertEqual(self.get(path), (200, content))
            self.assertEqual(self.headers["content-type"], media_type)
            self.assertEqual(self.headers["content-length"], str(len(content)))

    def test_policy(self) -> None:
        """The page may load nothing from elsewhere, and be shown in no frame; each answer of it says so."""
        for path in ("/-/console", "/-/console/app.js"):
            self.get(path)
            policy = self.headers["content-security-policy"].split("; ")
            self.assertIn("default-src 'self'", policy)
            self.assertIn("frame-ancestors 'none'", policy)
            self.assertNotIn("unsafe", self.headers["content-security-policy"])
            self.assertEqual(self.headers["x-content-type-options"], "nosniff")

    def test_fresh(self) -> None:
        """A browser asks each time, and gets 304 for what it has already."""
        self.get("/-/console/app.js")
        tag = self.headers["etag"]
        self.assertEqual(self.headers["cache-control"], "no-cache")
        for value in (tag, f"W/{tag}", f'"x", {tag}', "*"):
            self.assertEqual(self.get("/-/console/app.js", f"If-None-Match: {value}\r\n"), (304, b""))
        self.assertEqual(self.get("/-/console/style.css", f"If-None-Match: {tag}\r\n"), (200, b"a{}"))

    def test_other_paths(self) -> None:
        """Nothing but the files that were found is served, whatever the path."""
        for path in [
            "/-/console/notes.txt",
            "/-/console/nothing.js",
            "/-/console/parts",
            "/-/console/parts/",
            "/-/console/../secret.html",
            "/-/console/..%2Fsecret.html",
            "/-/console/%2e%2e/secret.html",
            "/-/console/..%5Csecret.html",
            "/-/console/parts/../app.js",
            "/-/console//app.js",
            "/-/console/%2Fetc%2Fpasswd",
            "/-/console/app.js%00",
            "/-/consoleapp.js",
        ]:
            status, body = self.get(path)
            self.assertEqual(status, 404, path)
            self.assertNotIn(SECRET, body)

    def test_slash(self) -> None:
        """With a slash behind it the path leads to the page, so that the names of its files mean the same."""
        self.assertEqual(self.get("/-/console/"), (308, b""))
        self.assertEqual(self.headers["location"], "../console")

    def test_head(self) -> None:
        """A HEAD has the headers alone."""
        self.assertEqual(self.get("/-/console", method="HEAD"), (200, b""))
        self.assertEqual(self.headers["content-length"], str(len(PAGE)))

    def test_host(self) -> None:
        """Without a token the page is served by a name that no web page can have, like all else."""
        self.assertEqual(self.get("/-/console", host="evil.example")[0], 403)


class TokenTests(ConsoleCase):
    tokens = ("s3cret",)

    def test_open(self) -> None:
        """With a token set the files need none, as the page asks for it; nothing else is open by a path like theirs."""
        self.assertEqual(self.get("/-/console")[0], 200)
        self.assertEqual(self.get("/-/console/app.js", host="gateway.example")[0], 200)
        for path in (f"/-/console/../{HERE}", f"/-/console/..%2F..%2F{HERE}", "/-/console/../../connections"):
            self.assertEqual(self.get(path)[0], 404)
        for path in (f"/{HERE}", "/-/consoles", "/-/console%2F", "/connections"):
            self.assertEqual(self.get(path)[0], 401, path)
