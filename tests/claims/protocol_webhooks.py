"""The tests of docs/protocol_webhooks.rst."""

from __future__ import annotations

from tests.claims.model import Claims

TESTS: Claims = {
    "headers": {
        "Authorization": [
            "system.test_webhook.HeaderTests.test_authorization",
            "system.test_webhook.HeaderTests.test_no_authorization",
        ],
        "Content-Type": [
            "system.test_message.ContentTypeTests.test_content_type",
            "unit.backend.test_requests.ContractTests.test_connect",
        ],
        "WSAAS-Event": [
            "system.test_webhook.HeaderTests.test_event",
        ],
        "WSAAS-Replay": [
            "system.test_events.PayloadTests.test_replay",
        ],
        "WSAAS-Connection-Id": [
            "system.test_webhook.HeaderTests.test_event",
        ],
        "webhook-id": [
            "system.test_webhook.HeaderTests.test_webhook_id",
            "system.test_webhook.HeaderTests.test_webhook_id_of_retry",
        ],
        "webhook-timestamp": [
            "system.test_webhook.HeaderTests.test_timestamp",
        ],
        "webhook-signature": [
            "system.test_webhook.SignatureTests.test_signed",
            "system.test_webhook.SignatureTests.test_binary",
        ],
        "traceparent": [
            "system.test_webhook.HeaderTests.test_traceparent",
            "system.test_webhook.HeaderTests.test_own_trace",
        ],
        "User-Agent": [
            "system.test_webhook.HeaderTests.test_own_headers",
        ],
        "Accept": [
            "system.test_webhook.HeaderTests.test_own_headers",
        ],
        "Accept-Encoding": [
            "system.test_webhook.HeaderTests.test_own_headers",
            "thorough.fuzz.test_bombs.BombTests.test_gzip",
        ],
        "those named by FORWARD_HEADERS": [
            "system.test_webhook.ForwardTests.test_forwarded",
            "system.test_webhook.ForwardTests.test_each_once",
            "unit.clients.test_connection.HandshakeTests.test_forward_headers",
        ],
        "those of the connect answer": [
            "system.test_handshake.AcceptTests.test_headers",
        ],
    },
    "connect-body": {
        "code": [
            "system.test_handshake.BodyTests.test_core",
        ],
        "ws_uri": [
            "system.test_handshake.BodyTests.test_ws_uri",
        ],
        "timeout": [
            "system.test_handshake.AddressTests.test_settings",
        ],
        "id": [
            "system.test_handshake.BodyTests.test_ids",
        ],
        "path": [
            "system.test_handshake.BodyTests.test_all",
        ],
        "query": [
            "system.test_handshake.BodyTests.test_all",
            "unit.clients.handshake.test_credentials.QueryTests.test_taken_out",
        ],
        "origin": [
            "system.test_handshake.BodyTests.test_all",
            "system.test_handshake.BodyTests.test_bare",
        ],
        "remote_address": [
            "system.test_handshake.BodyTests.test_all",
            "unit.clients.handshake.test_client_address.ForwardedTests.test_what_the_gateway_hears",
            "system.test_tls_reload.MutualTests.test_proxied",
            "unit.net.test_tls_endpoint.ProxyTests.test_before_tls",
        ],
        "subprotocols": [
            "system.test_handshake.BodyTests.test_all",
        ],
        "headers": [
            "system.test_handshake.BodyTests.test_all",
            "unit.clients.test_connection.HandshakeTests.test_what_the_gateway_hears",
        ],
    },
    "connect-answers": {
        "2xx, JSON with the code OK": [
            "system.test_connect.AnswerTests.test_ok",
        ],
        "2xx, JSON with any other code": [
            "system.test_connect.AnswerTests.test_other_code",
        ],
        "4xx": [
            "system.test_connect.AnswerTests.test_4xx",
            "system.test_connect.AnswerTests.test_4xx_without_body",
        ],
        "3xx": [
            "system.test_connect.AnswerTests.test_3xx",
        ],
        "any other 5xx": [
            "system.test_connect.AnswerTests.test_5xx",
        ],
        "none, as the backend cannot be reached": [
            "system.test_connect.UnreachableTests.test_refused",
        ],
        "2xx that makes no sense": [
            "system.test_connect.AnswerTests.test_not_json",
            "system.test_connect.AnswerTests.test_no_code",
        ],
        "the connection was lost after the POST was sent": [
            "system.test_connect.AnswerTests.test_lost",
            "system.test_connect.AnswerTests.test_reset",
        ],
        "none within WEBHOOK_TIMEOUT": [
            "system.test_connect.TimeoutTests.test_hang",
            "system.test_connect.TimeoutTests.test_trickle",
        ],
        "502 and 504": [
            "system.test_connect.AnswerTests.test_502",
            "system.test_connect.AnswerTests.test_504",
            "unit.backend.test_responses.ConnectTests.test_from_between",
        ],
        "anything but an OK to a POST that was sent again": [
            "system.test_connect.SecondPostTests.test_refused_as_already_there",
            "unit.backend.test_responses.ConnectTests.test_sent_twice",
        ],
    },
    "accept": {
        "subprotocol": [
            "system.test_handshake.AcceptTests.test_subprotocol",
            "unit.backend.test_decision.SubprotocolTests.test_left_out",
        ],
        "groups": [
            "unit.core.test_gateway.LifeTests.test_groups",
            "unit.backend.test_responses.ConnectTests.test_ok",
            "unit.backend.test_decision.GroupTests.test_too_many",
        ],
        "headers": [
            "system.test_handshake.AcceptTests.test_headers",
            "system.test_handshake.AcceptTests.test_framing_headers",
            "system.test_handshake.AcceptTests.test_values",
            "unit.backend.test_decision.HeaderTests.test_too_many",
            "unit.backend.test_decision.HeaderTests.test_too_long",
        ],
        "response_headers": [
            "system.test_handshake.AcceptTests.test_response_headers",
            "system.test_handshake.AcceptTests.test_bad_response_headers",
            "unit.backend.test_decision.ResponseHeaderTests.test_bounds",
        ],
        "expires_in": [
            "unit.backend.test_refresh_answers.ExpiresInTests.test_number",
            "unit.backend.test_refresh_answers.ExpiresInTests.test_no_number",
            "unit.backend.test_refresh.RefreshTests.test_asked",
        ],
    },
    "message-answers": {
        "2xx": [
            "system.test_message.BytesTests.test_exact",
        ],
        "2xx with WSAAS-Reply": [
            "system.test_message.ReplyTests.test_reply",
            "system.test_message.ReplyTests.test_before_next",
            "system.test_message.ReplyTests.test_not_utf8",
            "unit.backend.test_responses.MessageTests.test_no_content",
        ],
        "2xx with WSAAS-Reply: lines or events": [
            "system.test_streams.StreamTests.test_first_line",
            "system.test_streams.StreamTests.test_stop",
        ],
        "401, 403": [
            "system.test_message.AnswerTests.test_401",
            "system.test_message.AnswerTests.test_403",
        ],
        "410": [
            "system.test_message.AnswerTests.test_410",
        ],
        "408, 425, 429, 5xx": [
            "system.test_message.AnswerTests.test_retried",
            "system.test_message.AnswerTests.test_retry_after",
        ],
        "none in time, or the connection was lost": [
            "system.test_message.AnswerTests.test_timeout",
            "system.test_message.AnswerTests.test_lost",
            "system.test_message.AnswerTests.test_dropped",
        ],
        "any other 4xx, and 3xx": [
            "system.test_message.AnswerTests.test_refused",
        ],
    },
    "batch-answers": {
        "2xx": [
            "system.test_batches.BatchTests.test_order",
            "system.test_batches.BatchTests.test_bytes",
        ],
        "2xx, JSON with accepted": [
            "system.test_batches.AnswerTests.test_part",
            "system.test_batches.AnswerTests.test_none",
            "system.test_batches.AnswerTests.test_same_answer",
        ],
        "2xx, JSON with replies": [
            "system.test_batches.AnswerTests.test_replies",
            "system.test_batches.AnswerTests.test_flaws",
        ],
        "2xx with WSAAS-Reply": [
            "system.test_batches.AnswerTests.test_reply",
        ],
        "any other, or none": [
            "system.test_batches.AnswerTests.test_repeated",
            "system.test_batches.AnswerTests.test_refused",
            "system.test_batches.AnswerTests.test_closes",
            "system.test_batches.PatienceTests.test_undelivered",
        ],
    },
    "streams": {
        "lines": [
            "system.test_streams.StreamTests.test_kinds",
            "unit.backend.test_stream_decoders.LineTests.test_lines",
        ],
        "events": [
            "system.test_streams.StreamTests.test_kinds",
            "unit.backend.test_stream_decoders.EventTests.test_events",
        ],
        "framing": [
            "system.test_streams.StreamTests.test_kinds",
            "unit.http_client.test_body_stream.BodyStreamTests.test_head_first",
        ],
        "one at a time": [
            "system.test_streams.StreamTests.test_one_at_a_time",
            "unit.core.test_streams.StreamTests.test_one_at_a_time",
        ],
        "MAX_STREAMS": [
            "system.test_streams.BoundTests.test_turns",
            "unit.backend.test_reply_stream.ReplyStreamTests.test_places",
        ],
        "a slow client": [
            "system.test_streams.StreamTests.test_slow_client",
        ],
        "a client that is gone": [
            "system.test_streams.StreamTests.test_client_gone",
            "system.test_streams.DrainTests.test_drain",
        ],
        "silence": [
            "system.test_streams.BoundTests.test_silence",
            "unit.http_client.test_body_stream.BodyStreamTests.test_silence",
        ],
        "a message that cannot be sent": [
            "system.test_streams.StreamTests.test_unsendable",
            "unit.backend.test_reply_stream.ReplyStreamTests.test_unsendable",
        ],
        "a stream cut short": [
            "system.test_streams.StreamTests.test_cut_short",
            "unit.backend.test_reply_stream.ReplyStreamTests.test_client_gone",
            "system.test_streams.DrainTests.test_crash",
        ],
    },
    "refresh-body": {
        "code": [
            "system.test_expiry.RefreshTests.test_a_life",
        ],
        "ws_uri": [
            "system.test_expiry.RefreshTests.test_a_life",
        ],
        "id": [
            "system.test_expiry.RefreshTests.test_a_life",
        ],
        "expired_at": [
            "unit.backend.test_requests.ContractTests.test_refresh",
            "unit.core.test_expiry.ExpiryTests.test_same_question",
        ],
    },
    "refresh-answers": {
        "2xx, JSON with the code OK": [
            "unit.backend.test_refresh_answers.RefreshAnswerTests.test_ok",
            "unit.backend.test_refresh.RefreshTests.test_headers",
            "unit.backend.test_refresh.RefreshTests.test_order",
            "system.test_expiry.RestartTests.test_headers",
        ],
        "2xx, JSON with any other code": [
            "system.test_expiry.RefreshTests.test_a_life",
            "unit.backend.test_refresh.RefreshTests.test_not_kept",
            "unit.backend.test_refresh_answers.RefreshAnswerTests.test_close_code",
        ],
        "4xx, but 408, 425 and 429": [
            "unit.backend.test_refresh_answers.RefreshAnswerTests.test_4xx",
        ],
        "anything else, or none": [
            "system.test_expiry.RefreshTests.test_no_answer",
            "unit.backend.test_refresh.RefreshTests.test_patience",
            "unit.backend.test_refresh_answers.RefreshAnswerTests.test_failures",
        ],
    },
    "disconnect-body": {
        "code": [
            "system.test_disconnect.CauseTests.test_client",
        ],
        "ws_uri": [
            "system.test_disconnect.CauseTests.test_client",
        ],
        "id": [
            "system.test_disconnect.CauseTests.test_client",
        ],
        "cause": [
            "system.test_disconnect.CauseTests.test_client",
        ],
        "close_code": [
            "system.test_disconnect.CauseTests.test_client",
        ],
        "close_reason": [
            "system.test_disconnect.CauseTests.test_client",
        ],
        "clean": [
            "system.test_disconnect.CauseTests.test_client",
        ],
        "connected_at": [
            "system.test_disconnect.CauseTests.test_client",
        ],
        "lost_messages": [
            "system.test_disconnect.CauseTests.test_client",
        ],
    },
    "causes": {
        "client": [
            "system.test_disconnect.CauseTests.test_client",
        ],
        "network": [
            "system.test_disconnect.CauseTests.test_reset",
        ],
        "timeout": [
            "system.test_disconnect.KeepaliveTests.test_silent",
        ],
        "api": [
            "system.test_disconnect.CauseTests.test_api",
        ],
        "backend": [
            "system.test_disconnect.CauseTests.test_backend",
        ],
        "undelivered": [
            "system.test_message.PatienceTests.test_undelivered",
        ],
        "too_slow": [
            "unit.clients.test_connection.SendBufferTests.test_too_slow",
        ],
        "too_big": [
            "system.test_disconnect.CauseTests.test_too_big",
        ],
        "protocol_error": [
            "system.test_disconnect.CauseTests.test_protocol_error",
        ],
        "drain": [
            "system.test_stop.StopTests.test_clients",
        ],
        "restart": [
            "unit.core.test_session.ReviveTests.test_restart",
            "unit.backend.test_courier.CourierTests.test_revived",
        ],
        "unknown_connect": [
            "system.test_connect.AnswerTests.test_not_json",
        ],
        "expired": [
            "system.test_expiry.RefreshTests.test_a_life",
            "system.test_expiry.RefreshTests.test_no_answer",
        ],
    },
    "disconnect-answers": {
        "2xx": [
            "system.test_disconnect.AnswerTests.test_ends",
        ],
        "404, 410": [
            "system.test_disconnect.AnswerTests.test_ends",
        ],
        "any other 4xx, but 408, 425 and 429": [
            "system.test_disconnect.AnswerTests.test_ends",
            "system.test_disconnect.AnswerTests.test_4xx_of_the_moment",
        ],
        "anything else, or none": [
            "system.test_disconnect.AnswerTests.test_5xx",
            "system.test_disconnect.AnswerTests.test_timeout",
            "unit.backend.test_courier.CourierTests.test_disconnect_patience",
        ],
    },
}
