"""The route of the event stream, `/-/events`: one line of JSON for each event, until the reader leaves.

reader -> Watcher of this process -> the request's chunks
             ^- the lines of each other process, which filters them itself, and notes of what is missing of them
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from twisted.internet.defer import Deferred

from wsaas.api.app import Api
from wsaas.api.errors import TooManyWatchers
from wsaas.api.params import Query
from wsaas.api.responses import Streamed
from wsaas.internals.http_channel import read_on
from wsaas.telemetry.event_filter import PARAMETERS, EventFilter
from wsaas.telemetry.event_sample import RATE, rate_of
from wsaas.telemetry.event_stream import EventStream

MAX_WATCHERS = 16
"""Streams that one process serves at once."""
EVENTS = "/-/events"


class Followed(Protocol):
    """The streams of other processes, for one reader."""

    def stop(self) -> None:
        """End them."""


Follow = Callable[[bytes, Callable[[bytes], object], Callable[[str, str], object]], Followed]
"""Begins to read what all other processes answer to a request for this target. Gives each line to one callable; and a
word to the other, with the prefix of a process: "lost" when its lines are missing, "found" when they come (again).
"""


def add_event_routes(
    api: Api,
    stream: EventStream,
    hello: Callable[[], bytes],
    *,
    most: Callable[[], int] = lambda: MAX_WATCHERS,
    processes: Callable[[], int] = lambda: 1,
    follow: Follow | None = None,
) -> None:
    """Add `/-/events`, for `most()` readers at once. Each stream begins with the line that `hello()` gives, if any.

    `follow` reads the streams of the other processes, None if there are none. With them there are `processes()`, which
    share what a reader wants to be shown a second evenly.
    """
    readers: set[object] = set()

    @api.route(EVENTS, "GET", once=(*PARAMETERS, RATE))
    async def events(request: Any, query: Query) -> Streamed:
        filter, rate = EventFilter(query.one), rate_of(query.one(RATE))
        streamed = Streamed("application/x-ndjson")
        if request.method == b"HEAD":
            return streamed
        if len(readers) >= most():
            raise TooManyWatchers(f"{most()} watch already, and no more may: close another stream first")
        over: Deferred[bool] = Deferred()

        def end(gone: bool = False) -> None:
            if not over.called:
                over.callback(gone)

        readers.add(over)
        read_on(request)
        request.notifyFinish().addErrback(lambda failure: end(True))
        streamed.begin(request, hello())
        watcher = stream.watch(filter, request.write, end, None if rate is None else rate / processes())
        request.registerProducer(watcher, True)

        def note(word: str, prefix: str) -> None:
            watcher.offer(stream.note(word, prefix))

        followed = None if follow is None else follow(request.uri, watcher.offer, note)
        gone = True
        try:
            gone = await over
        finally:
            readers.discard(over)
            if followed is not None:
                followed.stop()
            stream.unwatch(watcher)
            if not gone:
                request.unregisterProducer()
        return streamed
