"""Has twisted.web's CookieAgent parse a request's URL only when a cookie jar asks for a part of it.

treq puts a CookieAgent around every request. The CookieAgent shows its cookie jar a _FakeStdlibRequest, whose
constructor parses the URL, whether the jar looks at it or not. The jar of the webhooks never does
(`http_client/treq_client.py`), and the parsing was a sixth of what the webhooks of a connect take.
"""

from __future__ import annotations

from typing import Any

from twisted.web import client

from wsaas.internals.supported import Reliance

RELIANCE = Reliance(
    part="the late parsing of a request's URL",
    plainly="the URL of each connect and disconnect webhook is parsed for cookies that are never kept",
    names=("twisted.web.client:_FakeStdlibRequest",),
    attributes=("_twistedHeaders", "get_header"),
    sample=lambda: client._FakeStdlibRequest(b"http://backend.example/"),
)


def parse_late() -> bool:
    """Replace the request that a CookieAgent shows its cookie jar. Return whether it is replaced (`RELIANCE`)."""
    if not RELIANCE.holds():
        return False
    original: Any = client._FakeStdlibRequest
    if not hasattr(original, "parsed_late"):
        client._FakeStdlibRequest = _parsing_late(original)  # type: ignore[misc]  # that is the replacement
    return True


def _parsing_late(original: Any) -> Any:
    class LateRequest(original):  # type: ignore[misc]  # a class that is known when the program runs
        """A request to which `original` adds its attributes when one of them is asked for."""

        parsed_late = True

        def __init__(self, uri: bytes) -> None:
            self._unparsed = uri

        def __getattr__(self, name: str) -> Any:
            uri = self.__dict__.pop("_unparsed", None)
            if uri is None:
                raise AttributeError(name)
            super().__init__(uri)
            return getattr(self, name)

        def get_header(self, name: str, default: Any = None) -> Any:
            # The CookieAgent asks each request for its Cookie. One of which nothing else was asked has none.
            return default if "_unparsed" in self.__dict__ else super().get_header(name, default)

    return LateRequest
