"""The works, with a load and a sink that answer as they are told."""

from __future__ import annotations

import os
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from twisted.trial.unittest import SynchronousTestCase

from benchmarks import works
from benchmarks.pushers import Pusher
from benchmarks.report import Results, costs, verdicts
from benchmarks.systems import Place, Plain, System
from benchmarks.works import Bench, Measure, Work, message, push


class Loses:
    """A load and a sink in one, where of what is asked for, `lost` never arrive."""

    def __init__(self, lost: int) -> None:
        self.lost = lost
        self.process = SimpleNamespace(pid=os.getpid())
        self.connected = self.gone = self.messages = 0
        self.runs = 0

    def ask(self, do: str, **fields: Any) -> dict[str, Any]:
        match do:
            case "open":
                self.connected += fields["count"]
                return {"opened": fields["count"]}
            case "close":
                self.gone = self.connected
                return {}
        self.runs += 1
        # The first run is the warm-up.
        arrived = fields["total"] - (self.lost if self.runs > 1 else 0)
        if do == "messages":
            self.messages += arrived
        return {"seconds": 1.0, "frames": arrived, "expected": fields["total"], "statuses": {}}

    def counts(self, system: str) -> dict[str, int]:
        return {
            "connect": self.connected,
            "disconnect": self.gone,
            "message": self.messages,
            "bytes": self.messages * 100,
        }

    def ids(self, system: str) -> list[str]:
        return [str(number) for number in range(self.connected)]


class LossTests(SynchronousTestCase):
    def lost(self, work: works.Run, lost: int) -> int:
        self.patch(works, "STALL_TIMEOUT", 0.0)
        place = Place(Path(self.mktemp()), 1, Path("none.pem"))
        system: System = Plain("plain", place)
        fake = cast(Any, Loses(lost))
        return work(Bench(fake, fake, seconds=1.0), system).lost

    def test_messages(self) -> None:
        """Messages that never reached the backend are counted as lost."""
        self.assertEqual(self.lost(message(100), 0), 0)
        self.assertEqual(self.lost(message(100), 3), 3)

    def test_cut_short(self) -> None:
        """A message that arrived with fewer bytes is lost too."""
        self.assertEqual(self.lost(message(101), 0), 1)

    def test_frames(self) -> None:
        """Frames that never reached a client are counted as lost."""
        self.assertEqual(self.lost(push(100), 0), 0)
        self.assertEqual(self.lost(push(100), 2), 2)


class ReportTests(SynchronousTestCase):
    """Tables, made of figures made up."""

    def setUp(self) -> None:
        self.works = [Work("connect", "us", push(1)), Work("message 100 B", "us", push(1)), Work("idle", "KB", push(1))]
        self.results: Results = {
            "connect": {
                "wsaas": [Measure(600, 1), Measure(400, 1), Measure(500, 1)],
                "plain": [Measure(900, 1), Measure(800, 1), Measure(900, 1)],
            },
            "message 100 B": {"wsaas": [Measure(90, 1)], "plain": [Measure(900, 1, lost=2)]},
            "idle": {"wsaas": [Measure(10240, 1)], "plain": [Measure(0, 0, lost=1)]},
        }

    def test_costs(self) -> None:
        """Medians, and of the rounds' ratios to the first system; a mark for what was lost, a word for what failed."""
        lines = [line.split() for line in costs(self.works, ["wsaas", "plain"], self.results).splitlines()]
        self.assertIn(["connect,", "us", "500", "900", "1.80"], lines)
        self.assertIn(["message", "100", "B,", "us", "90.0", "900!", "10.00"], lines)
        self.assertIn(["idle,", "KB", "10.0", "failed"], lines)

    def test_verdicts(self) -> None:
        """A target is met or not, and one that was not measured is not spoken of."""
        for each in self.results.values():
            each.setdefault("nchan", [])
            each.setdefault("aiohttp", [])
            each.setdefault("pushpin", [])
        lines = [line.split() for line in verdicts(self.works, "wsaas", self.results).splitlines()]
        self.assertIn(["connect", "plain", "0.5", "x", "0.556", "x", "NO"], lines)
        self.assertIn(["message", "100", "B", "plain", "0.125", "x", "0.100", "x", "yes"], lines)
        self.assertIn(["idle", "12.0", "KB", "10.0", "KB", "yes"], lines)
        self.assertNotIn("latency", str(lines))
        self.assertNotIn("nchan", str(lines))


class PusherTests(SynchronousTestCase):
    """The reader of answers, however the bytes come."""

    def statuses(self, *chunks: bytes) -> list[int]:
        found: list[int] = []
        pusher = Pusher(0, lambda pusher, status: found.append(status), lambda: None)
        pusher.connection_made(cast(Any, SimpleNamespace(close=lambda: None)))
        for chunk in chunks:
            pusher.data_received(chunk)
        return found

    def test_splits(self) -> None:
        """An answer counts once, when it is whole, whichever way its length is told."""
        for answer, status in [
            (b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nabcd", 200),
            (b"HTTP/1.1 429 Slow\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n", 429),
            (b"HTTP/1.1 204 No Content\r\n\r\n", 204),
            (b"HTTP/1.1 200 OK\r\nConnection: close\r\ncontent-length: 0\r\n\r\n", 200),
        ]:
            for cut in range(1, len(answer)):
                self.assertEqual(self.statuses(answer[:cut], answer[cut:]), [status], (answer, cut))
                self.assertEqual(self.statuses(answer[:cut]), [], (answer, cut))


if find_spec("uvloop"):
    from benchmarks.sink import Sink, Tally

    class SinkTests(SynchronousTestCase):
        """The sink, however the bytes come."""

        def feed(self, *chunks: bytes) -> tuple[Tally, bytes]:
            written: list[bytes] = []
            tally = Tally(cast(Any, None))
            sink = Sink(tally)
            sink.connection_made(cast(Any, SimpleNamespace(write=written.append)))
            for chunk in chunks:
                sink.data_received(chunk)
            return tally, b"".join(written)

        def test_splits(self) -> None:
            """Requests count once each, wherever the stream is cut."""
            stream = (
                b"POST /s/a HTTP/1.1\r\ncontent-length: 2\r\n\r\n{}"
                b"PUT /s/a HTTP/1.1\r\nContent-Length: 10\r\n\r\n00000001hi"
                b"DELETE /s/a HTTP/1.1\r\n\r\n"
            )
            for cut in range(len(stream) + 1):
                tally, answers = self.feed(stream[:cut], stream[cut:])
                self.assertEqual(tally.counts["s"], {"connect": 1, "message": 1, "bytes": 10, "disconnect": 1})
                self.assertEqual(answers.count(b"HTTP/1.1 200 OK"), 3)

        def test_events(self) -> None:
            """WebSocket over HTTP: each event in a body counts, and an OPEN is answered with the subscriptions."""
            body = b"OPEN\r\nTEXT a\r\n00000001hi\r\nDISCONNECT\r\n"
            tally, answers = self.feed(b"POST /grip/a HTTP/1.1\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
            self.assertEqual(tally.counts["pushpin"], {"connect": 1, "message": 1, "bytes": 10, "disconnect": 1})
            self.assertIn(b'"channel": "a"', answers)
