"""The tests of docs/protocol.rst."""

from __future__ import annotations

from tests.claims.model import Claims

TESTS: Claims = {
    "idea": {
        "a client opens": [
            "system.test_handshake.BodyTests.test_core",
        ],
        "a client speaks": [
            "system.test_message.BytesTests.test_exact",
        ],
        "a client is gone": [
            "system.test_disconnect.CauseTests.test_client",
        ],
        "the backend pushes": [
            "system.test_handshake.BodyTests.test_ws_uri",
        ],
        "the backend closes": [
            "system.test_api.CloseTests.test_plain",
        ],
    },
    "guarantees": {
        "Order": [
            "system.test_order.OrderTests.test_order",
        ],
        "Every end is told": [
            "unit.core.test_machine.MachineTests.test_any_order",
            "system.test_journal.KillTests.test_kill",
            "unit.backend.test_courier.CourierTests.test_revived",
        ],
        "No silent gap": [
            "system.test_message.PatienceTests.test_undelivered",
            "unit.core.test_machine.MachineTests.test_any_order",
        ],
        "Honest push": [
            "system.test_api.PushTests.test_too_slow",
        ],
        "Bounded memory": [
            "system.test_order.BacklogTests.test_memory",
            "unit.clients.test_connection.SendBufferTests.test_bound",
        ],
        "Nobody else": [
            "system.test_api.TokenTests.test_no_token",
            "system.test_webhook.SignatureTests.test_signed",
            "unit.clients.test_connection.HandshakeTests.test_origin",
        ],
        "No thundering": [
            "system.test_stop.StopTests.test_clients",
            "system.test_stop.StopTests.test_drain_timeout",
        ],
    },
}
