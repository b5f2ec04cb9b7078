"""The ways in which a command can fail, each with its exit status."""

from __future__ import annotations

DONE = 0
FAILED = 1
USAGE = 2
NO_SUCH = 3
NOT_ALLOWED = 4
NOT_REACHABLE = 5
TRY_AGAIN = 6
INTERRUPTED = 130
"""Exit status after Ctrl-C, as shells report it."""
BROKEN_PIPE = 141
"""Exit status when the reader of the output has gone, as shells report it."""

STATUSES = {
    DONE: "done",
    FAILED: "failed",
    USAGE: "wrong usage",
    NO_SUCH: "no such connection, group or webhook",
    NOT_ALLOWED: "not allowed: the token is missing or wrong (401, 403)",
    NOT_REACHABLE: "the gateway cannot be reached; for wsaas try, the backend",
    TRY_AGAIN: "try again later: the client is too slow, or the gateway is not ready (429, 503)",
    INTERRUPTED: "interrupted by Ctrl-C",
}
"""The exit statuses of all commands that call the API."""


class Failed(Exception):
    """The command cannot do what it was asked: `code` for programs, the text for people, `status` for the shell."""

    def __init__(self, code: str, message: str, status: int = FAILED) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.status = status


class Misused(Failed):
    """The arguments make no sense, or a setting in the environment does not."""

    def __init__(self, message: str) -> None:
        super().__init__("USAGE", message, USAGE)
