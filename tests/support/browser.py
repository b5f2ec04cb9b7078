"""A real Chromium with one page, served on loopback, that runs the scripts it is given and reports what they return.

The page asks for its work itself, so no driver is needed: only the browser (Debian: `apt-get install chromium`).
"""

from __future__ import annotations

import json
import os
import queue
import shutil
import subprocess
import tempfile
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
# Nothing of a browser's own traffic: it has no business in a test, and there may be no network.
FLAGS = (
    "--headless --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync --disable-dev-shm-usage --no-proxy-server"
).split()

PAGE = b"""<!doctype html><title>test</title><script>
// Connects, says hello, and tells what came of it.
function connect(url, protocols) {
  return new Promise(resolve => {
    const socket = new WebSocket(url, protocols)
    socket.onopen = () => socket.send('hello')
    socket.onmessage = event => { resolve({protocol: socket.protocol, heard: event.data}); socket.close() }
    socket.onclose = event => resolve({refused: event.code})
  })
}
async function work() {
  for (;;) {
    const script = await (await fetch('/next')).text()
    let result
    try { result = await eval('(async () => {' + script + '})()') } catch (error) { result = {error: String(error)} }
    await fetch('/result', {method: 'POST', body: JSON.stringify(result ?? null)})
  }
}
work()
</script>"""


def installed() -> str | None:
    """The browser's program, if there is one."""
    return next(filter(None, map(shutil.which, NAMES)), None)


class _Handler(BaseHTTPRequestHandler):
    browser: Browser

    def do_GET(self) -> None:
        if self.path == "/next":
            body = self.browser.scripts.get().encode()
        else:
            body = PAGE if self.path == "/" else b""
        self.send_response(200)
        self.send_header("Content-Type", "text/html" if self.path == "/" else "text/plain")
        self.send_header("Content-Length", str(len(body)))
        if self.path == "/":
            self.send_header("Set-Cookie", "session=abc; Path=/; HttpOnly; SameSite=Strict")
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self) -> None:
        self.browser.results.put(self.rfile.read(int(self.headers["Content-Length"])))
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        pass


class Browser:
    """One browser with one page, whose cookie is `session=abc`."""

    def __init__(self, program: str) -> None:
        self.scripts: queue.Queue[str] = queue.Queue()
        self.results: queue.Queue[bytes] = queue.Queue()
        handler = type("Handler", (_Handler,), {"browser": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, name="page", daemon=True).start()
        self.origin = f"http://127.0.0.1:{self._server.server_port}"
        self._profile = tempfile.TemporaryDirectory(prefix="wsaas-browser-", ignore_cleanup_errors=True)
        sandbox = ["--no-sandbox"] if os.geteuid() == 0 else []
        self._process = subprocess.Popen(
            [program, *FLAGS, *sandbox, f"--user-data-dir={self._profile.name}", f"{self.origin}/"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def run(self, script: str, within: float = 60) -> Any:
        """Return the value that the body of an async function returns in the page."""
        self.scripts.put(script)
        return json.loads(self.results.get(timeout=within))

    def connect(self, url: str, protocols: list[str] | None = None) -> Any:
        """Return the result of `new WebSocket(url, protocols)`."""
        return self.run(f"return connect({json.dumps(url)}, {json.dumps(protocols or [])})")

    def stop(self) -> None:
        """End the browser and the page's server. Can be repeated."""
        self._process.terminate()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._server.shutdown()
        self._server.server_close()
        self._profile.cleanup()
