"""Handlers behind Lambda's own interface, `POST /2015-03-31/functions/{name}/invocations`.

    http://localhost:9000              the Runtime Interface Emulator; the function is called `function`
    http://localhost:3001/Name         sam local start-lambda, LocalStack and others
    lambda:name                        AWS, signed with the AWS_ variables

The emulator dies of a second request while it answers a first: it gets one at a time, and the next only when it has
answered, even if nobody waits for that answer any more.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote, urlsplit

from treq.client import HTTPClient
from twisted.internet.defer import CancelledError, Deferred, DeferredLock, ensureDeferred
from twisted.internet.error import ConnectError, ConnectionRefusedError, DNSLookupError
from twisted.web.http_headers import Headers

from wsaas.lambda_backend.targets import Call, HandlerFailed, NotCalled, hear_within

MAX_RESULT = 8 << 20
"""Bytes of a result; Lambda's own limit is 6 MB."""
EMULATED = "function"
"""The name of the function that the emulator serves."""
_PATH = "/2015-03-31/functions/"
_AGAIN = (429, 500, 502, 503, 504)
"""Statuses with which Lambda says that the function was not called, or that it may be called again."""

Sign = Callable[[bytes, str, bytes], Mapping[str, str]]
"""Returns the headers with a request's signature: called with its method, its URL and its body."""


def invoke_url(base: str) -> tuple[str, bool]:
    """Return the URL at which a function is invoked, and True if the emulator serves it, which `base` then names."""
    path = urlsplit(base).path.rstrip("/")
    if path.startswith(_PATH):
        return base, path == f"{_PATH}{EMULATED}/invocations"
    root = base.removesuffix("/").removesuffix(path)
    name = path.strip("/") or EMULATED
    return f"{root}{_PATH}{quote(name, safe='')}/invocations", not path


class InvokeTarget:
    """One function behind a URL."""

    def __init__(self, reactor: Any, client: HTTPClient, url: str, sign: Sign | None = None) -> None:
        self._reactor = reactor
        self._client = client
        self._url, emulated = (url, False) if sign is not None else invoke_url(url)
        self._sign = sign
        self._one_at_a_time = DeferredLock() if emulated else None

    def call(self, call: Call) -> Deferred[Any]:
        """Invoke the function: Target."""
        heard, over = hear_within(self._reactor, call.timeout, f"no answer within {call.timeout:g} s")
        ensureDeferred(self._invoke(call, heard)).addBoth(over)
        return heard

    async def _invoke(self, call: Call, heard: Deferred[Any]) -> Any:
        if self._one_at_a_time is None:
            return await self._post(call)
        await self._one_at_a_time.acquire()
        try:
            if heard.called:
                raise NotCalled("the time was over before it was this call's turn")
            return await self._post(call)
        finally:
            self._one_at_a_time.release()

    async def _post(self, call: Call) -> Any:
        body = json.dumps(call.event).encode("ascii")
        headers = Headers({"Content-Type": ["application/json"], "X-Amz-Invocation-Type": ["RequestResponse"]})
        if self._sign is not None:
            for name, value in self._sign(b"POST", self._url, body).items():
                headers.setRawHeaders(name, [value])
        try:
            response = await self._client.post(
                self._url, data=body, headers=headers, allow_redirects=False, unbuffered=True, reactor=self._reactor
            )
            answer = bytearray()

            def collect(data: bytes) -> None:
                if len(answer) + len(data) > MAX_RESULT:
                    raise HandlerFailed(f"the result is longer than {MAX_RESULT} bytes")
                answer.extend(data)

            await response.collect(collect)
        except (HandlerFailed, CancelledError):
            raise
        except (ConnectionRefusedError, DNSLookupError, ConnectError) as error:
            raise NotCalled(f"{self._url} cannot be reached: {error}") from None
        except Exception as error:
            raise NotCalled(f"{self._url} did not answer: {error!r}") from None
        if response.code in _AGAIN:
            raise NotCalled(f"{self._url} answered {response.code}: {bytes(answer[:200])!r}")
        failed = response.headers.getRawHeaders("x-amz-function-error")
        return read_result(response.code, failed is not None, bytes(answer))


def read_result(status: int, failed: bool, answer: bytes) -> Any:
    """Return the function's result. Raises HandlerFailed for every form in which its failure is told.

    The emulator tells it with status 200 and without the header: an object with errorType, or a line that is no JSON.
    """
    shown = answer[:500].decode(errors="replace")
    if status != 200 or failed:
        raise HandlerFailed(f"{status}: {shown}")
    if not answer.strip():
        return None
    try:
        result = json.loads(answer)
    except (ValueError, RecursionError):
        raise HandlerFailed(shown) from None
    if isinstance(result, dict) and "errorMessage" in result and "statusCode" not in result:
        raise HandlerFailed(shown)
    return result
