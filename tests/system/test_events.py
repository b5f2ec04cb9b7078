"""The event stream of real gateways, of one process and of several."""

from __future__ import annotations

import json
import os
import signal
from typing import Any

from tests.support.backend_answers import accept, after, reply
from tests.support.event_reader import Event, EventReader
from tests.support.gateway_process import Gateway
from tests.support.signatures import PUBLISHED, signature
from tests.support.system_case import SharedTestCase, SystemTestCase, eventually
from tests.support.websocket_client import refused
from tests.support.workers import PATIENCE, Workers


def is_a(word: str, id: str | None = None, **members: Any) -> Any:
    """A test for events of this kind."""

    def wanted(event: Event) -> bool:
        return (
            event["event"] == word
            and (id is None or event.get("id") == id)
            and all(event.get(name) == value for name, value in members.items())
        )

    return wanted


class EventTests(SharedTestCase):
    settings = {"STATE_DIR": "state", "ALLOWED_ORIGINS": "https://app.example"}  # noqa: RUF012

    def reader(self, query: str = "") -> EventReader:
        reader = EventReader(self.api, query)
        self.addCleanup(reader.close)
        return reader

    def test_a_life(self) -> None:
        """All that happens to one connection is told as it happens, in order."""
        reader = self.reader()
        self.assertEqual((reader.hello["console"], reader.hello["workers"]), ("on", 1))
        self.stage.on_connect(accept(groups=["room:7"]))
        self.stage.on_message(reply(503), reply(200, b"pong", [("WSAAS-Reply", "text")]))
        client = self.client()
        id = self.stage.connects[-1].id
        client.send("ping")
        self.assertEqual(client.recv(10), "pong")
        self.assertEqual(self.api.push(id, b"\x00hello").status, 200)
        self.assertEqual(self.api.request("PUT", "/groups/room:7", b"hi").status, 200)
        self.assertEqual(self.api.request("PUT", "/broadcast", b"hi").status, 200)
        self.assertEqual(self.api.close(id, "?code=4001&reason=bye").status, 200)
        reader.until(is_a("disconnect", id))
        self.assertEqual(
            reader.words(),
            ["connect", "retry", "message", "reply", "push", "group_push", "broadcast", "close", "disconnect"],
        )
        connect, retry, message, answer, push, group, broadcast, close, disconnect = reader.seen
        self.assertEqual((connect["outcome"], connect["path"]), ("accepted", self.path))
        self.assertEqual(connect["webhook_id"], f"{id}_0_connect")
        self.assertEqual((retry["status"], retry["attempt"], message["status"], message["attempt"]), (503, 1, 200, 2))
        self.assertEqual(message["webhook_id"], retry["webhook_id"])
        self.assertEqual((answer["bytes"], push["type"], push["bytes"], push["status"]), (4, "binary", 6, 200))
        self.assertEqual((group["group"], group["sent"], broadcast["sent"]), ("room:7", 1, 1))
        self.assertEqual((close["cause"], close["close_code"], close["close_reason"]), ("api", 4001, "bye"))
        self.assertEqual((disconnect["method"], disconnect["outcome"]), ("DELETE", "acknowledged"))
        for each in (connect, retry, message, disconnect):
            times = each["times"]
            self.assertTrue(0 <= times["connect"] <= times["first_byte"] <= times["total"], times)
            self.assertGreaterEqual(times["queue"], 0)
        self.assertEqual({each["trace"] for each in reader.seen if "trace" in each}, {connect["trace"]})

    def test_refusal(self) -> None:
        """A client that is refused is told of with the reason, if it never had an id as well."""
        reader = self.reader("?event=refusal,connect")
        self.stage.on_connect(reply(404))
        self.assertEqual(refused(self.uri).status, 404)
        refusal = reader.until(is_a("refusal", status=404))
        self.assertEqual((refusal["code"], refusal["id"]), ("NOT_FOUND", self.stage.connects[-1].id))
        self.assertEqual(refused(self.uri, origin="https://evil.example").status, 403)
        refusal = reader.until(is_a("refusal", status=403))
        self.assertEqual((refusal["code"], refusal["path"]), ("ORIGIN_NOT_ALLOWED", self.path))

    def test_filters(self) -> None:
        """A reader that asks for one connection, or for failures, hears of nothing else."""
        first, second = self.client(), self.client()
        ids = [each.id for each in self.stage.connects[-2:]]
        one, failures = self.reader(f"?id={ids[0]}"), self.reader("?status=4xx,5xx&event=message")
        for number, client in enumerate((second, first)):
            self.stage.on_message(reply(404) if number else reply(200))
            client.send("x")
            eventually(lambda number=number: len(self.stage.messages) == number + 1)
        self.assertEqual(one.until(is_a("message"))["id"], ids[0])
        self.assertEqual(failures.until(is_a("message"))["outcome"], "refused")
        self.assertEqual(len(failures.seen), 1)

    def test_rate(self) -> None:
        """A reader with a rate is shown so many messages, the failures among many as well, and the count of the others;
        one beside it without a rate hears of all.
        """
        client = self.client()
        id = self.stage.connects[-1].id
        some, all = self.reader(f"?rate=1&id={id}"), self.reader(f"?id={id}")
        self.stage.on_message(*[reply(200)] * 11, reply(400))
        for _ in range(20):
            client.send("x")
        some.until(is_a("message", status=400))
        some.until(lambda _: self.known(some) == 20)
        eventually(lambda: all.poll() or all.words().count("message") == 20)
        self.assertEqual(all.words().count("sampled"), 0)
        self.assertLess(some.words().count("message"), 20)
        client.close()

    def known(self, reader: EventReader) -> int:
        """The number of messages that were shown, and left out."""
        left_out = [event["left_out"].get("message", 0) for event in reader.seen if event["event"] == "sampled"]
        return sum(left_out) + reader.words().count("message")

    def test_stats(self) -> None:
        """The figures of the console's tiles follow what happens."""
        before = self.api.get("/-/stats").json()
        client = self.client()
        client.send("x")
        eventually(lambda: self.stage.messages)

        def difference(name: str) -> int:
            now = self.api.get("/-/stats").json()
            return int(now["counters"][name] - before["counters"][name])

        eventually(lambda: difference("webhook_attempts") == 2)
        stats = self.api.get("/-/stats").json()
        self.assertEqual((stats["state"], stats["clients"]), ("ready", self.gw.ws))
        self.assertEqual(stats["connections"], before["connections"] + 1)
        self.assertEqual((difference("messages_received"), difference("webhook_failures")), (1, 0))
        self.assertTrue(0 < stats["webhook_p50"] <= stats["webhook_p99"])
        self.assertGreater(stats["limit"], 0)
        client.close()

    def test_bad_value(self) -> None:
        """A value that means nothing is refused by its name."""
        answer = self.api.get("/-/events?event=mesage")
        self.assertEqual((answer.status, answer.code), (400, "BAD_REQUEST"))
        self.assertIn("event=mesage", answer.json()["message"])

    def test_stop(self) -> None:
        """A stop tells the readers of the last DELETE, ends their streams with a line, waiting for none of them."""
        gateway = self.gateway(self.backend())
        reader = EventReader(gateway.api)
        client = self.connect(gateway.ws + "/")
        reader.until(is_a("connect"))
        gateway.terminate()
        reader.until(is_a("disconnect", cause="drain"))
        self.assertRaises(EOFError, reader.until, is_a("nothing"))
        self.assertEqual(reader.words()[-1], "end")
        self.assertEqual(gateway.wait(), 0)
        client.close()


