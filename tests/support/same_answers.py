"""Requests that every process of a gateway answers as the owner of the connection does, and the comparison."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from tests.support.workers import ApiLine, Reply

SLOW = "X-Slow: \t\r\n"
"""A header that the fast path does not take."""
BINARY = "Content-Type: application/octet-stream\r\n"
Asked = tuple[str, str, bytes, str]
"""Method, target, body, headers."""


def rows(reply: Reply) -> Any:
    """The JSON of an answer."""
    return json.loads(reply.body)


def requests_about(id: str) -> list[Asked]:
    """Requests about one connection, about one of the same process that is gone, and one of no process at all.

    MAX_MESSAGE_SIZE is 10,000. Each push that is sent reaches the client: `sent_by` has what.
    """
    gone, unknown = id[:8] + "0" * 24, "00000000" + id[8:]
    return [
        ("PUT", f"/{id}", b"hello", ""),
        ("PUT", f"/{id}", b"\xff\x00", BINARY),
        ("PUT", f"/{id}", b"\xff\x00", ""),
        ("PUT", f"/{id}", b"x" * 10000, ""),
        ("PUT", f"/{id}", b"hello", "Content-Encoding: gzip\r\n"),
        ("PUT", f"/{id}?nonsense=1", b"hello", ""),
        ("GET", f"/{id}?nonsense=1", b"", ""),
        ("DELETE", f"/{id}?code=1001", b"", ""),
        ("DELETE", f"/{id}?code=4000&reason={'x' * 124}", b"", ""),
        ("POST", f"/{id}", b"", ""),
        ("PUT", f"/groups/a%2Fb%20c/{id}", b"", ""),
        ("DELETE", f"/groups/a%2Fb%20c/{id}", b"", ""),
        ("DELETE", f"/groups/never/{id}", b"", ""),
        ("PUT", f"/groups/../{id}", b"", ""),
        ("PUT", f"/groups/{'g' * 257}/{id}", b"", ""),
        *(("PUT", f"/{target}?except={id}&except=short", b"x", "") for target in ("broadcast", "groups/g")),
        ("DELETE", f"/groups/g?except={id}&except=short", b"", ""),
        *(("PUT", f"/{id}?receipt={bad}", b"x", "") for bad in ("0", "60001", "5s")),
        ("PUT", f"/{id}?receipt=60000", b"\xff", ""),
        *(("PUT", f"/{nobody}?receipt=60000", b"x", "") for nobody in (gone, unknown)),
        ("GET", "/groups?limit=0", b"", ""),
        *((method, f"/{gone}", b"", "") for method in ("PUT", "GET", "HEAD", "DELETE")),
        *((method, f"/{unknown}", b"", "") for method in ("PUT", "GET", "HEAD", "DELETE")),
        *((method, f"/prod/@connections/{gone}", b"", "") for method in ("POST", "GET", "DELETE")),
        *((method, f"/%40connections/{unknown}", b"", "") for method in ("POST", "GET", "DELETE")),
        ("POST", f"/@connections/{id}", b"hello", ""),
        ("POST", f"/@connections/{id}", b"\xff\x00", ""),
        ("POST", f"/@connections/{id}", b"x" * 10000, ""),
        ("POST", "/@connections/L0SM9cOFvHcCIhw=", b"hello", ""),
        ("PUT", f"/@connections/{id}", b"hello", ""),
        ("PUT", f"/groups/g/{gone}", b"", ""),
        ("PUT", f"/groups/g/{unknown}", b"", ""),
    ]


def sent_by(times: int) -> list[str | bytes]:
    """What `requests_about` has sent to the client when each request was made so many times."""
    messages: list[str | bytes] = ["hello", b"\xff\x00", "x" * 10000, "hello", b"\xff\x00", "x" * 10000]
    return [message for message in messages for _ in range(times)]


def assert_alike(case: SynchronousTestCase, lines: Sequence[ApiLine], ids: Iterable[str]) -> None:
    """Make each request about these connections of all processes, on the fast path and the slow: the answers are the
    same. What is known of a connection is, too, but for the moment of its last sign of life.
    """
    for id in ids:
        for method, target, body, headers in requests_about(id):
            replies = {
                (line.pid, slow): line.ask(method, target, body, headers + slow)
                for line in lines
                for slow in ("", SLOW)
            }
            case.assertEqual(len(set(replies.values())), 1, (method, target, replies))
        known = [{**rows(line.ask("GET", f"/{id}")), "last_active_at": ""} for line in lines]
        case.assertEqual(known, [known[0]] * len(lines))
        case.assertEqual({line.ask("HEAD", f"/{id}").status for line in lines}, {200})
