"""docs/protocol.rst: every row of its tables is kept by tests that exist, and its lists are those of the source.

A row is named by its first cell. Who adds, removes or renames a row is told to say here which tests keep it.
"""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator

from twisted.trial.unittest import SynchronousTestCase

from tests.support.pages import DOCS, exists, tables
from tests.support.source import ROOT, modules
from wsaas.api.aws_dialect import ERRORS, GONE, MAYBE_SENT
from wsaas.api.errors import INTERNAL_ERROR, TABLE
from wsaas.api.server.limits import IDLE_TIMEOUT
from wsaas.api.server.site import api_site
from wsaas.backend.requests import MAX_DECISION
from wsaas.backend.responses import CODES
from wsaas.cli.explanations import CLOSE_CODES
from wsaas.clients.handshake.client_address import MAX_HOPS
from wsaas.clients.handshake.opening import MAX_EARLY
from wsaas.clients.handshake.request_head import MAX_FIELDS, MAX_HEAD
from wsaas.clients.handshake.responses import MESSAGES, NO_HANDSHAKE
from wsaas.clients.lingering_close import CLOSE_TIMEOUT, LINGER
from wsaas.core.events import Cause, CloseCode
from wsaas.core.retry import LONGEST_DELAY

PAGE = DOCS / "protocol.rst"


