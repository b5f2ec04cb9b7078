"""The API as the commands call it: over TCP, TLS or a UNIX socket, with the standard library alone.

One connection serves all requests of a command. An answer that is an error becomes a Failed with its exit status.
"""

from __future__ import annotations

import http.client
import json
import os
import re
import socket
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode, urlsplit

from wsaas.cli.failures import FAILED, NO_SUCH, NOT_ALLOWED, NOT_REACHABLE, TRY_AGAIN, Failed, Misused

if TYPE_CHECKING:
    from ssl import SSLContext

TIMEOUT = 60.0
"""Seconds in which the gateway must answer; a push to very many connections takes some."""
SILENCE = 45.0
"""Seconds without a byte after which a stream of events counts as lost; the gateway sends some every 15 s."""
MAX_ANSWER = 64 * 1024 * 1024
"""Bytes of an answer that are read."""
MAX_LINE = 1024 * 1024
"""Bytes of one line of a stream of events, which has at most two bodies of 10 KB, escaped."""
_BY_STATUS = {401: NOT_ALLOWED, 403: NOT_ALLOWED, 404: NO_SUCH, 429: TRY_AGAIN, 503: TRY_AGAIN}


@dataclass(frozen=True, slots=True)
class Place:
    """The address of the API: a host and a port, or a UNIX socket, and a path in front of all paths."""

    url: str
    host: str = ""
    port: int = 0
    secure: bool = False
    path: str = ""
    unix: str | None = None


def parse_place(url: str) -> Place:
    """Parse the address of the API: http://host:port, https://..., unix:/path. Raises Misused."""
    if url.startswith("unix:"):
        file = re.sub("^//(?=/)", "", url.removeprefix("unix:"))
        if not file:
            raise Misused(f"{url}: write the path of the socket, as in unix:/run/wsaas/api.sock")
        return Place(url, "localhost", unix=file)
    if "://" not in url:
        raise Misused(f"{url}: write the whole address of the API, as in http://localhost:8081 or unix:/run/api.sock")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise Misused(f"{url}: {error}") from None
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
        hint = "; ws and wss are for clients" if parts.scheme in ("ws", "wss") else ""
        raise Misused(f"{url}: the API's address is like http://localhost:8081{hint}")
    if parts.username is not None:
        raise Misused("the API's address has no user: the token comes from API_TOKEN or --token-file")
    secure = parts.scheme == "https"
    return Place(url, parts.hostname, port or (443 if secure else 80), secure, parts.path.rstrip("/"))


def default_url(environ: Mapping[str, str]) -> str:
    """Return the address that a gateway with these variables has: LOCAL_ADDRESS, or HTTP_PORT on this machine."""
    return environ.get("LOCAL_ADDRESS") or f"http://localhost:{environ.get('HTTP_PORT') or 8081}"


def token(file: str | None, environ: Mapping[str, str]) -> str | None:
    """Return the API's token: from the file, or as the gateway takes it from API_TOKEN or API_TOKEN_FILE.

    While tokens are rotated there are several, of which the first one is sent.
    """
    text = environ.get("API_TOKEN", "")
    named = environ.get("API_TOKEN_FILE") or None
    if file is None and text and named:
        raise Misused("API_TOKEN and API_TOKEN_FILE are both set: only one of them may be")
    label = "API_TOKEN" if file is None and text else "API_TOKEN_FILE" if file is None else "--token-file"
    if file or (named and not text):
        path = file or named or ""
        try:
            with open(path, encoding="utf-8") as opened:
                text = opened.read(65536)
        except (OSError, UnicodeDecodeError) as error:
            raise Misused(f"{label}={path}: {getattr(error, 'strerror', None) or 'it is not UTF-8'}") from None
        if not text.split():
            raise Misused(f"{label}={path}: the file is empty")
    found = text.split()
    if found and not re.fullmatch("[!-~]+", found[0]):
        raise Misused(f"{label}: a token consists of printable ASCII characters")
    return found[0] if found else None


