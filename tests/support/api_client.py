"""The gateway's HTTP API as a backend calls it: one plain request on a fresh connection each."""

from __future__ import annotations

import http.client
import json
import socket
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class ApiAnswer:
    """One answer of the API; header names are in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def code(self) -> str:
        """The `code` field of the JSON body."""
        code: str = self.json()["code"]
        return code


class Api:
    """The API on a TCP port of loopback, under TLS if a context is given, or on a UNIX socket."""

    def __init__(
        self,
        port: int = 0,
        *,
        host: str = "127.0.0.1",
        context: ssl.SSLContext | None = None,
        unix: str | None = None,
        token: str | None = None,
    ) -> None:
        self._host = host
        self._port = port
        self._context = context
        self._unix = unix
        self._token = token

    def dial(self, timeout: float = 10) -> socket.socket:
        """A connected socket, for those who want to write the bytes themselves."""
        if self._unix is not None:
            plain = socket.socket(socket.AF_UNIX)
            plain.settimeout(timeout)
            plain.connect(self._unix)
        else:
            plain = socket.create_connection((self._host, self._port), timeout)
        return self._context.wrap_socket(plain, server_hostname="localhost") if self._context else plain

    def request(
        self, method: str, path: str, body: bytes = b"", headers: Mapping[str, str] | None = None, timeout: float = 10
    ) -> ApiAnswer:
        """Ask once. The token goes along where there is one and no other Authorization is given."""
        sent = dict(headers or {})
        if self._token is not None:
            sent.setdefault("Authorization", f"Bearer {self._token}")
        connection = http.client.HTTPConnection("localhost", self._port, timeout=timeout)
        connection.sock = self.dial(timeout)
        try:
            connection.request(method, path, body if body or method in ("PUT", "POST") else None, sent)
            response = connection.getresponse()
            found = {name.lower(): value for name, value in response.getheaders()}
            return ApiAnswer(response.status, found, response.read())
        finally:
            connection.close()

    def get(self, path: str, headers: Mapping[str, str] | None = None) -> ApiAnswer:
        return self.request("GET", path, headers=headers)

    def push(self, id: str, message: str | bytes) -> ApiAnswer:
        """PUT a message: text or, if it is bytes, binary."""
        if isinstance(message, str):
            return self.request("PUT", f"/{id}", message.encode())
        return self.request("PUT", f"/{id}", message, {"Content-Type": "application/octet-stream"})

    def close(self, id: str, query: str = "") -> ApiAnswer:
        return self.request("DELETE", f"/{id}{query}")
