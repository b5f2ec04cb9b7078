"""/-/metrics of a real gateway: right figures, in a form that Prometheus's own tool finds no fault with."""

from __future__ import annotations

import re
import time
from typing import ClassVar

from tests.support.backend_answers import after, reply
from tests.support.gateway_process import Gateway
from tests.support.promtool import Series, promtool, series
from tests.support.system_case import Settings, SharedTestCase, SystemTestCase, eventually
from tests.support.workers import PATIENCE, Workers, resume
from wsaas.telemetry.families import METRICS

TRACE = "0af7651916cd43dd8448eb211c80319c"
OPENMETRICS = {"Accept": "application/openmetrics-text; version=1.0.0"}
TOKEN = "a-token-for-metrics"


class ExpositionTests(SharedTestCase):
    settings: ClassVar[Settings] = {"API_TOKEN": TOKEN}

    def scrape(self) -> Series:
        return series(self.api.get("/-/metrics").body)

    def grown(self, before: Series, within: float = 10, **expected: float) -> None:
        """Wait until these series, written with __ for what a name cannot have, have grown by so much."""

        def differences() -> dict[str, float]:
            now = self.scrape()
            return {name: now[name] - before.get(name, 0) for name in expected}

        eventually(lambda: differences() == expected, within)

    def test_lint(self) -> None:
        """promtool finds no fault; each row of the table is there but those of certificates, and nothing is doubled."""
        answer = self.api.get("/-/metrics")
        self.assertEqual(answer.status, 200)
        self.assertRegex(answer.headers["content-type"], r"^text/plain; version=[0-9.]+; charset=utf-8")
        self.assertEqual(promtool("check", "metrics", given=answer.body), "")
        names = {re.sub(r"_(bucket|count|sum)?(\{.*)?$", "", name) for name in series(answer.body)}
        missing = {metric.name for metric in METRICS if not any(each.startswith(metric.name) for each in names)}
        self.assertEqual(missing, {"wsaas_certificate_expiry_timestamp_seconds"})
        self.assertNotIn(b"_created", answer.body)
        self.assertIn("process_open_fds", names)

    def test_token(self) -> None:
        """Without the token nothing is told."""
        self.assertEqual(self.api.request("GET", "/-/metrics", headers={"Authorization": "Bearer other"}).status, 401)

    def test_figures(self) -> None:
        """A client that connects, speaks, is spoken to and closed is counted at each step."""
        before = self.scrape()
        self.stage.on_message(reply(200, b"pong", [("WSAAS-Reply", "text")]), reply(404))
        client = self.client()
        id = self.connection_id()
        client.send("ping")
        self.assertEqual(client.recv(), "pong")
        client.send(b"binary")
        eventually(lambda: len(self.stage.messages) == 2)
        self.assertEqual(self.api.push(id, "hello").status, 200)
        self.assertEqual(self.api.push("0" * 32, "hello").status, 404)
        self.assertEqual(self.api.request("PUT", "/broadcast", b"to all").status, 200)
        self.assertEqual((client.recv(), client.recv()), ("hello", "to all"))
        self.assertEqual(self.scrape()['wsaas_connections{state="open"}'], 1)
        self.api.close(id)
        eventually(lambda: self.stage.disconnects)
        expected = {
            'wsaas_handshakes_total{outcome="accepted"}': 1,
            'wsaas_closes_total{cause="api"}': 1,
            "wsaas_connection_duration_seconds_count": 1,
            'wsaas_messages_received_total{type="text"}': 1,
            'wsaas_messages_received_total{type="binary"}': 1,
            'wsaas_messages_sent_total{via="push"}': 1,
            'wsaas_messages_sent_total{via="broadcast"}': 1,
            'wsaas_messages_sent_total{via="reply"}': 1,
            "wsaas_received_bytes_total": 10,
            "wsaas_sent_bytes_total": 15,
            'wsaas_webhooks_total{event="message",outcome="delivered"}': 1,
            'wsaas_webhooks_total{event="message",outcome="refused"}': 1,
            'wsaas_webhook_attempts_total{event="connect",status="2xx"}': 1,
            'wsaas_webhook_attempts_total{event="message",status="4xx"}': 1,
            'wsaas_webhook_duration_seconds_count{event="message"}': 2,
            'wsaas_pushes_total{code="OK",kind="connection"}': 1,
            'wsaas_pushes_total{code="NOT_FOUND",kind="connection"}': 1,
            'wsaas_pushes_total{code="OK",kind="broadcast"}': 1,
            "wsaas_disconnect_delay_seconds_count": 1,
            'wsaas_connections{state="open"}': 0,
            "wsaas_journal_pending_disconnects": 0,
        }
        self.grown(before, **expected)

    def test_traces(self) -> None:
        """OpenMetrics names the trace of a webhook, which is that of the client's handshake."""
        self.stage.on_message(after(0.05, reply(200)))
        client = self.client(additional_headers={"traceparent": f"00-{TRACE}-b7ad6b7169203331-01"})
        client.send("hi")
        eventually(lambda: self.stage.messages)

        def traced() -> bool:
            answer = self.api.get("/-/metrics", OPENMETRICS)
            self.assertTrue(answer.headers["content-type"].startswith("application/openmetrics-text"))
            self.assertTrue(answer.body.endswith(b"# EOF\n"))
            buckets = [line for line in answer.body.decode().splitlines() if 'bucket{event="message"' in line]
            return any(f'# {{trace_id="{TRACE}"}}' in line for line in buckets)

        eventually(traced)

    def test_malformed(self) -> None:
        """A request that is no handshake is counted, and so is a client that the backend refuses."""
        before = self.scrape()
        raw = self.raw(self.gw.ws_port)
        raw.send(b"GET / HTTP/1.1\r\n\r\n")
        self.assertIn(b"HTTP/1.1 400", raw.read())
        self.stage.on_connect(reply(403))
        self.assertEqual(self.refused().status, 403)
        self.grown(
            before,
            **{'wsaas_handshakes_total{outcome="malformed"}': 1, 'wsaas_handshakes_total{outcome="vetoed"}': 1},
        )