class _UnixConnection(http.client.HTTPConnection):
    """HTTP over a UNIX socket."""

    def __init__(self, path: str, timeout: float) -> None:
        super().__init__("localhost", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


class ApiClient:
    """Calls the API at one place. `ca` is the PEM file of an authority to trust instead of the system's."""

    def __init__(self, place: Place, token: str | None = None, ca: str | None = None) -> None:
        self.place = place
        self._token = token
        self._ca = ca
        self._connection: http.client.HTTPConnection | None = None

    def call(
        self,
        method: str,
        segments: Sequence[str],
        query: Sequence[tuple[str, str]] = (),
        body: bytes | None = None,
        content_type: str | None = None,
    ) -> tuple[int, dict[str, Any]]:
        """Send one request and return status and JSON object of its answer. Raises Failed for 3xx, 4xx and 5xx."""
        response = self._send(method, segments, query, body, content_type, TIMEOUT)
        try:
            read = response.read(MAX_ANSWER)
        except (OSError, http.client.HTTPException) as error:
            raise self._lost(error) from None
        return response.status, self._content(response, read)

    def stream(self, segments: Sequence[str], query: Sequence[tuple[str, str]] = ()) -> Iterator[bytes]:
        """Yield the lines of an answer as they come, without line ends, until it ends or the connection is lost.

        Raises Failed before the first line only.
        """
        response = self._send("GET", segments, query, None, None, SILENCE)
        if response.status != 200:
            self._content(response, response.read(MAX_ANSWER))
        try:
            while line := response.readline(MAX_LINE):
                yield line.strip()
        except (OSError, http.client.HTTPException):
            pass
        finally:
            self.end()

    def end(self) -> None:
        """Close the connection."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _send(
        self,
        method: str,
        segments: Sequence[str],
        query: Sequence[tuple[str, str]],
        body: bytes | None,
        content_type: str | None,
        timeout: float,
    ) -> http.client.HTTPResponse:
        path = self.place.path + "".join(f"/{quote(each, safe=':@-._~')}" for each in segments)
        target = f"{path}?{urlencode(query)}" if query else path
        headers = {"User-Agent": "wsaas-cli", "Accept": "application/json"}
        if self._token is not None:
            headers["Authorization"] = f"Bearer {self._token}"
        if content_type is not None:
            headers["Content-Type"] = content_type
        if self._connection is None:
            self._connection = self._connect(timeout)
        try:
            self._connection.request(method, target, body, headers)
            return self._connection.getresponse()
        except (OSError, http.client.HTTPException) as error:
            self.end()
            raise self._lost(error) from None

    def _connect(self, timeout: float) -> http.client.HTTPConnection:
        where = self.place
        connection: http.client.HTTPConnection
        if where.unix is not None:
            connection = _UnixConnection(where.unix, timeout)
        elif where.secure:
            connection = http.client.HTTPSConnection(where.host, where.port, timeout=timeout, context=self._trust())
        else:
            connection = http.client.HTTPConnection(where.host, where.port, timeout=timeout)
        try:
            connection.connect()
        except OSError as error:
            connection.close()
            raise Failed("NOT_REACHABLE", self._why_not(error), NOT_REACHABLE) from None
        return connection

    def _trust(self) -> SSLContext:
        import ssl

        try:
            return ssl.create_default_context(cafile=self._ca)
        except OSError as error:
            raise Misused(f"--ca={self._ca}: {error.strerror or 'it holds no PEM certificate'}") from None

    def _why_not(self, error: OSError) -> str:
        url = self.place.url
        verify = getattr(error, "verify_message", None)
        if verify is not None:
            return f"the certificate of {url} cannot be verified: {verify}. If you trust its authority, use --ca FILE"
        if type(error).__module__ == "ssl":
            return f"TLS with {url} failed: for an API without TLS write http: for https:"
        why = "it did not answer in time" if isinstance(error, TimeoutError) else error.strerror or str(error)
        return f"no gateway answers at {url} ({why}): is it running, and is this its API? See --url and LOCAL_ADDRESS"

    def _lost(self, error: BaseException) -> Failed:
        url = self.place.url
        if isinstance(error, TimeoutError):
            return Failed("NO_ANSWER", f"{url} did not answer in time: the request may have been carried out", FAILED)
        if isinstance(error, http.client.RemoteDisconnected):
            tls = "" if self.place.secure or self.place.unix else "; if the API has TLS, write https:"
            return Failed("NOT_REACHABLE", f"{url} ended the connection without an answer{tls}", NOT_REACHABLE)
        if isinstance(error, http.client.BadStatusLine):
            return Failed("NOT_HTTP", f"{url} does not speak HTTP: is it the gateway's API? With TLS, write https:")
        why = error or type(error).__name__
        return Failed("NOT_REACHABLE", f"the connection to {url} was lost: {why}", NOT_REACHABLE)

    def _content(self, response: http.client.HTTPResponse, read: bytes) -> dict[str, Any]:
        status = response.status
        try:
            content = json.loads(read)
        except (ValueError, RecursionError):
            content = None
        if not isinstance(content, dict):
            kind = response.getheader("Content-Type") or "no Content-Type"
            raise Failed(
                "NOT_THE_API",
                f"{self.place.url} does not answer as the gateway's API does ({status}, {kind}): look at --url",
                _BY_STATUS.get(status, FAILED),
            )
        if 200 <= status < 300:
            return content
        code, message = str(content.get("code") or status), str(content.get("message") or response.reason)
        after = response.getheader("Retry-After")
        if status == 401:
            message = "the API wants its token: set API_TOKEN, API_TOKEN_FILE or --token-file" + (
                "; the one that was sent is wrong" if self._token is not None else ""
            )
        elif status == 426:
            message = f"{self.place.url} is for clients: the API is at another port, that of HTTP_PORT; look at --url"
        elif after and status in (429, 503):
            message += f"; try again after {after} s" if after.isdigit() else f"; try again after {after}"
        raise Failed(code, message, _BY_STATUS.get(status, FAILED))


def from_environment(url: str | None, token_file: str | None, ca: str | None) -> ApiClient:
    """Return a client for the API that the options, or else the environment, tell of."""
    return ApiClient(parse_place(url or default_url(os.environ)), token(token_file, os.environ), ca)
