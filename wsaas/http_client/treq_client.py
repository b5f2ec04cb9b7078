"""treq's client, called so that a request is only sent, and its answer only returned.

By itself treq follows redirects, keeps cookies, asks for gzip and inflates it. None of that is for webhooks:

- redirects: `allow_redirects=False`;
- cookies: a jar that takes and gives none;
- gzip: PoolAgent leaves out the Accept-Encoding that treq adds, and hides a Content-Encoding from treq.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from http.cookiejar import Cookie, DefaultCookiePolicy
from typing import Any

from hyperlink import EncodedURL
from treq.client import HTTPClient
from treq.cookies import IndexableCookieJar
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.python.failure import Failure
from twisted.web.iweb import IAgent

from wsaas.http_client.exchange import Fault, HttpResponse, Timing
from wsaas.http_client.late_headers import RequestHeaders
from wsaas.http_client.treq_agent import BytesProducer


class TreqClient:
    """Sends requests by treq over an agent whose responses are those of PoolAgent."""

    def __init__(self, agent: IAgent, clock: IReactorTime) -> None:
        self._cookies = NoCookies()
        self._client = HTTPClient(agent, self._cookies, BytesProducer)
        self._clock: Any = clock

    def request(
        self,
        method: str,
        path: str,
        head: bytes,
        body: bytes,
        done: Callable[[HttpResponse | Fault | Failure], object],
        timing: Timing | None = None,
    ) -> None:
        """Send one request; `path` and the header lines of `head` are sent as they are spelled.

        `done` is called with the pool's answer, or with the Fault that the agent failed with; a Failure is a bug of
        ours. A `timing` is filled in on the way.
        """
        responded: Deferred[Any] = self._client.request(
            method,
            SpelledUrl(path),
            headers=RequestHeaders(head, timing),
            data=body,
            cookies=self._cookies,
            allow_redirects=False,
            unbuffered=True,
            reactor=self._clock,
        )
        responded.addCallbacks(_answered, _failed, callbackArgs=(done,), errbackArgs=(done,))


def _answered(response: Any, done: Callable[[HttpResponse], object]) -> None:
    done(response.original.answer)  # `original` is PoolAgent's Response, around which treq has put its own


def _failed(failure: Failure, done: Callable[[Fault | Failure], object]) -> None:
    """Give `done` the Fault that the pool failed with; any other Failure is a bug of ours."""
    done(failure.value if isinstance(failure.value, Fault) else failure)


class SpelledUrl(EncodedURL):
    """A URL, here a path, that is sent as it is `spelled`. hyperlink would parse and encode it anew for each request.

    It is parsed when one of its parts is asked for.
    """

    def __init__(self, spelled: str) -> None:
        self.spelled = spelled

    def to_uri(self) -> SpelledUrl:
        """Return the URL itself: it is a URI already."""
        return self

    def to_text(self, with_password: bool = False) -> str:
        """Return the URL as it is spelled."""
        return self.spelled

    def __getattr__(self, name: str) -> Any:
        """Parse the URL: a part of it is asked for that only parsing gives."""
        parts = vars(EncodedURL.from_text(object.__getattribute__(self, "spelled")))
        vars(self).update(parts)
        if name not in parts:
            raise AttributeError(name)
        return parts[name]


class NoCookies(IndexableCookieJar):
    """A cookie jar that takes no cookie and gives none. Its policy would refuse each; it is not even asked, since that
    parses what the backend sent.
    """

    def __init__(self) -> None:
        super().__init__(DefaultCookiePolicy(allowed_domains=[]))

    def __iter__(self) -> Iterator[Cookie]:
        return iter(())

    def add_cookie_header(self, request: Any) -> None:
        """Add nothing to a request."""

    def extract_cookies(self, response: Any, request: Any) -> None:
        """Take nothing from a response."""
