"""The API's requests below Klein, as twisted.web makes them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from twisted.python.failure import Failure
from twisted.web.http import datetimeToString
from twisted.web.server import Request

from wsaas.api.app import answer_failure

if TYPE_CHECKING:
    from wsaas.api.server.channel import ApiChannel


class ApiRequest(Request):
    """A request that is given to the site's one resource."""

    channel: ApiChannel
    defaultContentType = b"application/json"

    def process(self) -> None:
        """Do as the base class, but without a Server header, and without an answer of its own to `*`."""
        self.site = self.channel.site
        self.setHeader(b"Date", datetimeToString())
        self.prepath, self.postpath = [], []
        try:
            self.render(self.site.resource)
        except Exception:
            self.processingFailed(Failure())

    def parseCookies(self) -> None:
        """Leave the cookies unparsed: nothing here asks for one, and Twisted needs long for a line of many."""

    def requestReceived(self, command: bytes, path: bytes, version: bytes) -> None:
        """Do as the base class, but leave `args` empty: nothing here asks for them, and Twisted needs long for many."""
        assert self.content is not None
        self.content.seek(0)
        self.args = {}
        self.method, self.uri, self.clientproto = command, path, version
        self.path = path.partition(b"?")[0]
        self.whole_at = self.channel.context.clock.seconds()
        self.process()

    def getRequestHostname(self) -> bytes:
        """Return one name for every Host: the routes are the same, and Klein fails at a Host that is no domain name."""
        return b"api"

    def processingFailed(self, reason: Failure) -> Failure:
        """Answer an error that is not in the table in JSON as well, and log it."""
        answer = answer_failure(self, reason)
        self.channel.context.dialect(self.method, self.uri, answer).finish(self)
        return reason
