"""`wsaas tail`: shows what happens, as it happens. When the stream ends, it connects again and says so."""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

from wsaas.cli.api_client import ApiClient, from_environment
from wsaas.cli.event_text import EventText
from wsaas.cli.failures import DONE, NOT_REACHABLE, TRY_AGAIN, Failed
from wsaas.cli.ids import resolve
from wsaas.cli.terminal import Output
from wsaas.cli.text import took

PAUSES = (0.2, 0.5, 1.0, 2.0)
"""Seconds before the first attempts to connect again; the last one stays. Behind a last line the first is at once."""
UNCOUNTED = frozenset({"hello", "tick", "skipped", "sampled", "end", "lost", "found"})
"""Lines that are about the stream, and no events."""
RATE, FILTERED_RATE = 100, 1000
"""Events a second of each kind that a terminal is shown: all of them together, and of those that pass a filter."""


def run(options: argparse.Namespace) -> int:
    """Run the command."""
    api = from_environment(options.url, options.token_file, options.ca)
    return Tail(options, api, Output(options.json)).run()


class Tail:
    """Reads the stream and prints its events, `options.count` of them if that is set."""

    def __init__(
        self,
        options: argparse.Namespace,
        api: ApiClient,
        output: Output,
        sleep: Callable[[float], object] = time.sleep,
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        self._options = options
        self._api = api
        self._output = output
        self._sleep = sleep
        self._wall_clock = wall_clock
        self._heard_at = wall_clock()
        """The moment of the last line, an empty one as well."""
        self._ended = False
        """True if that was the last line of a process that stops."""
        self._text = EventText(output.paint, output.columns, options.payloads)
        self._left = options.count

    def run(self) -> int:
        query = self._query()
        for line in self._lines(query):
            if self._show(line) and self._left is not None:
                self._left -= 1
                if self._left == 0:
                    break
        return DONE

    def _query(self) -> list[tuple[str, str]]:
        options = self._options
        query = [] if options.id is None else [("id", resolve(self._api, options.id))]
        for name in ("group", "event", "status"):
            value = getattr(options, name)
            if value:
                query.append((name, ",".join(value)))
        if self._output.to_terminal and not (options.all or self._output.as_json):
            query.append(("rate", str(FILTERED_RATE if query else RATE)))
        return query

    def _lines(self, query: list[tuple[str, str]]) -> Iterator[bytes]:
        """Yield the lines of one stream after another. The first one must succeed."""
        yield from self._stream(query)
        while True:
            why = "the gateway's process stops, and the stream ended" if self._ended else "the stream ended"
            self._note(f"{why}; connecting again. What happens meanwhile is missing here")
            yield from self._again(query)

    def _stream(self, query: list[tuple[str, str]]) -> Iterator[bytes]:
        """Yield the lines of one stream."""
        try:
            for line in self._api.stream(["-", "events"], query):
                self._heard_at = self._wall_clock()
                yield line
        except Failed as failed:
            if failed.code == "NOT_FOUND":
                raise Failed(failed.code, "the gateway has no stream of events: CONSOLE=off", failed.status) from None
            raise

    def _again(self, query: list[tuple[str, str]]) -> Iterator[bytes]:
        began, attempt = self._heard_at, 0
        while True:
            if attempt or not self._ended:
                self._sleep(PAUSES[min(attempt, len(PAUSES) - 1)])
            attempt += 1
            try:
                stream = self._stream(query)
                first = next(stream, None)
            except Failed as failed:
                if failed.status not in (NOT_REACHABLE, TRY_AGAIN):
                    raise
                continue
            if first is not None:
                self._ended = False
                self._note(f"connected again. {missed(began, self._wall_clock())}")
                yield first
                yield from stream
                return

    def _note(self, text: str) -> None:
        if self._output.as_json:
            self._output.note(json.dumps({"code": "STREAM", "message": text}))
        else:
            self._output.note(f"* {text}")

    def _show(self, line: bytes) -> bool:
        """Print an event; return whether it counts as one."""
        try:
            event = json.loads(line) if line else None
        except (ValueError, RecursionError):
            event = None
        if not isinstance(event, dict):
            return False
        name = event.get("event")
        if name == "hello":
            self._hello(event)
        if self._output.as_json:
            self._output.line(line.decode("utf-8", "replace"))
        else:
            for shown in self._text.lines(event):
                self._output.line(shown)
        self._ended = name == "end"
        return name not in UNCOUNTED

    def _hello(self, event: dict[str, Any]) -> None:
        recorded = event.get("console") == "payloads"
        self._text.replayable = recorded
        if self._options.payloads and not recorded:
            self._note("the gateway records no bodies: start it with CONSOLE=payloads to see them")
        if self._output.to_terminal:
            self._output.note(f"* watching wsaas {event.get('version') or ''}; Ctrl-C ends".replace("  ", " "))


def missed(since: float, until: float) -> str:
    """Say of which time the events are missing; moments are in seconds since the epoch."""
    begin, end = (f"{datetime.fromtimestamp(each).astimezone():%H:%M:%S.%f}"[:12] for each in (since, until))
    return f"What happened from {begin} to {end} ({took(max(0.0, until - since) * 1000)}) is missing here"
