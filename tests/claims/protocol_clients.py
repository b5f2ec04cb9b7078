"""The tests of docs/protocol_clients.rst."""

from __future__ import annotations

from tests.claims.model import Claims

TESTS: Claims = {
    "refusals": {
        "BAD_REQUEST": [
            "system.test_bad_input.BadInputTests.test_handshakes",
            "unit.clients.test_connection.HandshakeTests.test_malformed",
        ],
        "UNAUTHORIZED": [
            "system.test_connect.AnswerTests.test_4xx",
        ],
        "ORIGIN_NOT_ALLOWED": [
            "unit.clients.test_connection.HandshakeTests.test_origin",
        ],
        "FORBIDDEN": [
            "system.test_connect.AnswerTests.test_4xx",
        ],
        "CLOSED": [
            "unit.core.test_router.CloseTests.test_waiting",
        ],
        "NOT_FOUND": [
            "system.test_connect.AnswerTests.test_4xx",
        ],
        "METHOD_NOT_ALLOWED": [
            "unit.clients.test_connection.HandshakeTests.test_allow_and_upgrade_headers",
        ],
        "HANDSHAKE_TIMEOUT": [
            "unit.clients.test_connection.HandshakeTests.test_slow",
        ],
        "UPGRADE_REQUIRED": [
            "system.test_bad_input.BadInputTests.test_browser",
            "unit.clients.handshake.test_request.RefusedTests.test_no_handshake",
        ],
        "TOO_MANY_REQUESTS": [
            "system.test_connect.AnswerTests.test_4xx",
        ],
        "HEADERS_TOO_LARGE": [
            "unit.clients.test_connection.HandshakeTests.test_too_long",
            "unit.clients.test_connection.HandshakeTests.test_too_many",
        ],
        "REFUSED": [
            "system.test_connect.AnswerTests.test_4xx",
        ],
        "BAD_GATEWAY": [
            "system.test_connect.AnswerTests.test_not_json",
            "system.test_connect.AnswerTests.test_3xx",
        ],
        "NOT_READY": [
            "unit.core.test_gateway.ConnectTests.test_not_accepting",
            "unit.backend.test_courier.CourierTests.test_breaker_and_connects",
        ],
        "UNAVAILABLE": [
            "system.test_connect.AnswerTests.test_5xx",
            "system.test_connect.UnreachableTests.test_refused",
        ],
        "TOO_MANY_CONNECTIONS": [
            "unit.clients.test_admission.TotalTests.test_full",
        ],
        "TOO_MANY_FROM_ADDRESS": [
            "unit.clients.test_admission.AddressTests.test_per_address",
        ],
        "TOO_FAST": [
            "unit.clients.test_admission.RateTests.test_burst",
            "unit.clients.test_admission.RateTests.test_setting",
        ],
        "BUSY": [
            "unit.clients.test_admission.BusyTests.test_asking",
        ],
        "TIMEOUT": [
            "system.test_connect.TimeoutTests.test_hang",
        ],
        "HTTP_VERSION_NOT_SUPPORTED": [
            "unit.clients.test_connection.HandshakeTests.test_malformed",
        ],
    },
    "close-codes": {
        "1000": [
            "system.test_api.CloseTests.test_plain",
            "system.test_message.AnswerTests.test_410",
        ],
        "1002": [
            "system.test_disconnect.CauseTests.test_protocol_error",
        ],
        "1007": [
            "system.test_disconnect.CauseTests.test_not_utf8",
        ],
        "1008": [
            "system.test_message.AnswerTests.test_401",
            "system.test_expiry.RefreshTests.test_no_answer",
            "unit.clients.test_flood.FragmentTests.test_too_many",
            "unit.core.test_session.ConnectTests.test_no_room_for_a_queued_push",
        ],
        "1009": [
            "system.test_disconnect.CauseTests.test_too_big",
        ],
        "1011": [
            "unit.backend.test_courier.CourierTests.test_a_bug_closes_the_connection",
        ],
        "1012": [
            "system.test_stop.StopTests.test_clients",
        ],
        "1013": [
            "system.test_message.PatienceTests.test_undelivered",
        ],
        "3000 to 4999": [
            "system.test_api.CloseTests.test_code",
        ],
    },
    "client-side": {
        "addresses": [
            "system.test_endpoints.ListeningTests.test_loopback",
            "system.test_endpoints.ListeningTests.test_addresses",
            "unit.service.test_listening.DefaultTests.test_without_ipv6",
        ],
        "HANDSHAKE_TIMEOUT": [
            "unit.clients.test_connection.HandshakeTests.test_slow",
            "unit.net.test_tls_endpoint.HandshakeTests.test_stall",
            "unit.net.test_tls_endpoint.HandshakeTests.test_slow_head",
        ],
        "HEAD": [
            "unit.clients.test_connection.HandshakeTests.test_head",
        ],
        "closing": [
            "unit.clients.test_connection.EndTests.test_close_codes",
        ],
        "keepalive": [
            "system.test_disconnect.KeepaliveTests.test_silent",
            "system.test_disconnect.KeepaliveTests.test_pongs",
            "unit.clients.test_connection.KeepaliveTests.test_paused_client_stays",
            "system.test_slow_readers.SlowReaderTests.test_silent",
        ],
        "the end": [
            "system.test_slow_readers.SlowReaderTests.test_plain",
            "system.test_slow_readers.SlowReaderTests.test_tls",
            "unit.clients.test_lingering_close.LingeringCloseTests.test_reads_no_more",
            "unit.clients.test_lingering_close.LingeringCloseTests.test_no_answer",
        ],
        "compression": [
            "system.test_compression.OnTests.test_both_ways",
            "system.test_compression.OnTests.test_not_offered",
            "system.test_compression.OnTests.test_bomb",
        ],
        "other headers": [
            "unit.clients.handshake.test_request.UnusedTests.test_any_bytes",
            "unit.clients.handshake.test_request.UnusedTests.test_no_body",
            "unit.clients.handshake.test_request.HeadsTests.test_all",
        ],
        "malformed headers": [
            "unit.clients.handshake.test_request.OriginTests.test_foreign",
            "unit.clients.handshake.test_request.ListTests.test_extensions",
            "unit.clients.handshake.test_request.ListTests.test_subprotocols",
            "unit.clients.handshake.test_request.UnusedTests.test_traceparent",
        ],
        "target in absolute form": [
            "unit.clients.handshake.test_request.TargetTests.test_absolute_form",
        ],
        "empty line": [
            "unit.clients.handshake.test_request.EmptyLineTests.test_one",
            "unit.clients.handshake.test_request.EmptyLineTests.test_more",
        ],
        "AUTH_QUERY": [
            "unit.clients.handshake.test_credentials.QueryTests.test_taken_out",
        ],
        "AUTH_SUBPROTOCOL": [
            "unit.clients.handshake.test_credentials.SubprotocolTests.test_taken_out",
            "unit.clients.handshake.test_credentials.SubprotocolTests.test_selected",
        ],
        "one credential": [
            "unit.clients.handshake.test_credentials.OneTests.test_more_than_one",
        ],
        "401 with WWW-Authenticate": [
            "system.test_connect.AnswerTests.test_several_challenges",
        ],
    },
}
