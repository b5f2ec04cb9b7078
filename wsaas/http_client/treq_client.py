"""treq's client, called so that a request does nothing but go out, and its answer nothing but come back.

treq follows redirects, keeps cookies, asks for gzip and inflates it. A request to a backend must do none of that:

- redirects: `allow_redirects=False`;
- cookies: a jar that takes and gives none;
- gzip: PoolAgent leaves out the Accept-Encoding that treq adds, and hides a Content-Encoding from treq.
"""

from __future__ import annotations

from http.cookiejar import DefaultCookiePolicy
from typing import Any

from hyperlink import EncodedURL
from treq.client import HTTPClient
from treq.cookies import IndexableCookieJar
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.web.iweb import IAgent

from wsaas.http_client.exchange import HttpResponse
from wsaas.http_client.late_headers import RequestHeaders
from wsaas.http_client.treq_agent import BytesProducer


class TreqClient:
    """Sends requests by treq over an agent whose responses are those of PoolAgent."""

    def __init__(self, agent: IAgent, clock: IReactorTime) -> None:
        self._cookies = NoCookies()
        self._client = HTTPClient(agent, self._cookies, BytesProducer)
        self._clock: Any = clock

    def request(self, method: str, url: str, headers: RequestHeaders, body: bytes) -> Deferred[HttpResponse]:
        """Send one request; `url` is sent as it is spelled. Fails with what the agent fails with."""
        responded: Deferred[Any] = self._client.request(
            method,
            SpelledUrl(url),
            headers=headers,
            data=body,
            cookies=self._cookies,
            allow_redirects=False,
            unbuffered=True,
            reactor=self._clock,
        )
        return responded.addCallback(_answer)


def _answer(response: Any) -> HttpResponse:
    """Return the pool's answer: `original` is PoolAgent's Response, around which treq has put its own."""
    answer: HttpResponse = response.original.answer
    return answer


class SpelledUrl(EncodedURL):
    """A URL that is sent as it is `spelled`. hyperlink would parse and encode it anew for each request.

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

    def add_cookie_header(self, request: Any) -> None:
        """Add nothing to a request."""

    def extract_cookies(self, response: Any, request: Any) -> None:
        """Take nothing from a response."""
