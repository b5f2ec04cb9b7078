"""The tests that produce what docs/troubleshooting.rst says one sees."""

from __future__ import annotations

from tests.claims.model import Claims

TESTS: Claims = {
    "no-handshake": {
        "426 UPGRADE_REQUIRED": [
            "system.test_bad_input.BadInputTests.test_browser",
        ],
        "505 HTTP_VERSION_NOT_SUPPORTED": [
            "system.test_proxies.ProxyTests.test_nginx_without_upgrade",
        ],
        "405 METHOD_NOT_ALLOWED": [
            "unit.clients.test_connection.HandshakeTests.test_allow_and_upgrade_headers",
        ],
        "408 HANDSHAKE_TIMEOUT, or REQUEST_TIMEOUT of the API": [
            "unit.clients.test_connection.HandshakeTests.test_slow",
            "unit.api.server.test_site.DeadlineTests.test_drip",
        ],
        "431 HEADERS_TOO_LARGE": [
            "unit.clients.test_connection.HandshakeTests.test_too_long",
        ],
        "400 BAD_REQUEST": [
            "system.test_bad_input.BadInputTests.test_handshakes",
            "system.test_api.CloseTests.test_bad_code",
        ],
    },
    "unauthorized": {
        "401 at a handshake": [
            "system.test_connect.AnswerTests.test_4xx",
        ],
        "401 UNAUTHORIZED of the API": [
            "system.test_api.TokenTests.test_no_token",
        ],
    },
    "forbidden": {
        "ORIGIN_NOT_ALLOWED": [
            "unit.clients.test_connection.HandshakeTests.test_origin",
        ],
        "FORBIDDEN": [
            "system.test_connect.AnswerTests.test_4xx",
            "system.test_recipes.PageTests.test_django_without_exemption",
        ],
        "CLOSED": [
            "unit.core.test_router.CloseTests.test_waiting",
        ],
        "another code": [
            "system.test_connect.AnswerTests.test_other_code",
        ],
        "HOST_NOT_ALLOWED of the API": [
            "system.test_api.HostTests.test_host",
        ],
    },
    "not-found": {
        "404 NOT_FOUND at a handshake": [
            "system.test_connect.AnswerTests.test_4xx",
        ],
        "429 TOO_MANY_REQUESTS, or REFUSED, at a handshake": [
            "system.test_connect.AnswerTests.test_4xx",
        ],
        "404 of the API, to a push": [
            "system.test_api.PushTests.test_nobody",
            "system.test_api.PushTests.test_gone",
        ],
    },
    "bad-gateway": {
        "BAD_GATEWAY, and the log says JSON or code": [
            "system.test_connect.AnswerTests.test_not_json",
            "system.test_connect.AnswerTests.test_no_code",
            "system.test_connect.AnswerTests.test_code_no_string",
        ],
        "BAD_GATEWAY, and the log has a Location": [
            "system.test_connect.AnswerTests.test_3xx",
        ],
        "BAD_GATEWAY, the connection was lost": [
            "system.test_connect.AnswerTests.test_lost",
        ],
        "502 without a code": [
            "system.test_troubleshooting.ProxyTests.test_nobody_there",
        ],
    },
    "unavailable": {
        "UNAVAILABLE": [
            "system.test_connect.AnswerTests.test_5xx",
            "system.test_connect.UnreachableTests.test_refused",
        ],
        "NOT_READY": [
            "unit.core.test_gateway.ConnectTests.test_not_accepting",
        ],
        "TOO_MANY_CONNECTIONS": [
            "unit.clients.test_admission.TotalTests.test_full",
        ],
        "TOO_MANY_FROM_ADDRESS": [
            "unit.clients.test_admission.AddressTests.test_per_address",
        ],
        "TOO_FAST": [
            "unit.clients.test_admission.RateTests.test_burst",
        ],
        "BUSY": [
            "unit.clients.test_admission.BusyTests.test_asking",
        ],
    },
    "timeout": {
        "TIMEOUT": [
            "system.test_connect.TimeoutTests.test_hang",
        ],
        "504 without a code": [
            "system.test_troubleshooting.ProxyTests.test_impatient",
        ],
    },
    "no-close": {
        "at once, in a browser": [
            "system.test_browsers.BrowserTests.test_another_origin",
        ],
        "at once, and wsaas tail shows that the connect was accepted": [
            "system.test_browsers.BrowserTests.test_no_subprotocol",
        ],
        "at once, with wss:// only": [
            "system.test_tls.ServerTests.test_untrusted",
        ],
        "after the same silence each time, such as 60 s": [
            "system.test_troubleshooting.ProxyTests.test_idle",
        ],
        "after WS_TIMEOUT, cause timeout": [
            "system.test_disconnect.KeepaliveTests.test_silent",
        ],
        "after WS_TIMEOUT, cause too_slow": [
            "unit.clients.test_connection.SendBufferTests.test_too_slow",
        ],
        "all at the same moment": [
            "unit.core.test_session.ReviveTests.test_restart",
        ],
    },
    "policy": {
        "1008 after a message": [
            "system.test_message.AnswerTests.test_401",
            "system.test_message.AnswerTests.test_403",
        ],
        "1008 and many small fragments": [
            "unit.clients.test_flood.FragmentTests.test_too_many",
        ],
    },
    "other-closes": {
        "1009": [
            "system.test_disconnect.CauseTests.test_too_big",
        ],
        "1011": [
            "unit.backend.test_courier.CourierTests.test_a_bug_closes_the_connection",
        ],
        "1012": [
            "system.test_stop.StopTests.test_clients",
        ],
    },
    "try-again-later": {
        "1013, cause undelivered": [
            "system.test_message.PatienceTests.test_undelivered",
        ],
    },
    "nothing": {
        "no answer, and the log says a message was answered 400": [
            "system.test_recipes.PageTests.test_express_with_a_parser",
        ],
        "no answer, and the log says nothing": [
            "system.test_message.ReplyTests.test_reply",
        ],
        "no answer to binary messages only": [
            "system.test_message.ReplyTests.test_not_utf8",
        ],
        "nothing arrives at the backend": [
            "unit.settings.test_misspelt.NearMissTests.test_misspelt",
        ],
        "a push cannot connect": [
            "unit.settings.test_table.TogetherTests.test_endpoints",
        ],
        "a push is answered 200, and the client has nothing": [
            "system.test_api.PushTests.test_binary",
        ],
        "all comes late, and the log says that the process stood still": [
            "system.test_pauses.PauseTests.test_long",
        ],
        "messages come late, one after the other": [
            "system.test_message.AnswerTests.test_one_at_a_time",
        ],
    },
}