class RestartTests(SystemTestCase):
    def test_delay(self) -> None:
        """The time from a client's loss to its DELETE's answer outlives kill -9; meanwhile the end is owed."""
        backend = self.backend()
        gateway = self.gateway(backend, STATE_DIR="state")
        stage = backend.stage("/")
        stage.on_disconnect(reply(500))
        self.connect(gateway.ws + "/").close()
        eventually(lambda: stage.disconnects)
        lost = time.monotonic()

        def owed() -> float:
            return series(gateway.api.get("/-/metrics").body)["wsaas_journal_oldest_pending_seconds"]

        eventually(lambda: owed() > 0)
        eventually(lambda: time.monotonic() - lost > 1.5)  # the journal has it by then
        gateway.kill()
        stage.on_disconnect(reply(200))
        settings = {"TARGET_ADDRESS": backend.address, "STATE_DIR": "state"}
        again = self.watched(Gateway.start(gateway.directory, settings))

        def delay() -> Series | None:
            found = series(again.api.get("/-/metrics").body)
            return found if found["wsaas_disconnect_delay_seconds_count"] else None

        found = eventually(delay)
        self.assertGreater(found["wsaas_disconnect_delay_seconds_sum"], 1.5)
        self.assertEqual(found["wsaas_journal_pending_disconnects"], 0)
        self.assertGreater(found["wsaas_journal_size_bytes"], 0)


class WorkersTests(SharedTestCase):
    """Several workers, and one port that is scraped."""

    settings: ClassVar[Settings] = {"WORKERS": "3", "STATE_DIR": "state"}

    def scrape(self) -> Series:
        return series(self.api.get("/-/metrics").body)

    def test_all(self) -> None:
        """Whichever worker is asked tells the figures of all, each with its number; together they are right."""
        clients = [self.client() for _ in range(12)]
        workers = Workers(self, self.gw)
        counts = {str(row["worker"]): row["connections"] for row in workers.rows()}
        for line in workers.lines():
            answer = line.ask("GET", "/-/metrics").body
            self.assertEqual(promtool("check", "metrics", given=answer), "")
            found = series(answer)
            opened = {each: found[f'wsaas_connections{{state="open",worker="{each}"}}'] for each in counts}
            self.assertEqual(opened, counts)
            self.assertEqual(found["wsaas_unreached_workers"], 0)
            alone = [name for name in found if 'worker="' not in name]
            self.assertEqual(alone, ["wsaas_unreached_workers"])
            for each in counts:
                self.assertIn(f'process_open_fds{{worker="{each}"}}', found)
        self.assertEqual(sum(counts.values()), len(clients))

    def test_one_is_silent(self) -> None:
        """A worker that does not answer is left out, and the scrape says that one is missing."""
        workers = Workers(self, self.gw)
        pid, *others = workers.pids.values()
        (number,) = [row["worker"] for row in workers.rows() if row["pid"] == pid]
        line = workers.line(others[0])
        workers.stop(pid)
        found = series(line.ask("GET", "/-/metrics").body)
        self.assertEqual(found["wsaas_unreached_workers"], 1)
        told = {name for name in found if name.startswith("wsaas_draining")}
        self.assertEqual(len(told), 2)
        self.assertNotIn(f'wsaas_draining{{worker="{number}"}}', told)
        resume(pid)
        eventually(lambda: self.scrape()["wsaas_unreached_workers"] == 0, PATIENCE)
