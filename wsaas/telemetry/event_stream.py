"""The stream of events: an observer that is there while there are watchers, and writes a line for each event.

event -> is there a watcher whose filter wants it, and whose sample has room? -> one line of JSON -> each such Watcher
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from functools import partial
from math import inf
from typing import Any, cast

from twisted.logger import Logger

from wsaas.core.errors import GatewayError
from wsaas.core.events import Cause, Closed, EventKind, Received
from wsaas.core.groups import NO_GROUPS
from wsaas.core.model import Frame
from wsaas.core.monitor import Monitor
from wsaas.core.observer import Attempt, DeliveryMoments, Push, RefusedHandshake
from wsaas.core.outcomes import Delivered
from wsaas.core.pushes import TO_ONE, Pushed, PushKind
from wsaas.core.session import Session
from wsaas.telemetry.delivered_lines import LONGEST_KEPT, DeliveredLines
from wsaas.telemetry.event_filter import EventFilter
from wsaas.telemetry.event_lines import EventLines, failed, status_of
from wsaas.telemetry.event_sample import EventSample, LeftOut
from wsaas.telemetry.watcher import Watcher
from wsaas.telemetry.webhooks import Answer

_PUSHES = {**dict.fromkeys(TO_ONE, "push"), PushKind.GROUP: "group_push", PushKind.BROADCAST: "broadcast"}
_WEBHOOKS = {kind: kind.value for kind in EventKind}
_WANTED_ENDS = frozenset({Cause.CLIENT, Cause.API, Cause.BACKEND, Cause.DRAIN})
_MESSAGE = "message"
_DELIVERED = Delivered()
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
        self._room: float = inf
        """Messages that are still wanted, of those that are sent from now on."""
        self._each = False
        """True if a watcher has to be asked about each message that was delivered."""
        self._passed_over = 0
        """Messages that no watcher was asked about, since the last look."""

    def watch(
        self,
        filter: EventFilter,
        write: Callable[[bytes], object],
        end: Callable[[], object],
        rate: float | None = None,
    ) -> Watcher:
        """Begin to write what happens; see Watcher. The caller ends it by `unwatch`. With a `rate`: see EventSample."""
        watcher = Watcher(self._clock, filter, write, end, self._delivered.written)
        if rate is not None:
            watcher.sample = EventSample(self._clock, rate, partial(self._say_left_out, watcher), self._look)
        self._look()
        self._watchers.append(watcher)
        self._look()
        if len(self._watchers) == 1:
            self._monitor.watch(self)
        return watcher

    def unwatch(self, watcher: Watcher) -> None:
        """Stop a watcher. May be called again."""
        if watcher.sample is not None:
            watcher.sample.stop()
        watcher.stop()
        if watcher in self._watchers:
            self._watchers.remove(watcher)
            self._look()
            if not self._watchers:
                self._monitor.unwatch(self)

    def note(self, word: str, prefix: str) -> bytes:
        """Return the line that says a word of the stream of another process."""
        return self._lines.note(word, prefix)

    def stop(self) -> None:
        """Let all watchers go, with a last line: the process stops, and nothing happens in it any more."""
        for watcher in list(self._watchers):
            if watcher.sample is not None:
                watcher.sample.stop()
            watcher.offer(self._lines.end())
            watcher.end()

    # Observer

    def connected(self, session: Session) -> None:
        """Tell nothing: the connect that was accepted is an event."""

    def refused(self, refused: RefusedHandshake) -> None:
        id = getattr(refused.session, "id", None)
        self._tell("refusal", id, (), status_of(refused.response), True, self._lines.refusal, refused, id)

    def delivered(
        self, session: Session, message: Received, number: int, answer: object, moments: DeliveryMoments
    ) -> None:
        late = None
        for watcher in self._watchers:
            filter = watcher.filter
            if filter.everything or (
                filter.some_delivered
                and filter.wants(_MESSAGE, session.id, session.groups, cast(Answer, answer).status)
            ):
                if watcher.sample is not None and not watcher.sample.takes(_MESSAGE, False):
                    continue
                if late is None:
                    late = self._delivered.of(session, message, number, answer, moments)
                    if len(message.frame.payload) > LONGEST_KEPT:
                        self._delivered.written(late)
                watcher.offer_late(late)

    def wants_message(self) -> bool:
        if self._room < 1:
            return False
        self._room -= 1
        return True

    def passed_over(self, session: Session, message: Received, number: int, answer: object) -> None:
        if self._each:  # since the message was sent
            self.tried(session, Attempt(message, number, None, answer, None, _DELIVERED))
        else:
            self._passed_over += 1

    def tried(self, session: Session, attempt: Attempt) -> None:
        event = _WEBHOOKS[attempt.event.kind] if attempt.outcome is not None else "retry"
        status = status_of(attempt.answer)
        bad = failed(attempt, status)
        self._tell(event, session.id, session.groups, status, bad, self._lines.webhook, event, session, attempt)
        if event == "disconnect":
            for watcher in self._watchers:
                watcher.filter.ended(session.id)

    def replied(self, session: Session, frame: Frame) -> None:
        self._tell("reply", session.id, session.groups, None, False, self._lines.reply, session, frame)

    def pushed(self, push: Push) -> None:
        event, session = _PUSHES[push.kind], push.session
        if push.kind in TO_ONE:
            result = push.result
            if isinstance(result, GatewayError):
                status, code = self._code_of(result)
            else:
                status, code = (202 if result is Pushed.QUEUED else 200), "OK"
            groups = NO_GROUPS if session is None else session.groups
            bad = status // 100 != 2
            self._tell(event, push.target, groups, status, bad, self._lines.push, push, status, code)
        elif not isinstance(push.result, GatewayError):
            group = (push.target,) if push.kind is PushKind.GROUP else ()
            self._tell(event, None, group, None, push.skipped > 0, self._lines.push_to_many, event, push)

    def close_asked(self, id: str, code: int, error: GatewayError | None) -> None:
        """Tell nothing: the close that follows is an event."""

    def ending(self, session: Session, closed: Closed, gone: bool) -> None:
        for watcher in self._watchers:
            watcher.filter.ending(session.id, session.groups)
        if gone:
            bad = closed.cause not in _WANTED_ENDS
            self._tell("close", session.id, session.groups, None, bad, self._lines.close, session, closed)

    def disconnected(self, session: Session, closed: Closed) -> None:
        """Tell nothing: the disconnect that follows is an event."""

    def _tell(
        self,
        event: str,
        id: str | None,
        groups: Collection[str],
        status: int | None,
        bad: bool,
        line: Callable[..., bytes],
        *arguments: object,
    ) -> None:
        """Give the line of an event, a bad one or not, to the watchers that are shown it. The first one has it made."""
        written = b""
        for watcher in self._watchers:
            filter = watcher.filter
            if filter.everything or filter.wants(event, id, groups, status):
                if watcher.sample is not None and not watcher.sample.takes(event, bad):
                    continue
                if not written:
                    try:
                        written = line(*arguments)
                    except Exception:
                        self._log.failure("an event ({event}) could not be written for its watchers", event=event)
                        return
                watcher.offer(written)

    def _look(self) -> None:
        """Count the messages that were passed over as left out, and see if the next ones are wanted."""
        count, self._passed_over = self._passed_over, 0
        self._room, self._each = 0, False
        for watcher in self._watchers:
            filter, sample = watcher.filter, watcher.sample
            if sample is None or not filter.all_delivered:
                self._each = self._each or filter.some_delivered
                continue
            if count:
                sample.leave_out(_MESSAGE, count)
            self._room = max(self._room, sample.room(_MESSAGE))
        if self._each:
            self._room = inf

    def _say_left_out(self, watcher: Watcher, left_out: LeftOut) -> bool:
        return watcher.reads and watcher.offer(self._lines.sampled(left_out))
