"""The kinds of pushes, and what becomes of one that is taken. One that is not raises an error of `errors.py`."""

from __future__ import annotations

from enum import Enum


class PushKind(Enum):
    """The ways to push, by the clients that get the message."""

    CONNECTION = "connection"
    GROUP = "group"
    BROADCAST = "broadcast"


class Pushed(Enum):
    """The fate of a push that was taken."""

    SENT = "sent"
    QUEUED = "queued"
