"""A stand-in for the gateway's API, as the console asks it: it serves the page, and says what a test tells it to."""

from __future__ import annotations

import json
import queue
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

PAGE = Path(__file__).resolve().parents[2] / "wsaas" / "console"
TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".json": "application/json",
    ".svg": "image/svg+xml",
}
POLICY = (
    "default-src 'self'; connect-src 'self' ws: wss:; object-src 'none'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)
STATS: dict[str, object] = {
    "state": "ready",
    "uptime": 93.0,
    "connections": 1204,
    "limit": 10_000,
    "waiting_disconnects": 0,
    "oldest_waiting": None,
    "webhook_p50": None,
    "webhook_p99": None,
    "counters": {"messages_received": 0, "messages_sent": 0, "webhook_attempts": 0, "webhook_failures": 0},
}


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def do_GET(self) -> None:
        self._answer()

    do_PUT = do_POST = do_DELETE = do_GET

    def _answer(self) -> None:
        stand_in = self.server.stand_in
        url = urlsplit(self.path)
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if url.path == "/-/console" or url.path.startswith("/-/console/"):
            return self._file(url.path.removeprefix("/-/console").strip("/") or "index.html")
        stand_in.requests.append((self.command, self.path, body, dict(self.headers)))
        if stand_in.token and self.headers.get("Authorization") != f"Bearer {stand_in.token}":
            return self._json(401, {"code": "UNAUTHORIZED", "message": "send the token"})
        if url.path == "/-/events":
            return self._events()
        status, fields = stand_in.answer(self.command, unquote(url.path))
        if isinstance(fields, str):
            return self._send(status, "text/plain; version=0.0.4", fields.encode())
        self._json(status, fields)

    def _file(self, name: str) -> None:
        path = PAGE / name
        if "/" in name or not path.is_file():
            return self._json(404, {"code": "NOT_FOUND"})
        self._send(200, TYPES[path.suffix], path.read_bytes(), [("Content-Security-Policy", POLICY)])

    def _json(self, status: int, fields: object) -> None:
        self._send(status, "application/json", json.dumps(fields).encode())

    def _send(self, status: int, kind: str, body: bytes, more: list[tuple[str, str]] | None = None) -> None:
        self.send_response(status)
        for name, value in [("Content-Type", kind), ("Content-Length", str(len(body))), *(more or [])]:
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def _events(self) -> None:
        """Send what the test puts into the queue, until it puts None."""
        stand_in = self.server.stand_in
        if stand_in.cut:
            self.close_connection = True
            return
        self.send_response(200)
        self.send_header("Content-Type", "application/x-ndjson")
        self.send_header("Connection", "close")
        self.end_headers()
        self.close_connection = True
        mine: queue.Queue[bytes | None] = queue.Queue()
        stand_in.watchers.append(mine)
        try:
            self.wfile.write(
                json.dumps({"event": "hello", "console": "payloads", "clients": "ws://localhost:8080"}).encode() + b"\n"
            )
            while (chunk := mine.get()) is not None:
                self.wfile.write(chunk)
        except OSError:
            pass
        finally:
            stand_in.watchers.remove(mine)

    def log_message(self, format: str, *args: object) -> None:
        pass


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    stand_in: StandIn


class StandIn:
    """One server on a free port. `answers` are by method and path; the watchers of the stream hear what `say` says."""

    def __init__(self, token: str | None = None) -> None:
        self.token = token
        self.cut = False
        self.requests: list[tuple[str, str, bytes, dict[str, str]]] = []
        self.watchers: list[queue.Queue[bytes | None]] = []
        self.answers: dict[tuple[str, str], tuple[int, object]] = {
            ("GET", "/-/stats"): (200, STATS),
            ("GET", "/connections"): (200, {"count": 0, "connections": [], "next": None}),
            ("GET", "/groups"): (200, {"count": 0, "groups": [], "next": None}),
            ("GET", "/-/cluster"): (200, {"workers": []}),
        }
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.stand_in = self
        threading.Thread(target=self._server.serve_forever, daemon=True, name="stand-in").start()
        self.origin = f"http://127.0.0.1:{self._server.server_port}"
        self.url = f"{self.origin}/-/console"

    def answer(self, method: str, path: str) -> tuple[int, object]:
        return self.answers.get((method, path), (404, {"code": "NOT_FOUND", "message": "no such connection"}))

    def connection(self, id: str, **facts: object) -> None:
        """Have one more connection."""
        page: Any = self.answers["GET", "/connections"][1]
        page["connections"].append(id)
        page["count"] += 1
        base = {
            "id": id,
            "state": "open",
            "connected_at": "2026-11-28T10:00:00.000Z",
            "last_active_at": "2026-11-28T10:00:10.000Z",
            "remote_address": "203.0.113.9",
            "path": "/room/7",
            "user_agent": "",
            "subprotocol": None,
            "groups": [],
            "messages_in": 0,
            "bytes_in": 0,
            "messages_out": 0,
            "bytes_out": 0,
            "bytes_waiting_in": 0,
            "bytes_waiting_out": 0,
        }
        self.answers["GET", f"/{id}"] = (200, base | facts)
        for method in ("PUT", "DELETE"):
            self.answers[method, f"/{id}"] = (200, {"code": "OK"})

    def say(self, *events: object) -> None:
        """Tell the watchers of events."""
        chunk = b"".join(json.dumps(event).encode() + b"\n" for event in events)
        for watcher in list(self.watchers):
            watcher.put(chunk)

    def hang_up(self) -> None:
        """End the streams."""
        for watcher in list(self.watchers):
            watcher.put(None)

    def asked(self, method: str, path: str) -> list[bytes]:
        """Return the bodies of the requests for this target."""
        return [body for was, target, body, _ in list(self.requests) if (was, target) == (method, path)]

    def stop(self) -> None:
        self.hang_up()
        self._server.shutdown()
        self._server.server_close()
