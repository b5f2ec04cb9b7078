"""The readings of one process: each from where the thing is counted."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

from twisted.trial.unittest import SynchronousTestCase

from wsaas.api.errors import Unauthorized
from wsaas.backend.delivery import Load
from wsaas.clients.backpressure import Backpressure
from wsaas.cluster.right import Right
from wsaas.core.census import Census
from wsaas.core.counters import MessageCounters
from wsaas.core.errors import ClientTooSlow, NoSuchConnection
from wsaas.core.events import Cause, EventKind
from wsaas.core.histogram import Histogram
from wsaas.core.monitor import Monitor
from wsaas.core.pushes import Pushed, PushKind
from wsaas.core.refusal import RefusalReason
from wsaas.service.measurements import OUTCOMES, Measurements
from wsaas.telemetry.families import METRICS

NOW = 5000.0


class MeasurementsTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.monitor = Monitor()
        self.counters = self.monitor.counters
        self.census = Census(0, 0, MessageCounters(), 0, 0, 0)
        self.load = {kind: Load(0, 0, False) for kind in EventKind}
        self.admission = SimpleNamespace(most=None)
        self.backpressure = Backpressure()
        self.draining = False
        self.boottime = 100.0
        self.right = Right()
        self.certificates: dict[str, float] = {}
        self.measurements = Measurements(
            monitor=self.monitor,
            census=lambda: self.census,
            load=lambda: self.load,
            clients=SimpleNamespace(admission=self.admission, backpressure=self.backpressure),  # type: ignore[arg-type]
            journal=SimpleNamespace(size=4096),
            reactor_delay=Histogram(1.0),
            draining=lambda: self.draining,
            reloaded_at=lambda: 17.0,
            certificates=lambda: self.certificates,
            right=self.right,
            boottime=lambda: self.boottime,
            clock=lambda: 50.0,
            wall_clock=lambda: NOW,
        )

    def read(self, name: str, **labels: str) -> float:
        """Return the one sample that has these labels, those of a histogram's bucket aside."""
        family = name.removesuffix("_total").removesuffix("_info").removesuffix("_count").removesuffix("_sum")
        (found,) = [each for each in self.measurements.families() if each.name == family]
        (value,) = [each.value for each in found.samples if each.name == name and each.labels == labels]
        return value

    def test_every_row(self) -> None:
        """Each row of the table has its reading from the first scrape on, so that an increase is seen as one."""
        self.certificates["[::]:443"] = 1.0
        found = {family.name for family in self.measurements.families()}
        expected = {metric.name.removesuffix("_total").removesuffix("_info") for metric in METRICS}
        self.assertEqual(expected - found, {"wsaas_unreached_workers"})

    def test_cluster(self) -> None:
        """A node says if the engine renews its lease, and if it may speak, which the votes of the others may allow."""
        for moment, step, away, silent in (
            (100.0, lambda: None, 1, 0),  # it has not joined yet
            (100.0, lambda: self.right.sending(100.0), 0, 0),
            (104.0, lambda: None, 1, 1),
            (104.0, lambda: self.right.voted(104.0, 104.0, ()), 1, 0),
            (105.0, lambda: self.right.renewed(105.0), 0, 0),
            (105.0, lambda: self.right.refused(), 1, 1),
        ):
            self.boottime = moment
            step()
            self.assertEqual((self.read("wsaas_engine_away"), self.read("wsaas_silent")), (away, silent))

    def test_connections(self) -> None:
        """Connections are connecting or open."""
        self.census = replace(self.census, connecting=3, open=1)
        self.admission.most = 90
        self.assertEqual(self.read("wsaas_connections", state="connecting"), 3)
        self.assertEqual(self.read("wsaas_connections", state="open"), 1)
        self.assertEqual(self.read("wsaas_connections_limit"), 90)

    def test_handshakes(self) -> None:
        """Each reason to refuse a client is one outcome."""
        self.assertEqual(set(OUTCOMES), set(RefusalReason))
        self.counters.opened = 5
        self.counters.malformed = 4
        for reason in RefusalReason:
            self.counters.refused[reason] += 1
        outcomes = {"accepted": 5, "vetoed": 3, "failed": 5, "timeout": 1, "limited": 4, "malformed": 4}
        for outcome, count in outcomes.items():
            self.assertEqual(self.read("wsaas_handshakes_total", outcome=outcome), count, outcome)

    def test_closes(self) -> None:
        """Every cause is there, those that never came too."""
        self.counters.closed[Cause.TOO_SLOW] = 2
        self.assertEqual(self.read("wsaas_closes_total", cause="too_slow"), 2)
        self.assertEqual(self.read("wsaas_closes_total", cause="drain"), 0)

    def test_messages(self) -> None:
        """What was sent is divided by what sent it; all of it together is what was sent."""
        messages = MessageCounters(10, 3, 100, sent=20, sent_bytes=200, replies=4)
        self.census = replace(self.census, messages=messages)
        self.counters.fanned_out.update({PushKind.GROUP: 5, PushKind.BROADCAST: 6})
        for type, count in (("text", 7), ("binary", 3)):
            self.assertEqual(self.read("wsaas_messages_received_total", type=type), count)
        for via, count in (("push", 5), ("group", 5), ("broadcast", 6), ("reply", 4)):
            self.assertEqual(self.read("wsaas_messages_sent_total", via=via), count)
        self.assertEqual((self.read("wsaas_received_bytes_total"), self.read("wsaas_sent_bytes_total")), (100, 200))

    def test_webhooks(self) -> None:
        """Webhooks by their end, tries by their status; a status that is none of HTTP's is an error."""
        webhooks = self.counters.webhooks[EventKind.MESSAGE]
        webhooks.answers = [0, 1, 2, 3, 4, 5, 0, 0, 0, 9]
        webhooks.timeouts, webhooks.failures, webhooks.refused, webhooks.abandoned = 6, 7, 8, 9
        for outcome, count in (("delivered", 2), ("refused", 8), ("abandoned", 9)):
            self.assertEqual(self.read("wsaas_webhooks_total", event="message", outcome=outcome), count)
        attempts = {"2xx": 2, "3xx": 3, "4xx": 4, "5xx": 5, "timeout": 6, "error": 17}
        for status, count in attempts.items():
            self.assertEqual(self.read("wsaas_webhook_attempts_total", event="message", status=status), count)
        self.counters.webhooks[EventKind.DISCONNECT].abandoned = 3
        self.assertEqual(self.read("wsaas_disconnects_abandoned_total"), 3)

    def test_streams(self) -> None:
        """Streamed replies by their end."""
        self.counters.streams.ended, self.counters.streams.cut = 4, 2
        for outcome, count in (("ended", 4), ("cut", 2)):
            self.assertEqual(self.read("wsaas_streamed_replies_total", outcome=outcome), count)

    def test_durations(self) -> None:
        """The moment of an exemplar is that of the wall clock."""
        duration = self.counters.webhooks[EventKind.CONNECT].duration
        duration.observe(0.003)
        duration.exemplars[2] = ("ab" * 16, 0.003, 48.0)
        self.assertEqual(self.read("wsaas_webhook_duration_seconds_count", event="connect"), 1)
        exemplars = [each.exemplar for family in self.measurements.families() for each in family.samples]
        self.assertEqual([each for each in exemplars if each is not None], [("ab" * 16, 0.003, NOW - 2.0)])

    def test_load(self) -> None:
        """What the courier has to do now; of messages, all in the lanes that are not in flight wait."""
        self.load[EventKind.MESSAGE] = Load(3, 2, True)
        self.load[EventKind.CONNECT] = Load(0, 7, False)
        self.census = replace(self.census, waiting_in=43)
        self.assertEqual(self.read("wsaas_webhooks_in_flight", event="message"), 3)
        self.assertEqual(self.read("wsaas_webhooks_waiting", event="message"), 40)
        self.assertEqual(self.read("wsaas_webhooks_waiting", event="connect"), 7)
        self.assertEqual(self.read("wsaas_webhook_breaker_open", event="message"), 1)
        self.assertEqual(self.read("wsaas_webhook_breaker_open", event="connect"), 0)

    def test_pushes(self) -> None:
        """Pushes are named by the code of the API's answer; what has the same code is one."""
        self.counters.pushes_sent = 100
        self.counters.pushes.update(
            {
                (PushKind.CONNECTION, Pushed.QUEUED): 1,
                (PushKind.CONNECTION, NoSuchConnection): 2,
                (PushKind.CONNECTION, ClientTooSlow): 3,
                (PushKind.GROUP, Pushed.SENT): 4,
                (PushKind.BROADCAST, Unauthorized): 5,
            }
        )
        for kind, code, count in (
            ("connection", "OK", 100),
            ("connection", "QUEUED", 1),
            ("connection", "NOT_FOUND", 2),
            ("connection", "CLIENT_TOO_SLOW", 3),
            ("group", "OK", 4),
            ("broadcast", "OK", 0),
            ("broadcast", "UNAUTHORIZED", 5),
        ):
            self.assertEqual(self.read("wsaas_pushes_total", kind=kind, code=code), count)

    def test_buffers(self) -> None:
        """What waits for the backend, and what waits for clients: in their buffers, for their 101, or for room."""
        self.census = replace(self.census, bytes_waiting_in=60, bytes_waiting_out=5)
        self.backpressure.unwritten = {Waiting(7), Waiting(8)}
        self.backpressure.unread = {1, 2, 3}
        self.assertEqual(self.read("wsaas_receive_buffer_bytes"), 60)
        self.assertEqual(self.read("wsaas_send_buffer_bytes"), 20)
        self.assertEqual(self.read("wsaas_paused_connections"), 3)

    def test_ends(self) -> None:
        """Ends of which the backend has not heard, and since when."""
        self.assertEqual(self.read("wsaas_journal_oldest_pending_seconds"), 0)
        self.monitor.owed.lost("a", NOW - 30)
        self.monitor.owed.lost("b", NOW - 40)
        self.assertEqual(self.read("wsaas_journal_pending_disconnects"), 2)
        self.assertEqual(self.read("wsaas_journal_oldest_pending_seconds"), 40)
        self.monitor.owed.answered("b", NOW)
        self.assertEqual(self.read("wsaas_disconnect_delay_seconds_sum"), 40)
        self.assertEqual(self.read("wsaas_journal_size_bytes"), 4096)

    def test_state(self) -> None:
        """The drain, the last reload, and the certificates."""
        self.assertEqual((self.read("wsaas_draining"), self.read("wsaas_reload_success_timestamp_seconds")), (0, 17))
        self.draining = True
        self.certificates.update({"[::]:443": 1.5, "TARGET_CERT": 2.5})
        self.assertEqual(self.read("wsaas_draining"), 1)
        for endpoint, moment in self.certificates.items():
            self.assertEqual(self.read("wsaas_certificate_expiry_timestamp_seconds", endpoint=endpoint), moment)


class Waiting:
    """A buffer of which so many bytes wait."""

    def __init__(self, waiting: int) -> None:
        self.waiting = waiting
