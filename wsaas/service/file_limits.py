"""The number of clients that the limit of open files has room for.

Everything that a connection needs to be served (its webhook, the push that comes back, the journal) is a file, too.
Files are kept free for these, so that a gateway at its connection limit can still send webhooks.
"""

from __future__ import annotations

import resource
from dataclasses import dataclass

OWN_FILES = 64
"""Files for the log, the journal, listening sockets and name look-ups, with some to spare."""
MIN_API_CONNECTIONS = 64
"""Connections to the API at least; a thirty-second of the room if that is more."""
MAX_SURPLUS = 64
"""Clients over the limit that are told so, at most."""
MIN_CLIENTS = 16
"""Clients that there must be room for: a gateway for fewer does not start."""


@dataclass(frozen=True, slots=True)
class Capacity:
    """Room for `clients`, for `surplus` more that are told that there is none, and for `api` connections to the API.

    `warning` is set if these are fewer clients than wished.
    """

    clients: int
    surplus: int
    api: int
    open_files: int
    warning: str | None = None


def open_files() -> int:
    """Return the limit of open files, raised as far as this process may raise it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        except (ValueError, OSError):  # "no limit" can be more than the kernel has
            return soft
    return hard if hard != resource.RLIM_INFINITY else 1 << 20


def stream_files(most: int, files: int) -> int:
    """Return the files of so many streamed replies, and of those that wait for their turn (`ReplyStreams`).

    They are a quarter of all at most, since each stream is of a client.
    """
    return min(most + most // 4 + 1, files // 4)


def room_for(wanted: int, webhooks: int, files: int, peers: int = 0) -> Capacity:
    """Return the room for `wanted` clients, 0 for as many as possible, where `webhooks` are in flight at most.

    `peers` are the connections to and from other workers, and those of streamed replies.
    Raises ValueError if there is no room worth speaking of.
    """
    # A webhook may need a second socket for a moment: an old one that is just closed, an address that is tried as well.
    room = files - OWN_FILES - peers - webhooks * 5 // 4
    api = min(max(MIN_API_CONNECTIONS, room // 32), room // 4)
    room -= api
    surplus = min(MAX_SURPLUS, room // 8)
    room -= surplus
    if room < MIN_CLIENTS:
        raise ValueError(
            f"the limit of open files, {files}, leaves no room for clients beside WEBHOOK_CONCURRENCY={webhooks}; "
            "raise it (ulimit -n, LimitNOFILE=)"
        )
    if wanted > room:
        return Capacity(
            room, surplus, api, files, f"MAX_CONNECTIONS={wanted}: the limit of open files, {files}, allows {room}"
        )
    return Capacity(wanted or room, surplus, api, files)
