"""Receipts: the proof that the client's stack has read a message, by the pong to a ping right behind it.

A client may answer only the latest of several pings (RFC 6455, 5.5.3), and reads frames in their order: a pong proves
that it has read all messages before that ping.
"""

from __future__ import annotations

from collections.abc import Callable

MAX_RECEIPTS = 64
"""Receipts of one connection that wait for a pong at the same time."""
_PAYLOAD = b"receipt "
_MAX_DIGITS = 18


class Receipt:
    """One wait for a pong. `settle` is called once: with True when it is there, with False when none can come."""

    __slots__ = ("_receipts", "number", "settle")

    def __init__(self, settle: Callable[[bool], object]) -> None:
        self.settle = settle
        self.number = 0
        self._receipts: Receipts | None = None

    def add_to(self, receipts: Receipts, number: int) -> None:
        """Begin to wait, as the one of this number."""
        self._receipts = receipts
        self.number = number

    def withdraw(self) -> None:
        """Wait no longer: `settle` is not called any more. Idempotent."""
        if self._receipts is not None:
            self._receipts.remove(self)


class Receipts:
    """The receipts of one connection that wait, in the order of their pings. Bound: MAX_RECEIPTS, as `full` says."""

    __slots__ = ("_count", "_waiting")

    def __init__(self) -> None:
        self._count = 0
        self._waiting: dict[int, Receipt] = {}

    @property
    def full(self) -> bool:
        """Return True while no further receipt may be added."""
        return len(self._waiting) >= MAX_RECEIPTS

    def add(self, receipt: Receipt) -> bytes:
        """Let a receipt wait; return the payload for its ping."""
        self._count += 1
        receipt.add_to(self, self._count)
        self._waiting[self._count] = receipt
        return b"%b%d" % (_PAYLOAD, self._count)

    def remove(self, receipt: Receipt) -> None:
        """Let a receipt wait no longer."""
        self._waiting.pop(receipt.number, None)

    def ponged(self, payload: bytes) -> None:
        """Settle those whose messages the client has read, as a pong with this payload proves; none by any other."""
        digits = payload.removeprefix(_PAYLOAD)
        if digits is payload or len(digits) > _MAX_DIGITS or not digits.isdigit() or int(digits) > self._count:
            return
        read = [receipt for number, receipt in self._waiting.items() if number <= int(digits)]
        self._settle(read, True)

    def give_up(self) -> None:
        """Settle all that wait: the connection has ended, or begins to."""
        self._settle(list(self._waiting.values()), False)

    def _settle(self, receipts: list[Receipt], received: bool) -> None:
        for receipt in receipts:
            self.remove(receipt)
        for receipt in receipts:
            receipt.settle(received)
