"""The site of a backend of ours: a body that is too long is refused, and not kept."""

from __future__ import annotations

from typing import Any

from twisted.internet.error import ConnectionDone
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.resource import Resource

from wsaas.net.quiet_site import QuietSite, longest_webhook


class Length(Resource):
    """Answers with the length of what it got."""

    isLeaf = True

    def render_PUT(self, request: Any) -> bytes:
        request.content.seek(0)
        return b"%d" % len(request.content.read())


class BodyTests(SynchronousTestCase):
    def send(self, *parts: bytes) -> bytes:
        """The answer to a request that comes in these parts, its status and its body."""
        site = QuietSite(Length(), 10)
        channel: Any = site.buildProtocol(None)
        transport = StringTransport()
        channel.makeConnection(transport)
        for part in (*parts, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"):
            channel.dataReceived(part)
        channel.connectionLost(Failure(ConnectionDone()))  # or its timeout would be left in the reactor
        first, _, rest = transport.value().partition(b"\r\n")
        self.assertIn(b"HTTP/1.1 405", rest)  # the next request is answered as ever
        return b" ".join([first.split(b" ")[1], *rest.partition(b"\r\n\r\n")[2][:2].split(b"H")[:1]])

    def test_length(self) -> None:
        """A body of as many bytes is taken; one byte more is 413, with a length or in chunks, and nothing is called."""
        head = b"PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n"
        chunked = b"PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
        self.assertEqual(self.send(head % 10, b"x" * 10), b"200 10")
        self.assertEqual(self.send(head % 11, b"x" * 5, b"x" * 6), b"413 ")
        self.assertEqual(self.send(chunked, b"5\r\nxxxxx\r\n", b"5\r\nxxxxx\r\n0\r\n\r\n"), b"200 10")
        self.assertEqual(self.send(chunked, b"9\r\nxxxxxxxxx\r\n", b"2\r\nxx\r\n1\r\nx\r\n0\r\n\r\n"), b"413 ")

    def test_longest_webhook(self) -> None:
        """There is room for any webhook: JSON has six bytes for each control character."""
        self.assertGreater(longest_webhook(1), 6 + 1000 * 200)
        self.assertGreater(longest_webhook(1 << 30), 6 << 30)