TESTS: dict[str, dict[str, list[str]]] = {
    "idea": {
        "a client opens": ["system.test_handshake.BodyTests.test_core"],
        "a client speaks": ["system.test_message.BytesTests.test_exact"],
        "a client is gone": ["system.test_disconnect.CauseTests.test_client"],
        "the backend pushes": ["system.test_handshake.BodyTests.test_ws_uri"],
        "the backend closes": ["system.test_api.CloseTests.test_plain"],
    },
    "guarantees": {
        "Order": ["system.test_order.OrderTests.test_order"],
        "Every end is told": [
            "unit.core.test_machine.MachineTests.test_any_order",
            "system.test_journal.KillTests.test_kill",
            "unit.backend.test_courier.CourierTests.test_revived",
        ],
        "No silent gap": [
            "system.test_message.PatienceTests.test_undelivered",
            "unit.core.test_machine.MachineTests.test_any_order",
        ],
        "Honest push": ["system.test_api.PushTests.test_too_slow"],
        "Bounded memory": [
            "system.test_order.BacklogTests.test_memory",
            "unit.clients.test_connection.SendBufferTests.test_bound",
        ],
        "Nobody else": [
            "system.test_api.TokenTests.test_no_token",
            "system.test_webhook.SignatureTests.test_signed",
            "unit.clients.test_connection.HandshakeTests.test_origin",
        ],
        "No thundering": ["system.test_stop.StopTests.test_clients", "system.test_stop.StopTests.test_drain_timeout"],
    },
    "headers": {
        "Authorization": [
            "system.test_webhook.HeaderTests.test_authorization",
            "system.test_webhook.HeaderTests.test_no_authorization",
        ],
        "Content-Type": [
            "system.test_message.ContentTypeTests.test_content_type",
            "unit.backend.test_requests.ContractTests.test_connect",
        ],
        "WSAAS-Event": ["system.test_webhook.HeaderTests.test_event"],
        "WSAAS-Replay": ["system.test_events.PayloadTests.test_replay"],
        "WSAAS-Connection-Id": ["system.test_webhook.HeaderTests.test_event"],
        "webhook-id": [
            "system.test_webhook.HeaderTests.test_webhook_id",
            "system.test_webhook.HeaderTests.test_webhook_id_of_retry",
        ],
        "webhook-timestamp": ["system.test_webhook.HeaderTests.test_timestamp"],
        "webhook-signature": [
            "system.test_webhook.SignatureTests.test_signed",
            "system.test_webhook.SignatureTests.test_binary",
        ],
        "traceparent": [
            "system.test_webhook.HeaderTests.test_traceparent",
            "system.test_webhook.HeaderTests.test_own_trace",
        ],
        "User-Agent": ["system.test_webhook.HeaderTests.test_own_headers"],
        "Accept": ["system.test_webhook.HeaderTests.test_own_headers"],
        "Accept-Encoding": [
            "system.test_webhook.HeaderTests.test_own_headers",
            "thorough.fuzz.test_bombs.BombTests.test_gzip",
        ],
        "those named by FORWARD_HEADERS": [
            "system.test_webhook.ForwardTests.test_forwarded",
            "system.test_webhook.ForwardTests.test_each_once",
            "unit.clients.test_connection.HandshakeTests.test_forward_headers",
        ],
        "those of the connect answer": ["system.test_handshake.AcceptTests.test_headers"],
    },
    "connect-body": {
        "code": ["system.test_handshake.BodyTests.test_core"],
        "ws_uri": ["system.test_handshake.BodyTests.test_ws_uri"],
        "timeout": ["system.test_handshake.AddressTests.test_settings"],
        "id": ["system.test_handshake.BodyTests.test_ids"],
        "path": ["system.test_handshake.BodyTests.test_all"],
        "query": [
            "system.test_handshake.BodyTests.test_all",
            "unit.clients.handshake.test_credentials.QueryTests.test_taken_out",
        ],
        "origin": ["system.test_handshake.BodyTests.test_all", "system.test_handshake.BodyTests.test_bare"],
        "remote_address": [
            "system.test_handshake.BodyTests.test_all",
            "unit.clients.handshake.test_client_address.ForwardedTests.test_what_the_gateway_hears",
            "system.test_tls_reload.MutualTests.test_proxied",
        ],
        "subprotocols": ["system.test_handshake.BodyTests.test_all"],
        "headers": [
            "system.test_handshake.BodyTests.test_all",
            "unit.clients.test_connection.HandshakeTests.test_what_the_gateway_hears",
        ],
    },
    "connect-answers": {
        "2xx, JSON with the code OK": ["system.test_connect.AnswerTests.test_ok"],
        "2xx, JSON with any other code": ["system.test_connect.AnswerTests.test_other_code"],
        "4xx": [
            "system.test_connect.AnswerTests.test_4xx",
            "system.test_connect.AnswerTests.test_4xx_without_body",
        ],
        "3xx": ["system.test_connect.AnswerTests.test_3xx"],
        "any other 5xx": ["system.test_connect.AnswerTests.test_5xx"],
        "none, as the backend cannot be reached": ["system.test_connect.UnreachableTests.test_refused"],
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
    },
    "message-answers": {
        "2xx": ["system.test_message.BytesTests.test_exact"],
        "2xx with WSAAS-Reply": [
            "system.test_message.ReplyTests.test_reply",
            "system.test_message.ReplyTests.test_before_next",
            "system.test_message.ReplyTests.test_not_utf8",
        ],
        "2xx with WSAAS-Reply: lines or events": [
            "system.test_streams.StreamTests.test_first_line",
            "system.test_streams.StreamTests.test_stop",
        ],
        "401, 403": ["system.test_message.AnswerTests.test_401", "system.test_message.AnswerTests.test_403"],
        "410": ["system.test_message.AnswerTests.test_410"],
        "408, 425, 429, 5xx": [
            "system.test_message.AnswerTests.test_retried",
            "system.test_message.AnswerTests.test_retry_after",
        ],
        "none in time, or the connection was lost": [
            "system.test_message.AnswerTests.test_timeout",
            "system.test_message.AnswerTests.test_lost",
            "system.test_message.AnswerTests.test_dropped",
        ],
        "any other 4xx, and 3xx": ["system.test_message.AnswerTests.test_refused"],
    },
    "batch-answers": {
        "2xx": ["system.test_batches.BatchTests.test_order", "system.test_batches.BatchTests.test_bytes"],
        "2xx, JSON with accepted": [
            "system.test_batches.AnswerTests.test_part",
            "system.test_batches.AnswerTests.test_none",
            "system.test_batches.AnswerTests.test_same_answer",
        ],
        "2xx, JSON with replies": [
            "system.test_batches.AnswerTests.test_replies",
            "system.test_batches.AnswerTests.test_flaws",
        ],
        "2xx with WSAAS-Reply": ["system.test_batches.AnswerTests.test_reply"],
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
        "a slow client": ["system.test_streams.StreamTests.test_slow_client"],
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
    "disconnect-body": {
        "code": ["system.test_disconnect.CauseTests.test_client"],
        "ws_uri": ["system.test_disconnect.CauseTests.test_client"],
        "id": ["system.test_disconnect.CauseTests.test_client"],
        "cause": ["system.test_disconnect.CauseTests.test_client"],
        "close_code": ["system.test_disconnect.CauseTests.test_client"],
        "close_reason": ["system.test_disconnect.CauseTests.test_client"],
        "clean": ["system.test_disconnect.CauseTests.test_client"],
        "connected_at": ["system.test_disconnect.CauseTests.test_client"],
        "lost_messages": ["system.test_disconnect.CauseTests.test_client"],
    },
    "causes": {
        "client": ["system.test_disconnect.CauseTests.test_client"],
        "network": ["system.test_disconnect.CauseTests.test_reset"],
        "timeout": ["system.test_disconnect.KeepaliveTests.test_silent"],
        "api": ["system.test_disconnect.CauseTests.test_api"],
        "backend": ["system.test_disconnect.CauseTests.test_backend"],
        "undelivered": ["system.test_message.PatienceTests.test_undelivered"],
        "too_slow": ["unit.clients.test_connection.SendBufferTests.test_too_slow"],
        "too_big": ["system.test_disconnect.CauseTests.test_too_big"],
        "protocol_error": ["system.test_disconnect.CauseTests.test_protocol_error"],
        "drain": ["system.test_stop.StopTests.test_clients"],
        "restart": [
            "unit.core.test_session.ReviveTests.test_restart",
            "unit.backend.test_courier.CourierTests.test_revived",
        ],
        "unknown_connect": ["system.test_connect.AnswerTests.test_not_json"],
    },
    "disconnect-answers": {
        "2xx": ["system.test_disconnect.AnswerTests.test_ends"],
        "404, 410": ["system.test_disconnect.AnswerTests.test_ends"],
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
    "requests": {
        "PUT /{id}": [
            "system.test_api.PushTests.test_text",
            "system.test_api.PushTests.test_binary",
            "system.test_handshake.MeanwhileTests.test_early_push",
        ],
        "PUT /{id}?receipt=": [
            "system.test_api.ReceiptTests.test_received",
            "system.test_api.ReceiptTests.test_unconfirmed",
            "system.test_api.ReceiptTests.test_only_the_latest",
            "system.test_api.ReceiptTests.test_before_the_101",
            "system.test_api.ReceiptTests.test_bound",
            "system.test_workers.ThreeTests.test_receipts",
        ],
        "DELETE /{id}": ["system.test_api.CloseTests.test_code", "system.test_api.CloseTests.test_bad_code"],
        "GET /{id}": ["system.test_api.FactsTests.test_facts", "system.test_api.FactsTests.test_head"],
        "GET /connections": ["unit.api.test_connections.ListTests.test_pages"],
        "PUT /broadcast": ["unit.api.test_groups.GroupRouteTests.test_broadcast"],
        "PUT /groups/{group}": [
            "unit.api.test_groups.GroupRouteTests.test_push",
            "unit.api.test_groups.GroupRouteTests.test_bad_push",
        ],
        "GET /groups": ["unit.api.test_groups.GroupRouteTests.test_groups"],
        "GET /groups/{group}": [
            "unit.api.test_groups.GroupRouteTests.test_membership",
            "unit.api.test_groups.GroupRouteTests.test_members",
        ],
        "DELETE /groups/{group}": ["unit.api.test_groups.GroupRouteTests.test_close"],
        "PUT /groups/{group}/{id}": [
            "unit.api.test_groups.GroupRouteTests.test_membership",
            "unit.core.test_router.GroupTests.test_bound",
        ],
        "DELETE /groups/{group}/{id}": ["unit.api.test_groups.GroupRouteTests.test_membership"],
        "GET /-/healthy": ["system.test_api.TokenTests.test_probes", "unit.api.test_app.ProbeTests.test_healthy"],
        "GET /-/ready": ["system.test_api.TokenTests.test_probes", "unit.api.test_app.ProbeTests.test_not_ready"],
        "GET /-/metrics": [
            "system.test_metrics.ExpositionTests.test_figures",
            "system.test_metrics.WorkersTests.test_all",
            "unit.api.test_metrics.MetricsTests.test_answer",
        ],
        "GET /-/cluster": ["system.test_workers.ThreeTests.test_list_of_workers"],
        "GET /-/events": [
            "system.test_events.EventTests.test_a_life",
            "system.test_events.EventTests.test_filters",
            "system.test_events.EventTests.test_bad_value",
            "system.test_events.OffTests.test_off",
            "system.test_events.WorkerTests.test_all_workers",
        ],
        "GET /-/openapi.json": [
            "unit.api.test_documents.AnswerTests.test_served",
            "unit.api.test_documents.DocumentTests.test_routes",
        ],
        "GET /-/asyncapi.json": [
            "unit.api.test_documents.AnswerTests.test_served",
            "unit.api.test_documents.AsyncTests.test_valid",
        ],
        "GET /-/stats": [
            "system.test_events.EventTests.test_stats",
            "system.test_events.WorkerTests.test_all_workers",
            "unit.telemetry.test_figures.FigureTests.test_one_process",
            "unit.telemetry.test_figures.FigureTests.test_lately",
        ],
        "POST /-/events/{webhook-id}/replay": [
            "system.test_events.PayloadTests.test_replay",
            "system.test_events.WorkerTests.test_replay",
            "unit.backend.test_replay.ReplayTests.test_same_webhook",
            "unit.backend.test_replay.ReplayTests.test_never_acted_on",
            "unit.backend.test_replay.ReplayTests.test_dead_connection",
            "unit.api.test_replay.ReplayTests.test_edited",
        ],
        "GET /-/console": [
            "unit.api.test_console.FileTests.test_files",
            "unit.api.test_console.FileTests.test_host",
            "unit.api.test_console.TokenTests.test_open",
            "system.test_events.OffTests.test_off",
        ],
    },
    "errors": {
        "BAD_REQUEST": [
            "system.test_api.CloseTests.test_bad_code",
            "unit.api.server.test_site.MalformedTests.test_table",
        ],
        "NOT_UTF8": ["system.test_api.PushTests.test_not_utf8"],
        "UNAUTHORIZED": [
            "system.test_api.TokenTests.test_no_token",
            "unit.api.server.test_site.TokenTests.test_before_the_body",
        ],
        "HOST_NOT_ALLOWED": ["system.test_api.HostTests.test_host", "unit.api.test_access.HostTests.test_hosts"],
        "NOT_FOUND": [
            "system.test_api.PushTests.test_nobody",
            "system.test_api.PushTests.test_gone",
            "system.test_api.RouteTests.test_unknown_path",
        ],
        "METHOD_NOT_ALLOWED": [
            "system.test_api.RouteTests.test_wrong_method",
            "unit.api.test_app.PathTests.test_case",
        ],
        "REQUEST_TIMEOUT": ["unit.api.server.test_site.DeadlineTests.test_drip"],
        "MESSAGE_TOO_LONG": ["system.test_api.PushTests.test_too_long"],
        "UNSUPPORTED_CODING": ["unit.api.test_connections.PushTests.test_coded"],
        "CLIENT_TOO_SLOW": ["system.test_api.PushTests.test_too_slow"],
        "INTERNAL_ERROR": ["unit.api.test_app.MistakeTests.test_internal_error"],
        "NOT_READY": ["unit.api.test_app.ProbeTests.test_not_ready"],
        "NOT_RECORDED": [
            "unit.api.test_replay.ReplayTests.test_not_recorded",
            "unit.api.test_replay.OffTests.test_not_recording",
        ],
        "REPLAY_UNDER_WAY": [
            "unit.api.test_replay.ReplayTests.test_busy",
            "unit.backend.test_replay.ReplayTests.test_one_at_a_time",
        ],
        "NO_ANSWER": ["unit.api.test_replay.ReplayTests.test_no_answer"],
        "TOO_MANY_WATCHERS": ["unit.api.test_events.EventTests.test_bound"],
        "OWNER_UNREACHABLE": [
            "unit.cluster.test_forwarding.ForwardTests.test_table",
            "system.test_workers.ThreeTests.test_stopped",
        ],
        "OWNER_SILENT": [
            "unit.cluster.test_forwarding.ForwardTests.test_table",
            "system.test_workers.ThreeTests.test_stopped",
        ],
    },
    "aws": {
        "POST /@connections/{id}": [
            "unit.api.test_aws.TableTests.test_post",
            "unit.api.test_aws.TableTests.test_text",
            "unit.api.test_aws.TableTests.test_connecting",
            "system.test_aws_sdks.Boto3Tests.test_all",
            "system.test_aws_sdks.JavaScriptTests.test_all",
        ],
        "GET /@connections/{id}": [
            "unit.api.test_aws.TableTests.test_get",
            "system.test_aws_sdks.Boto3Tests.test_all",
            "system.test_aws_sdks.JavaScriptTests.test_all",
        ],
        "DELETE /@connections/{id}": [
            "unit.api.test_aws.TableTests.test_delete",
            "system.test_aws_sdks.Boto3Tests.test_all",
            "system.test_aws_sdks.JavaScriptTests.test_all",
        ],
        "GoneException": [
            "unit.api.test_aws.TableTests.test_gone",
            "system.test_aws_sdks.Boto3Tests.test_all",
            "system.test_aws_sdks.JavaScriptTests.test_all",
        ],
        "PayloadTooLargeException": [
            "unit.api.test_aws.TableTests.test_too_large",
            "system.test_aws_sdks.Boto3Tests.test_refusals",
            "system.test_aws_sdks.JavaScriptTests.test_refusals",
        ],
        "LimitExceededException": [
            "unit.api.test_aws.TableTests.test_too_slow",
            "system.test_aws_sdks.Boto3Tests.test_refusals",
            "system.test_aws_sdks.JavaScriptTests.test_refusals",
        ],
        "ForbiddenException": [
            "unit.api.test_aws.OpenTests.test_host",
            "unit.api.test_aws.TokenTests.test_token",
            "unit.api.test_aws.PairTests.test_signature",
            "unit.api.test_aws.BothTests.test_either",
            "system.test_aws_sdks.Boto3Tests.test_refusals",
            "system.test_aws_sdks.JavaScriptTests.test_refusals",
        ],
        "BadRequestException": ["unit.api.test_aws.TableTests.test_wrong"],
        "NotFoundException": ["unit.api.test_aws.TableTests.test_no_id"],
        "MethodNotAllowedException": ["unit.api.test_aws.TableTests.test_no_id"],
        "RequestTimeoutException": ["unit.api.test_aws.TableTests.test_wrong"],
        "UnsupportedMediaTypeException": ["unit.api.test_aws.TableTests.test_wrong"],
        "InternalServerErrorException": ["unit.api.test_aws.TableTests.test_mistake_of_ours"],
        "ServiceUnavailableException": ["unit.api.test_aws.ElsewhereTests.test_errors"],
        "OwnerSilentException": ["unit.api.test_aws.ElsewhereTests.test_errors"],
    },
    "facts": {
        "id": ["unit.api.test_connections.FactsTests.test_get"],
        "state": ["unit.api.test_connections.FactsTests.test_get"],
        "connected_at": ["unit.api.test_connections.FactsTests.test_get"],
        "last_active_at": ["unit.api.test_connections.FactsTests.test_get"],
        "remote_address": ["unit.api.test_connections.FactsTests.test_get"],
        "path": ["unit.api.test_connections.FactsTests.test_get"],
        "user_agent": ["unit.api.test_connections.FactsTests.test_get"],
        "subprotocol": ["unit.api.test_connections.FactsTests.test_get"],
        "groups": ["unit.api.test_connections.FactsTests.test_get"],
        "messages_in": ["unit.api.test_connections.FactsTests.test_get"],
        "bytes_in": ["unit.api.test_connections.FactsTests.test_get"],
        "messages_out": ["unit.api.test_connections.FactsTests.test_get"],
        "bytes_out": ["unit.api.test_connections.FactsTests.test_get"],
        "bytes_waiting_in": ["unit.api.test_connections.FactsTests.test_get"],
        "bytes_waiting_out": ["unit.api.test_connections.FactsTests.test_get"],
    },
    "refusals": {
        "BAD_REQUEST": [
            "system.test_bad_input.BadInputTests.test_handshakes",
            "unit.clients.test_connection.HandshakeTests.test_malformed",
        ],
        "UNAUTHORIZED": ["system.test_connect.AnswerTests.test_4xx"],
        "ORIGIN_NOT_ALLOWED": ["unit.clients.test_connection.HandshakeTests.test_origin"],
        "FORBIDDEN": ["system.test_connect.AnswerTests.test_4xx"],
        "CLOSED": ["unit.core.test_router.CloseTests.test_waiting"],
        "NOT_FOUND": ["system.test_connect.AnswerTests.test_4xx"],
        "METHOD_NOT_ALLOWED": ["unit.clients.test_connection.HandshakeTests.test_allow_and_upgrade_headers"],
        "HANDSHAKE_TIMEOUT": ["unit.clients.test_connection.HandshakeTests.test_slow"],
        "UPGRADE_REQUIRED": [
            "system.test_bad_input.BadInputTests.test_browser",
            "unit.clients.handshake.test_request.RefusedTests.test_no_handshake",
        ],
        "TOO_MANY_REQUESTS": ["system.test_connect.AnswerTests.test_4xx"],
        "HEADERS_TOO_LARGE": [
            "unit.clients.test_connection.HandshakeTests.test_too_long",
            "unit.clients.test_connection.HandshakeTests.test_too_many",
        ],
        "REFUSED": ["system.test_connect.AnswerTests.test_4xx"],
        "BAD_GATEWAY": ["system.test_connect.AnswerTests.test_not_json", "system.test_connect.AnswerTests.test_3xx"],
        "NOT_READY": [
            "unit.core.test_gateway.ConnectTests.test_not_accepting",
            "unit.backend.test_courier.CourierTests.test_breaker_and_connects",
        ],
        "UNAVAILABLE": [
            "system.test_connect.AnswerTests.test_5xx",
            "system.test_connect.UnreachableTests.test_refused",
        ],
        "TOO_MANY_CONNECTIONS": ["unit.clients.test_admission.TotalTests.test_full"],
        "TOO_MANY_FROM_ADDRESS": ["unit.clients.test_admission.AddressTests.test_per_address"],
        "TOO_FAST": [
            "unit.clients.test_admission.RateTests.test_burst",
            "unit.clients.test_admission.RateTests.test_setting",
        ],
        "BUSY": ["unit.clients.test_admission.BusyTests.test_asking"],
        "TIMEOUT": ["system.test_connect.TimeoutTests.test_hang"],
        "HTTP_VERSION_NOT_SUPPORTED": ["unit.clients.test_connection.HandshakeTests.test_malformed"],
    },
    "close-codes": {
        "1000": ["system.test_api.CloseTests.test_plain", "system.test_message.AnswerTests.test_410"],
        "1002": ["system.test_disconnect.CauseTests.test_protocol_error"],
        "1007": ["system.test_disconnect.CauseTests.test_not_utf8"],
        "1008": [
            "system.test_message.AnswerTests.test_401",
            "unit.clients.test_flood.FragmentTests.test_too_many",
            "unit.core.test_session.ConnectTests.test_no_room_for_a_queued_push",
        ],
        "1009": ["system.test_disconnect.CauseTests.test_too_big"],
        "1011": ["unit.backend.test_courier.CourierTests.test_a_bug_closes_the_connection"],
        "1012": ["system.test_stop.StopTests.test_clients"],
        "1013": ["system.test_message.PatienceTests.test_undelivered"],
        "3000 to 4999": ["system.test_api.CloseTests.test_code"],
    },
    "events": {
        "hello": [
            "unit.telemetry.test_event_stream.LineTests.test_hello",
            "unit.api.test_events.EventTests.test_stream",
        ],
        "connect": [
            "system.test_events.EventTests.test_a_life",
            "unit.telemetry.test_event_stream.LineTests.test_connect",
            "unit.telemetry.test_event_stream.LineTests.test_outcomes",
        ],
        "message": [
            "unit.telemetry.test_event_stream.LineTests.test_message",
            "unit.backend.test_courier.MonitorTests.test_attempts",
            "unit.backend.test_sender.PoolSenderTests.test_timing",
        ],
        "disconnect": ["unit.telemetry.test_event_stream.LineTests.test_connect"],
        "retry": [
            "unit.telemetry.test_event_stream.LineTests.test_retry",
            "unit.backend.test_courier.MonitorTests.test_tries",
        ],
        "reply": [
            "system.test_events.EventTests.test_a_life",
            "unit.core.test_counters.EndTests.test_replies",
        ],
        "push": ["unit.telemetry.test_event_stream.LineTests.test_pushes"],
        "group_push": ["unit.telemetry.test_event_stream.LineTests.test_pushes"],
        "broadcast": ["unit.telemetry.test_event_stream.LineTests.test_pushes"],
        "refusal": [
            "system.test_events.EventTests.test_refusal",
            "unit.telemetry.test_event_stream.LineTests.test_refusal",
            "unit.clients.test_connection.HandshakeTests.test_observed",
        ],
        "close": ["unit.telemetry.test_event_stream.LineTests.test_close"],
        "skipped": ["unit.api.test_events.EventTests.test_slow_reader"],
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
        "HEAD": ["unit.clients.test_connection.HandshakeTests.test_head"],
        "closing": ["unit.clients.test_connection.EndTests.test_close_codes"],
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
        "target in absolute form": ["unit.clients.handshake.test_request.TargetTests.test_absolute_form"],
        "AUTH_QUERY": ["unit.clients.handshake.test_credentials.QueryTests.test_taken_out"],
        "AUTH_SUBPROTOCOL": [
            "unit.clients.handshake.test_credentials.SubprotocolTests.test_taken_out",
            "unit.clients.handshake.test_credentials.SubprotocolTests.test_selected",
        ],
        "one credential": ["unit.clients.handshake.test_credentials.OneTests.test_more_than_one"],
        "401 with WWW-Authenticate": ["system.test_connect.AnswerTests.test_several_challenges"],
    },
}

LIMITS = {
    "A handshake's request line and headers": f"{MAX_HEAD} bytes",
    "Headers of a handshake": f"{MAX_FIELDS}",
    "Trusted proxies in a row in X-Forwarded-For": f"{MAX_HOPS}",
    "Time for a client to take more of what is before a Close, and then to answer it": f"{CLOSE_TIMEOUT:g} s",
    "Time for a client to read on what its own machine holds, when its connection is over": f"{LINGER:g} s",
    "Bytes that a client may send before its 101 without waiting": f"{MAX_EARLY} bytes",
    "Body of an answer to POST or DELETE": f"{MAX_DECISION} bytes",
    "Longest pause between two tries of a webhook": f"{LONGEST_DELAY:g} s",
    "Time for a request of the API to come": f"{inspect.signature(api_site).parameters['request_timeout'].default:g} s",
    "Time that a connection to the API may be idle, or leave its answers unread": f"{IDLE_TIMEOUT:g} s",
}


VIOLATION = 1002
"""The close code that Autobahn chooses for a violation of RFC 6455."""

# Where a refusal's status or code is no constant, and what they can be.
VARIABLE = {
    "wsaas/clients/handshake/responses.py": {},  # those of NO_HANDSHAKE
    "wsaas/backend/decision.py": {},  # the backend's own
    "wsaas/backend/responses.py": {**{code: str(status) for status, code in CODES.items()}, "REFUSED": "any other 4xx"},
}


def refusals() -> Iterator[tuple[str, str]]:
    """Code and status of every refusal that is made anywhere in the source."""
    yield "BAD_REQUEST", "400"
    for module in modules(ROOT):
        for node in module.nodes:
            match node:
                case ast.Call(
                    func=ast.Name(id="HandshakeResponse"),
                    args=[ast.Constant(value=int(status)), ast.Constant(value=str(code)), *_],
                ):
                    yield code, str(status)
                case ast.Call(func=ast.Name(id="HandshakeResponse")):
                    yield from VARIABLE[module.place].items()


class ProtocolTests(SynchronousTestCase):
    tables = tables(PAGE.read_text())

    def test_every_row(self) -> None:
        """Every row of every table has its tests here, and nothing here is without its row."""
        rows = {name: [row[0] for row in table] for name, table in self.tables.items() if name != "limits"}
        self.assertEqual(rows, {name: list(kept) for name, kept in TESTS.items()})

    def test_tests_exist(self) -> None:
        """Each row names a test, and all that are named are tests."""
        named = {(row, test) for kept in TESTS.values() for row, tests in kept.items() for test in tests or [""]}
        self.assertEqual(sorted(each for each in named if not each[1] or not exists(each[1])), [])

    def test_limits(self) -> None:
        """The limits that are not settings are those of the source."""
        self.assertEqual(dict(self.tables["limits"]), LIMITS)

    def test_errors(self) -> None:
        """The errors of the API, and their status, are those of its table."""
        documented = {(code, int(status)) for code, status, _ in self.tables["errors"]}
        answered = {(row.code, row.status) for row in TABLE.values()}
        self.assertEqual(documented, answered | {(str(INTERNAL_ERROR.content["code"]), INTERNAL_ERROR.status)})

    def test_aws_errors(self) -> None:
        """The errors of the AWS dialect, and their status, are those of the source; each error of the API has one."""
        documented = {(name, status) for name, status, _ in self.tables["aws"] if name.endswith("Exception")}
        given = {*ERRORS.values(), GONE, MAYBE_SENT}
        by_name = {name: sorted(status for status, its in given if its == name) for _, name in given}
        self.assertEqual(documented, {(name, ", ".join(map(str, each))) for name, each in by_name.items()})
        codes = {row.code for row in TABLE.values()} | {str(INTERNAL_ERROR.content["code"])}
        events = {
            "TOO_MANY_WATCHERS",
            "NOT_RECORDED",
            "REPLAY_UNDER_WAY",
            "NO_ANSWER",
        }
        self.assertEqual(codes - set(ERRORS), {"NOT_UTF8", "NOT_READY"} | events)  # those of other paths

    def test_refusals(self) -> None:
        """The refusals are those that the source can give, each with its status and a message that says what to do."""
        documented = {code: status for code, status, _, _ in self.tables["refusals"]}
        given = dict(refusals())
        self.assertEqual(documented, given | {code: str(status) for status, (code, _) in NO_HANDSHAKE.items()})
        self.assertEqual(set(MESSAGES), set(given) - {"BAD_REQUEST"})

    def test_close_codes(self) -> None:
        """The close codes are those that the source names and sends, Autobahn's for a violation, and the API's."""
        named = {value for name, value in vars(CloseCode).items() if name.isupper()}
        sent = named - {CloseCode.NO_STATUS, CloseCode.ABNORMAL} | {VIOLATION}
        documented = [code for code, _ in self.tables["close-codes"]]
        self.assertEqual(documented, [*map(str, sorted(sent)), "3000 to 4999"])
        self.assertLessEqual(sent, set(CLOSE_CODES))

    def test_causes_of_a_close(self) -> None:
        """As many causes of 1008 are documented as places in the source send it."""
        uses = [
            node
            for module in modules(ROOT)
            for node in module.nodes
            if isinstance(node, ast.Attribute) and ast.unparse(node) == "CloseCode.POLICY"
        ]
        told_only = 1  # in liveness.py: that connection is dropped without a Close
        answers = 1  # 401 and 403 are one cause with two statuses
        [causes] = [text for code, text in self.tables["close-codes"] if code == "1008"]
        self.assertEqual(len(causes.split(";")), len(uses) - told_only - answers)

    def test_causes(self) -> None:
        """The causes are those that there are, in their order."""
        self.assertEqual([cause for cause, _ in self.tables["causes"]], [cause.value for cause in Cause])


class CheckTests(SynchronousTestCase):
    """The checks themselves can fail."""

    def test_exists(self) -> None:
        """A name that is no test is not taken for one."""
        self.assertTrue(exists("unit.test_docs_protocol.CheckTests.test_exists"))
        for name in (
            "unit.test_docs_protocol.CheckTests.test_nothing",
            "unit.test_docs_protocol.CheckTests.assertEqual",
            "unit.test_docs_protocol.Nobody.test_exists",
            "nowhere.CheckTests.test_exists",
        ):
            self.assertFalse(exists(name), name)

    def test_tables(self) -> None:
        """Rows are read as they are written, roles of Sphinx and code included."""
        page = (
            ".. list-table::\n   :name: t\n   :header-rows: 1\n\n   * - a\n     - b\n   * - ``c``, d\n     - :doc:`e`\n"
        )
        [(name, [row])] = tables(page).items()
        self.assertEqual((name, row[0]), ("t", "c, d"))