class OffTests(SystemTestCase):
    def test_off(self) -> None:
        """With CONSOLE=off there is no stream, and no console."""
        gateway = self.gateway(self.backend(), CONSOLE="off")
        for path in ("/-/events", "/-/console", "/-/console/index.html", "/-/console/app.js"):
            self.assertEqual(gateway.api.get(path).status, 404)


class PayloadTests(SharedTestCase):
    settings = {"STATE_DIR": "state", "CONSOLE": "payloads", "WEBHOOK_SECRET": PUBLISHED}  # noqa: RUF012

    def test_payloads(self) -> None:
        """Headers and bodies of webhooks, answers and pushes are shown; no secret is."""
        reader = EventReader(self.api)
        self.addCleanup(reader.close)
        self.assertEqual(reader.hello["console"], "payloads")
        self.stage.on_message(reply(200, b"\xff", [("WSAAS-Reply", "binary"), ("Set-Cookie", "s3cret")]))
        client = self.client(additional_headers={"Authorization": "Bearer s3cret"})
        client.send("ping")
        message = reader.until(is_a("message"))
        self.assertEqual((message["request"]["method"], message["request"]["body"]), ("PUT", "ping"))
        self.assertTrue(message["request"]["url"].endswith(message["id"]))
        self.assertEqual((message["answer"]["status"], message["answer"]["body_base64"]), (200, "/w=="))
        self.assertEqual(message["request"]["headers"]["webhook-signature"], "whsec ok")
        self.assertEqual(reader.until(is_a("reply"))["body_base64"], "/w==")
        self.api.push(message["id"], "hello")
        self.assertEqual(reader.until(is_a("push"))["body"], "hello")
        self.assertNotIn("s3cret", str(reader.seen))

    def test_replay(self) -> None:
        """A webhook is sent again as it was, signed anew; its answer is shown, and nothing comes of it."""
        self.stage.on_message(reply(204), reply(410, b"gone", [("WSAAS-Reply", "text")]), reply(204))
        client = self.client(additional_headers={"Authorization": "Bearer s3cret"})
        client.send("one")
        eventually(lambda: self.stage.messages)
        webhook = self.stage.messages[0].header("webhook-id")
        answer = self.api.request("POST", f"/-/events/{webhook}/replay")
        self.assertEqual((answer.status, answer.json()["status"], answer.json()["body"]), (200, 410, "gone"))
        again = self.stage.messages[1]
        self.assertEqual((again.body, again.header("webhook-id")), (b"one", webhook))
        self.assertEqual((again.header("WSAAS-Replay"), again.header("Authorization")), ("1", "Bearer s3cret"))
        self.assertEqual(again.header("webhook-signature"), signature(PUBLISHED, again))
        client.send("two")
        eventually(lambda: len(self.stage.messages) == 3)
        self.assertEqual(self.stage.messages[2].body, b"two")
        client.close()
        eventually(lambda: self.stage.disconnects)
        self.stage.on_message(reply(200, b"edited"))
        answer = self.api.request("POST", f"/-/events/{webhook}/replay", b'{"body": "other"}')
        self.assertEqual((answer.json()["body"], self.stage.messages[3].body), ("edited", b"other"))
        self.assertEqual(self.api.request("POST", f"/-/events/{'x' * 32}_1_message/replay").code, "NOT_RECORDED")


