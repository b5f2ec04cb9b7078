"""The number of clients that the limit of open files has room for.

Everything that a connection needs to be served (its webhook, the push that comes back, the journal) is a file, too:
these have their files kept free, so that a full house still works.
"""

from __future__ import annotations

import resource
from dataclasses import dataclass

OWN = 64
"""Files that a gateway has open by itself, the log, journal, listening sockets, name look-ups; with some to spare."""
API = 64
"""Connections to the API, or a thirty-second of the room if that is more."""
SURPLUS = 64
"""Clients over the limit, at most, that are told so."""
FEWEST = 16
"""A gateway for fewer clients than this does not start."""


@dataclass(frozen=True, slots=True)
class Capacity:
    """So many clients, `surplus` more while they are told that there are too many, and `api` connections to the API.

    `warning` if these are fewer clients than wished.
    """

    clients: int
    surplus: int
    api: int
    open_files: int
    warning: str | None = None


def open_files() -> int:
    """The limit of open files, raised as far as this process may raise it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        except (ValueError, OSError):  # "no limit" can be more than the kernel has
            return soft
    return hard if hard != resource.RLIM_INFINITY else 1 << 20


def capacity(wanted: int, webhooks: int, files: int, peers: int = 0) -> Capacity:
    """Room for `wanted` clients, 0 for as many as can be, where `webhooks` are in flight at most.

    `peers` are the connections to and from other workers.
    Raises ValueError if there is no room worth speaking of.
    """
    # A webhook may need a second socket for a moment: an old one that is just closed, an address that is tried as well.
    room = files - OWN - peers - webhooks * 5 // 4
    api = min(max(API, room // 32), room // 4)
    room -= api
    surplus = min(SURPLUS, room // 8)
    room -= surplus
    if room < FEWEST:
        raise ValueError(
            f"the limit of open files, {files}, leaves no room for clients beside WEBHOOK_CONCURRENCY={webhooks}; "
            "raise it (ulimit -n, LimitNOFILE=)"
        )
    if wanted > room:
        return Capacity(
            room, surplus, api, files, f"MAX_CONNECTIONS={wanted}: the limit of open files, {files}, allows {room}"
        )
    return Capacity(wanted or room, surplus, api, files)
