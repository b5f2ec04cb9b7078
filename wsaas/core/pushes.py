"""The kinds of pushes, and what becomes of one that is taken. One that is not raises an error of `errors.py`."""

from __future__ import annotations

from enum import Enum


class PushKind(Enum):
    """The ways to push, by the clients that get the message."""

    CONNECTION = "connection"
    GROUP = "group"
    BROADCAST = "broadcast"
    AWS = "aws"
    """To one connection, as an AWS SDK asks for it."""


TO_ONE = frozenset((PushKind.CONNECTION, PushKind.AWS))
"""The kinds of pushes that are for one connection."""


class Pushed(Enum):
    """The fate of a push that was taken."""

    SENT = "sent"
    QUEUED = "queued"
