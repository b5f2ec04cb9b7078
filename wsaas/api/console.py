"""The files of the console, `/-/console`: a page whose scripts ask the API for all that it shows.

The files are served without the token, to every caller that may reach the API: there is nothing in them but the program
of the page, which asks its user for the token. They are read once, at the first request, and only names that were found
then are served: a path of a request never becomes a path of the file system.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from hashlib import blake2b
from pathlib import Path

from twisted.web.iweb import IRequest
from werkzeug.exceptions import NotFound

from wsaas.api.app import Api
from wsaas.api.params import Query

CONSOLE = "/-/console"
INDEX = "index.html"
_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".png": "image/png",
    ".svg": "image/svg+xml",
}
"""The media types of the files that are served. Any other is not."""
_POLICY = (
    "default-src 'self'; connect-src 'self' ws: wss:; object-src 'none'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)
"""Nothing is loaded from elsewhere, no script stands in the page itself, and no other page may show it in a frame.

It connects to clients' ports, too, since it has a client of its own.
"""


@dataclass(frozen=True, slots=True)
class File:
    """A file: its media type, its content, and the entity tag of that (RFC 9110, 8.8.3)."""

    media_type: str
    content: bytes
    tag: str

    def write_to(self, request: IRequest) -> bytes:
        """Set status and headers of the request's answer, and return the content; or that the browser has it."""
        request.setHeader("Cache-Control", "no-cache")
        request.setHeader("ETag", self.tag)
        request.setHeader("Content-Security-Policy", _POLICY)
        request.setHeader("X-Content-Type-Options", "nosniff")
        request.setHeader("Referrer-Policy", "no-referrer")
        known = b", ".join(request.requestHeaders.getRawHeaders(b"if-none-match", [])).decode("latin-1")
        # RFC 9110, 13.1.2: "*" is any tag.
        if not {self.tag, "*"}.isdisjoint(each.strip().removeprefix("W/") for each in known.split(",")):
            request.setResponseCode(304)
            return b""
        request.setHeader("Content-Type", self.media_type)
        request.setHeader("Content-Length", str(len(self.content)))
        return self.content


class MovedPermanently:
    """An answer that leads to another path."""

    def __init__(self, location: str) -> None:
        self._location = location

    def write_to(self, request: IRequest) -> bytes:
        """Set status and headers of the request's answer."""
        request.setResponseCode(308)
        request.setHeader("Location", self._location)
        request.setHeader("Content-Length", "0")
        return b""


def read_files(directory: Path) -> Mapping[str, File]:
    """Return the files of a directory, and of those in it, by their paths from there."""
    found = {}
    for path in sorted(directory.rglob("*")):
        media_type = _TYPES.get(path.suffix)
        if media_type is not None and path.is_file():
            content = path.read_bytes()
            tag = f'"{blake2b(content, digest_size=12).hexdigest()}"'
            found[path.relative_to(directory).as_posix()] = File(media_type, content, tag)
    return found


def add_console_routes(api: Api, directory: Path) -> None:
    """Add the page and its files, which are those of the directory."""
    files = cache(lambda: read_files(directory))

    def file(name: str) -> File:
        found = files().get(name)
        if found is None:
            raise NotFound
        return found

    @api.route(CONSOLE, "GET")
    async def page(request: IRequest, query: Query) -> File:
        return file(INDEX)

    @api.route(f"{CONSOLE}/", "GET")
    async def page_in_a_directory(request: IRequest, query: Query) -> MovedPermanently:
        file(INDEX)
        return MovedPermanently("../console")  # from where the page's files are console/...

    @api.route(f"{CONSOLE}/<path:name>", "GET")
    async def part(request: IRequest, query: Query, name: str) -> File:
        return file(name)
