"""Direct reads, with a transport of Twisted's over a real socket."""

from __future__ import annotations

import socket
from typing import Any

from twisted.internet import tcp
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import _WrappingProtocol
from twisted.internet.protocol import Protocol
from twisted.internet.testing import AccumulatingProtocol, MemoryReactorClock, StringTransport
from twisted.trial.unittest import SynchronousTestCase

from wsaas.internals.direct_read import read_directly


class DirectReadTests(SynchronousTestCase):
    def connected(self) -> tuple[Any, AccumulatingProtocol]:
        """A transport, and its protocol, which an endpoint has wrapped."""
        own, peer = socket.socketpair()
        self.addCleanup(own.close)
        self.addCleanup(peer.close)
        protocol = AccumulatingProtocol()
        wrapper = _WrappingProtocol(Deferred(), protocol)
        transport: Any = tcp.Client.__new__(tcp.Client)
        tcp.Connection.__init__(transport, own, wrapper, MemoryReactorClock())
        wrapper.makeConnection(transport)
        return transport, protocol

    def test_protocol_itself(self) -> None:
        """The transport calls the protocol, and no wrapper, from then on."""
        transport, protocol = self.connected()
        self.assertIsNot(transport.protocol, protocol)
        read_directly(protocol)
        self.assertIs(transport.protocol, protocol)

    def test_layer_between(self) -> None:
        """A transport of another kind, which may be a layer over TCP, keeps what it has."""
        protocol, transport = Protocol(), StringTransport()
        transport.protocol = None
        protocol.makeConnection(transport)
        read_directly(protocol)
        self.assertIs(transport.protocol, None)
