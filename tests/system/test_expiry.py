"""Connections that the backend accepts for a time (`expires_in`), and the refresh webhook."""

from __future__ import annotations

import re
from typing import ClassVar

from tests.support.backend_answers import accept, reply, say
from tests.support.event_reader import EventReader
from tests.support.promtool import series
from tests.support.system_case import Settings, SharedTestCase, SystemTestCase, eventually
from tests.support.websocket_client import closing


class RefreshTests(SharedTestCase):
    settings: ClassVar[Settings] = {"MESSAGE_PATIENCE": "400ms"}

    def test_a_life(self) -> None:
        """After its seconds the backend is asked again; an OK keeps the connection, and another code closes it."""
        events = EventReader(self.api, "?event=refresh,disconnect")
        self.addCleanup(events.close)
        self.stage.on_connect(accept(expires_in=1, headers={"X-Token": "old", "X-User": 42}))
        self.stage.on_refresh(
            accept(expires_in=1, headers={"X-Token": "new"}),
            say({"code": "REVOKED", "close_code": 4001, "close_reason": "sign in again"}),
        )
        client = self.client(additional_headers={"Authorization": "Bearer t"})
        client.send("before")
        self.assertEqual(closing(client), (4001, "sign in again"))
        end = self.ended()
        self.assertEqual(
            (end["cause"], end["close_code"], end["close_reason"], end["clean"], end["lost_messages"]),
            ("expired", 4001, "sign in again", True, 0),
        )
        first, second = self.stage.refreshes
        id = self.connection_id()
        self.assertEqual((first.path, first.header("authorization")), (f"/websocket/{id}", "Bearer t"))
        told = first.json()
        self.assertTrue(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", told.pop("expired_at")), told)
        ws_uri = f"http://localhost:{self.gw.http_port}/{id}"
        self.assertEqual(told, {"code": "REFRESH", "ws_uri": ws_uri, "id": id})
        self.assertEqual(
            [each.header("webhook-id") for each in (first, second)], [f"{id}_1_refresh", f"{id}_2_refresh"]
        )
        self.assertEqual([each.header("x-token") for each in (first, second)], ["old", "new"])
        self.assertEqual([each.header("x-user") for each in (first, second)], ["42", "42"])
        connect = self.stage.connects[0]
        self.assertGreaterEqual(first.arrived - connect.arrived, 1)
        self.assertEqual(
            [request.header("wsaas-event") for request in self.stage.requests],
            ["connect", "message", "refresh", "refresh", "disconnect"],
        )
        events.until(lambda event: event["event"] == "disconnect")
        self.assertEqual(
            [(event["event"], event["outcome"]) for event in events.seen],
            [("refresh", "accepted"), ("refresh", "refused"), ("disconnect", "acknowledged")],
        )
        found = series(self.api.get("/-/metrics").body)
        self.assertGreaterEqual(found['wsaas_closes_total{cause="expired"}'], 1)
        self.assertGreaterEqual(found['wsaas_webhook_attempts_total{event="refresh",status="2xx"}'], 2)

    def test_no_answer(self) -> None:
        """A refresh that fails until MESSAGE_PATIENCE is over closes with 1008, and the connection expired."""
        self.stage.on_connect(accept(expires_in=1))
        self.stage.on_refresh(reply(503))
        client = self.client()
        self.assertEqual(closing(client), (1008, ""))
        end = self.ended()
        self.assertEqual((end["cause"], end["close_code"]), ("expired", 1008))
        self.assertGreater(len(self.stage.refreshes), 1)
        self.assertEqual(len({each.header("webhook-id") for each in self.stage.refreshes}), 1)
        self.assertEqual(len({each.body for each in self.stage.refreshes}), 1)


class RestartTests(SystemTestCase):
    def test_headers(self) -> None:
        """The DELETE after a crash has the headers of the last refresh; of the time nothing is left."""
        backend = self.backend()
        stage = backend.stage("/")
        stage.on_connect(accept(expires_in=1, headers={"X-Token": "old"}))
        stage.on_refresh(accept(expires_in=1000, headers={"X-Token": "new"}))
        gateway = self.gateway(backend)
        self.connect(gateway.ws)
        eventually(lambda: stage.refreshes and stage.refreshes[0].answered)
        client = self.connect(gateway.ws)  # its own row is written behind that of the refresh
        client.send("hello")
        eventually(lambda: stage.messages)
        gateway.kill()
        self.watched(type(gateway).start(gateway.directory, {"TARGET_ADDRESS": backend.address}))
        eventually(lambda: len(stage.disconnects) == 2)
        told = {request.id: request for request in stage.disconnects}
        refreshed = told[stage.refreshes[0].id]
        self.assertEqual((refreshed.header("x-token"), refreshed.json()["cause"]), ("new", "restart"))
