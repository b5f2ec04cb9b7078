"""wsaas.service.startup_log: what the log says of a start."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress
from twisted.logger import Logger, capturedLogs, formatEvent
from twisted.trial.unittest import SynchronousTestCase

from wsaas.service.startup_log import client_url, format_address, log_ports, log_settings
from wsaas.settings.load import load

IPV4, IPV6 = IPv4Address("TCP", "127.0.0.1", 8080), IPv6Address("TCP", "::1", 8080)
OTHERS = "the other settings are as by default: `wsaas check` shows all of them"


def port(address: object) -> Any:
    """A port that listens there."""
    return SimpleNamespace(getHost=lambda: address)


class SettingsTests(SynchronousTestCase):
    def lines(self, **environ: str) -> list[str]:
        with capturedLogs() as logs:
            log_settings(Logger(), load({}, environ))
        return [str(formatEvent(event)) for event in logs]

    def test_defaults(self) -> None:
        """Settings that are as by default are not listed."""
        self.assertEqual(self.lines(), [OTHERS])
        self.assertEqual(self.lines(WS_PORT="8080", WS_TIMEOUT="30s"), [OTHERS])

    def test_changed(self) -> None:
        """The others are, in a form that is read at once, secrets masked."""
        lines = self.lines(DISCONNECT_PATIENCE="43200000", API_TOKEN="0123456789abcdef", RECEIVE_BUFFER="2097152")
        self.assertEqual(
            lines,
            ["setting API_TOKEN=**** (set)", "setting DISCONNECT_PATIENCE=12h", "setting RECEIVE_BUFFER=2MiB", OTHERS],
        )

    def test_doubts(self) -> None:
        """Warnings about doubtful settings follow, misspelt names included."""
        lines = self.lines(STATE_DIR="none", LOG_STYLE="info", WSAAS_WS_PORT="1")
        self.assertEqual(lines[:2], ["setting STATE_DIR=none", OTHERS])
        for line, beginning in zip(lines[2:], ("WSAAS_WS_PORT is no", "LOG_STYLE=info is"), strict=True):
            self.assertTrue(line.startswith(beginning), line)


class PortTests(SynchronousTestCase):
    def lines(self, api: object, **environ: str) -> list[str]:
        with capturedLogs() as logs:
            log_ports(Logger(), load({}, environ), [port(IPV4)], [port(api)])
        return [str(formatEvent(event)) for event in logs]

    def test_ports(self) -> None:
        """Each port is named."""
        lines = self.lines(UNIXAddress(b"/run/x"), HTTP_ENDPOINT="unix:/run/x")
        self.assertEqual(lines, ["listening for clients on 127.0.0.1:8080", "listening for the API on /run/x"])

    def test_for_this_machine_only(self) -> None:
        """Where the API is closed, the log says where its console is, if that is on, and how to open the API."""
        console, closed = "the console, for a browser: http://localhost:8081/-/console", "the API is for this machine"
        api = IPv4Address("TCP", "127.0.0.1", 8081)
        _, _, first, second = self.lines(api)
        self.assertEqual((first, second[: len(closed)]), (console, closed))
        self.assertNotIn(console, self.lines(api, CONSOLE="off"))
        self.assertEqual(len(self.lines(api, API_TOKEN="0123456789abcdef")), 2)

    def test_addresses(self) -> None:
        """Addresses are written as people write them."""
        for address, text in ((IPV4, "127.0.0.1:8080"), (IPV6, "[::1]:8080"), (UNIXAddress(b"/a\xff"), "/a\ufffd")):
            self.assertEqual(format_address(address), text)

    def test_client_url(self) -> None:
        """A client of this machine connects at the first port that takes it as it is, by TLS where that is spoken."""
        for endpoint, address, url in (
            ("tcp:8080", IPv4Address("TCP", "0.0.0.0", 8080), "ws://localhost:8080"),
            ("tcp6:8080", IPv6Address("TCP", "::", 8080), "ws://localhost:8080"),
            ("tcp:0:interface=127.0.0.1", IPV4, "ws://127.0.0.1:8080"),
            ("tcp6:0:interface=\\:\\:1", IPV6, "ws://[::1]:8080"),
            ("wsaas-tls:8443:certificate=x", IPv4Address("TCP", "0.0.0.0", 8443), "wss://localhost:8443"),
            ("unix:/x", UNIXAddress(b"/x"), None),
            ("haproxy:tcp:8080", IPV4, None),
            ("wsaas-tls:8443:certificate=x:proxy=yes", IPV4, None),
            ("wsaas-tls:8443:certificate=x:proxy=no", IPV4, "wss://127.0.0.1:8080"),
        ):
            self.assertEqual(client_url([endpoint], [port(address)]), url)
        self.assertEqual(
            client_url(["unix:/x", "tcp:8080"], [port(UNIXAddress(b"/x")), port(IPV4)]), "ws://127.0.0.1:8080"
        )
