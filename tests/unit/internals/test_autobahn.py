"""Reliance on what Autobahn does not promise: the gateway serves all the same where it is not there."""

from __future__ import annotations

from types import SimpleNamespace

from twisted.trial.unittest import SynchronousTestCase
from wsproto.events import TextMessage

from tests.support.client_harness import Harness
from wsaas.core.events import Cause, CloseCode
from wsaas.internals import autobahn, supported
from wsaas.internals.supported import Reliance


class EndTests(SynchronousTestCase):
    """The end of a connection, with the name that it relies on and without."""

    def ends(self) -> None:
        harness = Harness()
        self.addCleanup(harness.factory.keepalive.stop)
        client = harness.open()
        client.send(TextMessage("last"))
        self.assertEqual(harness.factory.countConnections, 1)
        client.vanish()
        disconnected = ("disconnected", Cause.NETWORK, CloseCode.ABNORMAL, "", False)
        self.assertEqual(client.session.calls, [("received", b"last"), disconnected])
        self.assertEqual((harness.factory.countConnections, harness.factory._connections), (0, set()))

    def test_directly(self) -> None:
        """A session hears once that its client is gone, and the connection is counted no more."""
        self.ends()

    def test_name_not_there(self) -> None:
        """The same holds by Autobahn's public method where the name is another one, of which one line tells."""
        self.patch(supported, "_judged", {})
        warnings: list[object] = []
        self.patch(supported, "_log", SimpleNamespace(warn=lambda text, **fields: warnings.append(fields["names"])))
        renamed = tuple(f"{name}_renamed" for name in autobahn.RELIANCE.names)
        self.patch(autobahn, "RELIANCE", Reliance("an end", "plainly", names=renamed))
        self.patch(autobahn, "WebSocketProtocol", type("Without", (), {"CLOSE_STATUS_CODES_ALLOWED": []}))
        self.ends()
        self.ends()
        self.assertEqual(warnings, [", ".join(renamed)])
