"""Direct reads: a transport of Twisted's calls its protocol itself, not the wrapper that an endpoint puts around it."""

from __future__ import annotations

from typing import Any

from twisted.internet import tcp

from wsaas.internals.sample_transport import sample_transport
from wsaas.internals.supported import Reliance

RELIANCE = Reliance(
    part="handing what was read to the protocol itself",
    plainly="the wrapper of Twisted's endpoints hands it on, which makes a message a hundredth more expensive",
    attributes=("protocol",),
    sample=sample_transport,
)
"""The attribute in which a transport of Twisted's keeps its protocol."""


def read_directly(protocol: Any) -> None:
    """Have the transport of a protocol, which is connected, call that for all further events.

    An endpoint of Twisted's puts a wrapper between the two, which notes when the connection is made and has no other
    use. With TLS, or another layer between, nothing is changed.
    """
    transport = protocol.transport
    if type(transport) is tcp.Client and RELIANCE.holds():
        transport.protocol = protocol
