"""Listening beside others, on real sockets: the same port, an inherited one, and what waits in the queue of a stop."""

from __future__ import annotations

import os
import shutil
import socket
import stat
import tempfile
from pathlib import Path

from twisted.internet import reactor
from twisted.internet.defer import Deferred, inlineCallbacks
from twisted.internet.protocol import Factory, Protocol
from twisted.trial.unittest import TestCase

from wsaas.net.endpoints import server_endpoint
from wsaas.net.shared_ports import InheritedPort, SharingReactor


class Accepting(Factory):
    """Notes the connections that it was given."""

    noisy = False

    def __init__(self) -> None:
        self.accepted: list[Protocol] = []
        self.stopped = 0

    def buildProtocol(self, addr: object) -> Protocol:
        protocol = Protocol()
        self.accepted.append(protocol)
        return protocol

    def stopFactory(self) -> None:
        self.stopped += 1


class SharedPortTests(TestCase):
    def client(self, address: object, family: int = socket.AF_INET) -> socket.socket:
        """A client whose connection is in the queue when this returns."""
        client = socket.socket(family)
        self.addCleanup(client.close)
        client.connect(address)  # type: ignore[arg-type]
        return client

    @inlineCallbacks
    def test_tcp(self) -> object:
        """Two reactors listen on one port, in every form of an endpoint for TCP."""
        for form in ("tcp:{}:interface=127.0.0.1", "haproxy:tcp:{}:interface=127.0.0.1", "tcp6:{}:interface=\\:\\:1"):
            first, second = SharingReactor(reactor), SharingReactor(reactor)
            port = yield server_endpoint(first, form.format(0)).listen(Accepting())
            other = yield server_endpoint(second, form.format(port.getHost().port)).listen(Accepting())
            self.assertEqual(port.getHost(), other.getHost())
            first.stop_listening()
            second.stop_listening()
            for each in (port, other):
                yield each.stopListening()

    @inlineCallbacks
    def test_queue(self) -> object:
        """A stop accepts all that waits, and then the port refuses."""
        sharing, factory = SharingReactor(reactor), Accepting()
        port = yield server_endpoint(sharing, "tcp:0:interface=127.0.0.1:backlog=300").listen(factory)
        address = ("127.0.0.1", port.getHost().port)
        clients = [self.client(address) for _ in range(250)]
        self.assertEqual(factory.accepted, [])
        sharing.stop_listening()
        self.assertEqual((len(factory.accepted), factory.stopped), (len(clients), 1))
        self.assertRaises(ConnectionRefusedError, self.client, address)
        for protocol in factory.accepted:
            assert protocol.transport is not None
            protocol.transport.abortConnection()  # type: ignore[attr-defined]
        yield _turn()

    @inlineCallbacks
    def test_inherited(self) -> object:
        """A UNIX socket of the parent is accepted from, and stays with its path and mode when this process stops."""
        directory = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, directory)
        path = str(Path(directory, "s"))
        parent = socket.socket(socket.AF_UNIX)
        self.addCleanup(parent.close)
        parent.bind(path)
        os.chmod(path, 0o600)
        parent.listen()
        factory = Accepting()
        sharing = SharingReactor(reactor, {path: parent.fileno()})
        port = yield server_endpoint(sharing, f"unix:{path}:mode=666").listen(factory)
        self.assertIsInstance(port, InheritedPort)
        self.client(path, socket.AF_UNIX)
        while not factory.accepted:
            yield _turn()
        sharing.stop_listening()
        yield port.stopListening()
        yield port.stopListening()
        self.assertEqual(factory.stopped, 1)
        self.assertEqual(stat.S_IMODE(os.stat(path).st_mode), 0o600)
        self.client(path, socket.AF_UNIX)  # which another process would accept
        yield _turn()
        self.assertEqual(len(factory.accepted), 1)
        transport = factory.accepted[0].transport
        assert transport is not None
        transport.abortConnection()  # type: ignore[attr-defined]
        yield _turn()


def _turn() -> Deferred[None]:
    turned: Deferred[None] = Deferred()
    reactor.callLater(0.01, turned.callback, None)  # type: ignore[attr-defined]
    return turned
