"""The site of a backend of ours: the demo, and the one that calls Lambda handlers."""

from __future__ import annotations

from typing import Any

from twisted.web import http
from twisted.web.resource import IResource
from twisted.web.server import Request, Site


def longest_webhook(max_message_size: int) -> int:
    """Return a bound to the bytes of a webhook's body: JSON writes a byte as six at most, and adds ids and headers."""
    return 6 * max_message_size + (8 << 20)


class BoundedRequest(Request):
    """A request whose body is kept up to the site's `most` bytes. One that is longer is thrown away, and the answer is
    413.
    """

    channel: Any
    _too_long = False

    def handleContentChunk(self, data: bytes) -> None:
        """Keep a part of the body, if there is room for it (for twisted.web.http.HTTPChannel)."""
        assert self.content is not None
        if self._too_long or self.content.tell() + len(data) > self.channel.site.most:
            self._too_long = True
        else:
            super().handleContentChunk(data)

    def process(self) -> None:
        """Do as the base class, unless the body is too long."""
        if self._too_long:
            self.setResponseCode(413)
            self.setHeader(b"Content-Length", b"0")
            self.finish()
        else:
            super().process()


class QuietSite(Site):
    """A site without an access log: its lines would carry connection ids, and one for each message.

    Bound: bodies of `most` bytes, which Twisted keeps on the disk if they are long.
    """

    noisy = False
    requestFactory = BoundedRequest

    def __init__(self, resource: IResource, most: int) -> None:
        super().__init__(resource)
        self.most = most

    def log(self, request: http.Request) -> None:
        """Log nothing (for twisted.web.http.Request.finish)."""