class WorkerTests(SystemTestCase):
    def start(self, **settings: str) -> tuple[Gateway, Workers]:
        backend = self.backend()
        self.stage = backend.stage("/")
        gateway = self.gateway(backend, WORKERS="2", STATE_DIR="state", **settings)
        return gateway, Workers(self, gateway)

    def crowd(self, gateway: Gateway, workers: Workers) -> dict[str, Any]:
        """A client at each worker, by its id."""
        clients: dict[str, Any] = {}
        while {id[:8] for id in clients} != set(workers.pids):
            client = self.connect(gateway.ws + "/")
            clients[self.stage.connects[-1].id] = client
        return clients

    def test_all_workers(self) -> None:
        """A reader at any worker hears of the connections of all, with its filter; each event once."""
        gateway, workers = self.start()
        readers = [
            EventReader(gateway.api, query, workers.line(pid).socket)
            for pid in workers.pids.values()
            for query in ("", "?event=message")
        ]
        some = EventReader(gateway.api, "?event=message&rate=2")
        clients = self.crowd(gateway, workers)
        for reader in readers[::2]:
            for id in clients:
                reader.until(is_a("connect", id))
        stats = [json.loads(line.ask("GET", "/-/stats").body) for line in workers.lines()]
        self.assertEqual([each["connections"] for each in stats], [len(clients)] * 2)
        for client in clients.values():
            client.send("x")
        for id, client in clients.items():
            for reader in readers:
                self.assertEqual(reader.until(is_a("message", id))["worker"], id[:8])
            for _ in range(5):
                client.send("x")
            some.until(is_a("sampled", worker=id[:8]))
            client.close()
        for id in clients:
            readers[0].until(is_a("disconnect", id))
        for reader in readers:
            told = [event["webhook_id"] for event in reader.seen if "webhook_id" in event]
            self.assertEqual(len(told), len(set(told)))
        self.assertEqual({word for reader in readers[1::2] for word in reader.words()}, {"message"})
        self.assertEqual({reader.hello["workers"] for reader in readers}, {2})

    def test_worker_dies(self) -> None:
        """A stream outlives the death of another worker, and has the events of the one that takes its place; it says
        from when to when there were none.
        """
        gateway, workers = self.start()
        before = workers.pids
        (prefix, pid), (other, victim) = before.items()
        reader = EventReader(gateway.api, "", workers.line(pid).socket)
        os.kill(victim, signal.SIGKILL)

        def newcomers() -> set[str]:
            try:
                return set(workers.pids) - {prefix, other, "None"}
            except OSError:  # a connection that the dead worker had accepted
                return set()

        (new,) = eventually(newcomers, PATIENCE)
        eventually(workers.all_ready, PATIENCE)
        for _ in range(1000):  # until one of the new worker's events comes: the stream may be connected to it by and by
            client = self.connect(gateway.ws + "/")
            id = self.stage.connects[-1].id
            client.close()
            reader.until(is_a("disconnect", prefix + id[8:])) if id[:8] == prefix else reader.poll()
            if any(event["worker"] == new and event["event"] != "found" for event in reader.seen):
                break
        else:
            self.fail(f"no event of {new} in {reader.seen}")
        noted = [(each["event"], each["worker"]) for each in reader.seen if each["event"] in ("lost", "found")]
        self.assertEqual(noted, [("lost", other), ("found", new)])

    def test_replay(self) -> None:
        """Any worker replays the webhooks of all, and waits for a slow backend as the owner would."""
        gateway, workers = self.start(CONSOLE="payloads")
        clients = self.crowd(gateway, workers)
        lines = workers.lines()
        self.stage.on_connect(after(2.5, reply(200, b'{"code": "OK"}')))
        for id in {id[:8]: id for id in clients}.values():
            reply_of = lines[0].ask("POST", f"/-/events/{id}_0_connect/replay")
            self.assertEqual((reply_of.status, json.loads(reply_of.body)["body"]), (200, '{"code": "OK"}'))
        for line in lines:
            for id in clients:
                self.assertEqual(line.ask("POST", f"/-/events/{id}_9_message/replay").status, 404)
