"""The default endpoints, on machines with and without IPv6."""

from __future__ import annotations

import errno
import os
import socket
from typing import Any

from twisted.internet.error import CannotListenError
from twisted.internet.protocol import Factory
from twisted.internet.testing import MemoryReactorClock
from twisted.logger import LogLevel, capturedLogs, formatEvent
from twisted.trial.unittest import SkipTest, SynchronousTestCase

from wsaas.service.listening import listen, listen_by_default


class Machine(MemoryReactorClock):
    """A reactor on a machine where listening fails with these errors: on every interface, or on loopback over IPv6."""

    def __init__(self, any4: int = 0, any6: int = 0, one6: int = 0) -> None:
        super().__init__()
        self.failing = {"": any4, "::": any6, "::1": one6}

    def listenTCP(self, port: int, factory: Any, backlog: int = 50, interface: str = "") -> Any:
        number = self.failing.get(interface, 0)
        if number:
            raise CannotListenError(interface, port, OSError(number, os.strerror(number)))
        return super().listenTCP(port, factory, backlog, interface)

    @property
    def places(self) -> list[tuple[str, int, int]]:
        """Interface, port and backlog of what is listened on."""
        return [(interface, port, backlog) for port, _, backlog, interface in self.tcpServers]


class DefaultTests(SynchronousTestCase):
    def listen(self, machine: Machine, endpoint: str) -> list[str]:
        """Listen, and tell what was logged; there is a port for each place."""
        ports: list[Any] = []
        with capturedLogs() as events:
            listen_by_default(machine, endpoint, Factory(), ports)
        self.assertEqual(len(ports), len(machine.places))
        self.assertTrue(all(event["log_level"] is LogLevel.debug for event in events))
        return [str(formatEvent(event)) for event in events]

    def test_one_socket(self) -> None:
        """One socket hears IPv6 and IPv4 where the machine has both."""
        machine = Machine()
        self.assertEqual(self.listen(machine, "tcp6:8080:backlog=9"), [])
        self.assertEqual(machine.places, [("::", 8080, 9)])

    def test_without_ipv6(self) -> None:
        """A machine without IPv6 is heard on IPv4, and loopback over IPv6 is left out; only the debug log says so."""
        for number in (errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL):
            machine = Machine(any6=number, one6=number)
            [line] = self.listen(machine, "tcp6:8080:backlog=9")
            self.assertIn("no IPv6 on this machine: tcp6:8080:backlog=9: ", line)
            self.assertIn(os.strerror(number), line)
            self.assertEqual(machine.places, [("", 8080, 9)])
            machine = Machine(any6=number, one6=number)
            self.listen(machine, r"tcp6:8081:interface=\:\:1")
            self.assertEqual(machine.places, [])

    def test_taken(self) -> None:
        """A port that another program has is an error all the same, over IPv6 and over IPv4."""
        for machine, endpoint in (
            (Machine(any6=errno.EADDRINUSE), "tcp6:8080"),
            (Machine(any6=errno.EAFNOSUPPORT, any4=errno.EADDRINUSE), "tcp6:8080"),
            (Machine(one6=errno.EADDRINUSE), r"tcp6:8080:interface=\:\:1"),
            (Machine(any4=errno.EADDRNOTAVAIL), "tcp:8080"),
        ):
            self.assertRaises(CannotListenError, listen_by_default, machine, endpoint, Factory(), [])
            self.assertEqual(machine.places, [])

    def test_asked_for(self) -> None:
        """An endpoint that was asked for is that one or an error."""
        machine = Machine(any6=errno.EAFNOSUPPORT)
        self.assertRaises(CannotListenError, listen, machine, "tcp6:8080", Factory(), [])
        listen(Machine(), "tcp6:8080", Factory(), ports := [])
        self.assertEqual(len(ports), 1)

    def test_two_sockets(self) -> None:
        """If an IPv6 socket takes no IPv4 on this system, IPv4 gets a socket of its own."""
        try:
            handle = socket.socket(socket.AF_INET6)
        except OSError:
            raise SkipTest("no IPv6") from None
        self.addCleanup(handle.close)
        for only, places in ((1, [("::", 8080, 50), ("", 8080, 50)]), (0, [("::", 8080, 50)])):
            handle.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, only)
            machine = Machine()
            plain = machine.listenTCP

            def with_socket(*arguments: Any, plain: Any = plain, **named: Any) -> Any:
                port = plain(*arguments, **named)
                port.socket = handle
                return port

            machine.listenTCP = with_socket  # type: ignore[method-assign]
            self.listen(machine, "tcp6:8080")
            self.assertEqual(machine.places, places)
