"""The numbers of clients by network, of all workers together: a table in a file that each of them maps into memory.

    a row for each hash of a network, a column for each worker; a worker writes into its own column only

No lock is needed: each number has one writer. Networks with the same hash count as one, which may refuse a client too
many, never let one in too many; the hash has a key, so that nobody can choose the networks with whom to share a row.
"""

from __future__ import annotations

import fcntl
import mmap
import os
from hashlib import blake2b
from pathlib import Path

ROWS = 1 << 16
KEY_LENGTH = 16
_NUMBER = 4


class SharedCounts:
    """The table, as worker `number` of `count` uses it: NetworkCounts. The column begins with zeros.

    It has 256 KiB for each worker.
    """

    def __init__(self, directory: Path, number: int, count: int) -> None:
        self._column = number - 1
        self._count = count
        size = KEY_LENGTH + ROWS * count * _NUMBER
        file = os.open(directory / f"counts-{count}", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(file, fcntl.LOCK_EX)
            if os.fstat(file).st_size < size:
                os.ftruncate(file, size)
                os.pwrite(file, os.urandom(KEY_LENGTH), 0)
            self._key = os.pread(file, KEY_LENGTH, 0)
            fcntl.flock(file, fcntl.LOCK_UN)  # the map keeps the file open
            self._map = mmap.mmap(file, size)
        finally:
            os.close(file)
        self._numbers = memoryview(self._map)[KEY_LENGTH:].cast("I")
        for row in range(ROWS):  # an earlier life of this worker may have left numbers
            if self._numbers[row * count + self._column]:
                self._numbers[row * count + self._column] = 0

    def add(self, network: str) -> int:
        """Count one more client of the network, and return how many there are at all workers."""
        row = self._row(network)
        self._numbers[row + self._column] += 1
        return sum(self._numbers[row : row + self._count])

    def remove(self, network: str) -> None:
        """Count one client less."""
        self._numbers[self._row(network) + self._column] -= 1

    def close(self) -> None:
        """Let go of the table."""
        self._numbers.release()

    def _row(self, network: str) -> int:
        """Return the index of the row's first number."""
        digest = blake2b(network.encode(), digest_size=4, key=self._key).digest()
        return int.from_bytes(digest) % ROWS * self._count
