"""The pool, as its connections know it."""

from __future__ import annotations

from typing import Protocol, TypeVar

from wsaas.http_client.exchange import Exchange

C = TypeVar("C")


class PoolCallbacks(Protocol[C]):
    """Calls of the connections, which are of type C, to their pool."""

    waiting: list[C] | None
    """The connections whose requests are written soon, in a row; None while each request is written at once."""

    def freed(self, connection: C) -> None:
        """Take back a connection: its exchange is over, and it is good for another."""

    def retired(self, connection: C) -> None:
        """Use a connection no more: it is idle, and ends."""

    def lost(self, connection: C) -> None:
        """Forget a connection: it is gone."""

    def stale(self, exchange: Exchange) -> None:
        """Send an exchange again: its reused connection ended before a byte of an answer came."""

    def unwritten(self, exchange: Exchange, words: str, again: bool) -> None:
        """Take back an exchange: its connection ended for this reason before the request was written. If `again`, that
        says nothing about a new connection.
        """
