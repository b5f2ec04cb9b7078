"""Callers that wait for the receipt of a push, and hold its place among those of a connection."""

from __future__ import annotations

import select
import socket
import time
from collections.abc import Callable, Sequence

from wsproto.events import Ping

from tests.support.websocket_client import PATIENCE, RawClient
from tests.support.workers import ApiLine

SOON = 30.0
"""Seconds until those that left must have made room: half of what their receipts have."""


def hold(
    dial: Callable[[], ApiLine], id: str, client: RawClient, count: int, behind: str | None = None
) -> list[ApiLine]:
    """So many callers, each with a line of its own, whose messages have come and whose pings `client` does not answer.
    Each then asks for the target `behind`, unless that is None.

    One that is refused, as too many receipts wait, asks again: places become free a moment after their callers left.
    """
    held: list[ApiLine] = []
    deadline = time.monotonic() + SOON
    while len(held) < count:
        caller = dial()
        caller.send("PUT", f"/{id}?receipt=60000", b"read me")
        answered, _, _ = select.select([caller.socket, client.socket], [], [], PATIENCE)
        if caller.socket in answered:
            reply = caller.receive()
            caller.close()
            if reply.status != 429 or time.monotonic() > deadline:
                raise AssertionError(f"with {len(held)} that wait, a push with a receipt is answered {reply}")
            time.sleep(0.05)
            continue
        held.append(caller)
        if behind is not None:
            caller.send("GET", behind)
        while not isinstance(event := client.next(), Ping):
            if event is None:
                raise AssertionError("the connection that is pushed to has ended")
    return held


def vanish(callers: Sequence[ApiLine]) -> None:
    """Let all of them hang up without a word."""
    for caller in callers:
        caller.socket.shutdown(socket.SHUT_RDWR)
        caller.close()
