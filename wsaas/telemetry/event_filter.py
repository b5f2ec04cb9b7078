"""The part of all events that one watcher wants to see: by connection, group, kind of event, and status."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection

from wsaas.core.errors import BadRequest
from wsaas.core.groups import name_flaw
from wsaas.core.ids import ID_LENGTH, is_id

PARAMETERS = ("id", "group", "event", "status")
EVENTS = (
    "connect",
    "message",
    "refresh",
    "disconnect",
    "retry",
    "reply",
    "push",
    "group_push",
    "broadcast",
    "refusal",
    "close",
)
"""The words for events: those that the backend is told, and what happens beside them."""
MAX_VALUES = 100
"""Values of one parameter."""
MAX_ENDING = 1000
"""Connections that are remembered as members of a group until their DELETE is answered."""
_SUCCESS = 2
_SUCCESSES = _SUCCESS - 10
NO_ANSWER = 0
"""The status of a webhook that has no answer."""
_MAX_SHOWN = 60
_STATUSES = "a status is a number, 5xx or the like, or error"
_STATUS = re.compile("[1-5](?:xx|[0-9][0-9])|error", re.ASCII)


class EventFilter:
    """Says of each event if the watcher wants it. With no parameter it wants all.

    Each parameter is a list with commas: ids; names of groups; words of EVENTS; statuses, such as 404, 5xx, and "error"
    for webhooks without an answer. Raises BadRequest for any other value. Bound: MAX_VALUES of each, and MAX_ENDING.
    """

    def __init__(self, value_of: Callable[[str], str | None] = lambda name: None) -> None:
        def values(name: str, flaw: Callable[[str], str | None]) -> frozenset[str] | None:
            text = value_of(name)
            if text is None:
                return None
            found = frozenset(text.split(","))
            if len(found) > MAX_VALUES:
                raise BadRequest(f"{name}: {MAX_VALUES} values at most")
            for value in sorted(found):
                wrong = flaw(value)
                if wrong is not None:
                    raise BadRequest(f"{name}={value[:_MAX_SHOWN]}: {wrong}")
            return found

        self._ids = values("id", lambda id: None if is_id(id) else f"an id of a connection has {ID_LENGTH} characters")
        self._groups = values("group", name_flaw)
        self._events = values("event", lambda word: None if word in EVENTS else f"the events are {', '.join(EVENTS)}")
        statuses = values("status", lambda text: None if _STATUS.fullmatch(text) else _STATUSES)
        self._statuses = None if statuses is None else frozenset(map(_numbers, statuses))
        self.everything = all(each is None for each in (self._ids, self._groups, self._events, self._statuses))
        """True without a parameter, which spares the question."""
        self.some_delivered = (self._events is None or "message" in self._events) and (
            self._statuses is None or any(each // 100 == _SUCCESS or each == _SUCCESSES for each in self._statuses)
        )
        """False if it wants no message that was delivered, of any client."""
        self.all_delivered = (
            self.some_delivered
            and self._ids is None
            and self._groups is None
            and (self._statuses is None or _SUCCESSES in self._statuses)
        )
        """True if it wants each of these."""
        self._ending: set[str] = set()

    def wants(self, event: str, id: str | None, groups: Collection[str], status: int | None) -> bool:
        """Say if an event is wanted: that of this connection, in these groups. `status` is None if it has none."""
        if self._events is not None and event not in self._events:
            return False
        if self._ids is not None and id not in self._ids:
            return False
        if self._statuses is not None and not (
            status is not None and (status in self._statuses or status // 100 - 10 in self._statuses)
        ):
            return False
        return self._groups is None or not self._groups.isdisjoint(groups) or id in self._ending

    def ending(self, id: str, groups: Collection[str]) -> None:
        """Hear that a connection ends, and leaves its groups: what is left to say of it is wanted with them."""
        if self._groups is not None and not self._groups.isdisjoint(groups) and len(self._ending) < MAX_ENDING:
            self._ending.add(id)

    def ended(self, id: str) -> None:
        """Hear that nothing is left to say of a connection."""
        self._ending.discard(id)


def _numbers(status: str) -> int:
    """Return a status as a number: negative for a class of them."""
    if status == "error":
        return NO_ANSWER
    return int(status[0]) - 10 if status.endswith("xx") else int(status)
