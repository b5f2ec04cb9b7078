"""The stream of events: an observer that is there while anybody watches, and writes a line for each event.

event -> is there a watcher whose filter wants it? -> one line of JSON -> each such Watcher
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any, cast

from twisted.logger import Logger

from wsaas.core.errors import GatewayError
from wsaas.core.events import Closed, EventKind, Received
from wsaas.core.groups import NO_GROUPS
from wsaas.core.model import Frame
from wsaas.core.monitor import Monitor
from wsaas.core.observer import Attempt, DeliveryMoments, Push, RefusedHandshake
from wsaas.core.pushes import TO_ONE, Pushed, PushKind
from wsaas.core.session import Session
from wsaas.telemetry.delivered_lines import LONGEST_KEPT, Answer, DeliveredLines
from wsaas.telemetry.event_filter import EventFilter
from wsaas.telemetry.event_lines import EventLines, status_of
from wsaas.telemetry.watcher import Watcher

_PUSHES = {**dict.fromkeys(TO_ONE, "push"), PushKind.GROUP: "group_push", PushKind.BROADCAST: "broadcast"}
_WEBHOOKS = {kind: kind.value for kind in EventKind}
CodeOf = Callable[[GatewayError], tuple[int, str]]
"""Gives status and code of the API's answer to an error."""


class EventStream:
    """Observes the process while there are watchers: the first one sets it as observer, the last one takes it away.

    The caller bounds the watchers. An event that cannot be written as a line is left out, and the log says why.
    """

    _log = Logger()

    def __init__(self, monitor: Monitor, clock: Any, lines: EventLines, code_of: CodeOf) -> None:
        self._monitor = monitor
        self._clock = clock
        self._lines = lines
        self._code_of = code_of
        self._watchers: list[Watcher] = []
        self._delivered = lines.delivered or DeliveredLines(lambda: 0.0, "")
        self.wants_requests = lines.delivered is None
        """With payloads, each webhook is written as it was sent."""

    def watch(self, filter: EventFilter, write: Callable[[bytes], object], end: Callable[[], object]) -> Watcher:
        """Begin to write what happens; see Watcher. The caller ends it by `unwatch`."""
        watcher = Watcher(self._clock, filter, write, end, self._delivered.written)
        self._watchers.append(watcher)
        if len(self._watchers) == 1:
            self._monitor.watch(self)
        return watcher

    def unwatch(self, watcher: Watcher) -> None:
        """Stop a watcher. May be called again."""
        watcher.stop()
        if watcher in self._watchers:
            self._watchers.remove(watcher)
            if not self._watchers:
                self._monitor.unwatch(self)

    def note(self, word: str, prefix: str) -> bytes:
        """Return the line that says a word of the stream of another process."""
        return self._lines.note(word, prefix)

    def stop(self) -> None:
        """Let all watchers go, with a last line: the process stops, and nothing happens in it any more."""
        for watcher in list(self._watchers):
            watcher.offer(self._lines.end())
            watcher.end()

    # Observer

    def connected(self, session: Session) -> None:
        """Tell nothing: the connect that was accepted is an event."""

    def refused(self, refused: RefusedHandshake) -> None:
        id = getattr(refused.session, "id", None)
        self._tell("refusal", id, (), status_of(refused.response), self._lines.refusal, refused, id)

    def delivered(
        self, session: Session, message: Received, number: int, answer: object, moments: DeliveryMoments
    ) -> None:
        late = None
        for watcher in self._watchers:
            filter = watcher.filter
            if filter.everything or (
                filter.some_delivered
                and filter.wants("message", session.id, session.groups, cast(Answer, answer).status)
            ):
                if late is None:
                    late = self._delivered.of(session, message, number, answer, moments)
                    if len(message.frame.payload) > LONGEST_KEPT:
                        self._delivered.written(late)
                watcher.offer_late(late)

    def tried(self, session: Session, attempt: Attempt) -> None:
        event = _WEBHOOKS[attempt.event.kind] if attempt.outcome is not None else "retry"
        status = status_of(attempt.answer)
        self._tell(event, session.id, session.groups, status, self._lines.webhook, event, session, attempt)
        if event == "disconnect":
            for watcher in self._watchers:
                watcher.filter.ended(session.id)

    def replied(self, session: Session, frame: Frame) -> None:
        self._tell("reply", session.id, session.groups, None, self._lines.reply, session, frame)

    def pushed(self, push: Push) -> None:
        event, session = _PUSHES[push.kind], push.session
        if push.kind in TO_ONE:
            result = push.result
            if isinstance(result, GatewayError):
                status, code = self._code_of(result)
            else:
                status, code = (202 if result is Pushed.QUEUED else 200), "OK"
            groups = NO_GROUPS if session is None else session.groups
            self._tell(event, push.target, groups, status, self._lines.push, push, status, code)
        elif not isinstance(push.result, GatewayError):
            group = (push.target,) if push.kind is PushKind.GROUP else ()
            self._tell(event, None, group, None, self._lines.push_to_many, event, push)

    def close_asked(self, id: str, code: int, error: GatewayError | None) -> None:
        """Tell nothing: the close that follows is an event."""

    def ending(self, session: Session, closed: Closed, gone: bool) -> None:
        for watcher in self._watchers:
            watcher.filter.ending(session.id, session.groups)
        if gone:
            self._tell("close", session.id, session.groups, None, self._lines.close, session, closed)

    def disconnected(self, session: Session, closed: Closed) -> None:
        """Tell nothing: the disconnect that follows is an event."""

    def _tell(
        self,
        event: str,
        id: str | None,
        groups: Collection[str],
        status: int | None,
        line: Callable[..., bytes],
        *arguments: object,
    ) -> None:
        """Give the line of an event to the watchers whose filters want it. It is made for the first one."""
        written = b""
        for watcher in self._watchers:
            filter = watcher.filter
            if filter.everything or filter.wants(event, id, groups, status):
                if not written:
                    try:
                        written = line(*arguments)
                    except Exception:
                        self._log.failure("an event ({event}) could not be written for those who watch", event=event)
                        return
                watcher.offer(written)
