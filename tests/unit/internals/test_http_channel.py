"""Reliance on what Twisted's HTTPChannel does not promise: the API serves all the same where it is not there."""

from __future__ import annotations

from types import SimpleNamespace

from twisted.web import http

from tests.support.api_fakes import HERE
from tests.support.http_wire import WireCase
from wsaas.core.model import Frame
from wsaas.internals import http_channel, supported
from wsaas.internals.http_channel import MALFORMED, TRAILERS, TurnsChannel
from wsaas.internals.supported import Reliance

PUT = f"PUT /{HERE}? HTTP/1.1\r\nHost: localhost\r\n".encode()  # not for the fast path
PLAIN = PUT + b"Content-Length: 2\r\n\r\nhi"
CHUNKED = PUT + b"Transfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n%b\r\n"


class WithoutTests(WireCase):
    """A Twisted that has another name for something."""

    def setUp(self) -> None:
        super().setUp()
        self.warnings: list[object] = []
        self.patch(supported, "_judged", {})
        self.patch(supported, "_log", SimpleNamespace(warn=lambda text, **fields: self.warnings.append(fields["part"])))

    def test_malformed(self) -> None:
        """Without the method for what is no HTTP, that is answered by Twisted, and its connection ends."""
        self.patch(
            TurnsChannel, "_respondToBadRequestAndDisconnect", http.HTTPChannel._respondToBadRequestAndDisconnect
        )
        wire = self.wire()
        wire.send(PLAIN, PLAIN)
        self.assertEqual(wire.statuses(), [200, 200])
        wire.send(b"nonsense\r\n\r\n", PLAIN)
        self.assertEqual(wire.transport.value(), b"HTTP/1.1 400 Bad Request\r\n\r\n")
        self.assertTrue(wire.transport.disconnecting)
        self.assertEqual(self.session.pushed, [Frame(b"hi", False)] * 2)

    def test_trailers(self) -> None:
        """Whichever name of the trailers is gone, a request in chunks is the last one of its connection, which a line
        of the log says; others are not.
        """
        lacking = [
            *(Reliance(TRAILERS.part, "plainly", names=(f"{name}_renamed",)) for name in TRAILERS.names),
            *(
                Reliance(TRAILERS.part, "plainly", attributes=(f"{name}_renamed",), sample=TRAILERS.sample)
                for name in TRAILERS.attributes
            ),
        ]
        for reliance in lacking:
            supported._judged.clear()
            self.patch(http_channel, "TRAILERS", reliance)
            for trailers in (b"", b"A: b\r\n", b"nonsense\r\n"):
                wire = self.wire()
                wire.send(PLAIN, PLAIN, CHUNKED % trailers + PLAIN, PLAIN)
                got = wire.answers()
                self.assertEqual([each.status for each in got], [200] * 3)
                self.assertEqual([each.header("Connection") for each in got], [[], [], ["close"]])
                self.assertTrue(wire.transport.disconnecting)
        self.assertEqual(self.warnings, [TRAILERS.part] * len(lacking))

    def test_with(self) -> None:
        """With Twisted as it is, neither closes a connection that goes on, and nothing is said."""
        self.assertEqual(self.exchange(CHUNKED % b"A: b\r\n" + PLAIN), [200, 200])
        self.assertTrue(MALFORMED.holds())
        self.assertEqual(self.warnings, [])
