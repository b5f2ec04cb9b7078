"""The tests of docs/protocol_api.rst."""

from __future__ import annotations

from tests.claims.model import Claims

TESTS: Claims = {
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
            "system.test_api.ReceiptTests.test_callers_gone",
            "system.test_workers.ThreeTests.test_receipts",
            "system.test_workers.ThreeTests.test_receipts_of_the_gone",
        ],
        "DELETE /{id}": [
            "system.test_api.CloseTests.test_code",
            "system.test_api.CloseTests.test_bad_code",
        ],
        "GET /{id}": [
            "system.test_api.FactsTests.test_facts",
            "system.test_api.FactsTests.test_head",
        ],
        "GET /connections": [
            "unit.api.test_connections.ListTests.test_pages",
        ],
        "PUT /broadcast": [
            "unit.api.test_groups.GroupRouteTests.test_broadcast",
        ],
        "PUT /groups/{group}": [
            "unit.api.test_groups.GroupRouteTests.test_push",
            "unit.api.test_groups.GroupRouteTests.test_bad_push",
        ],
        "GET /groups": [
            "unit.api.test_groups.GroupRouteTests.test_groups",
        ],
        "GET /groups/{group}": [
            "unit.api.test_groups.GroupRouteTests.test_membership",
            "unit.api.test_groups.GroupRouteTests.test_members",
        ],
        "DELETE /groups/{group}": [
            "unit.api.test_groups.GroupRouteTests.test_close",
        ],
        "PUT /groups/{group}/{id}": [
            "unit.api.test_groups.GroupRouteTests.test_membership",
            "unit.core.test_router.GroupTests.test_bound",
        ],
        "DELETE /groups/{group}/{id}": [
            "unit.api.test_groups.GroupRouteTests.test_membership",
        ],
        "GET /-/healthy": [
            "system.test_api.TokenTests.test_probes",
            "unit.api.test_app.ProbeTests.test_healthy",
        ],
        "GET /-/ready": [
            "system.test_api.TokenTests.test_probes",
            "unit.api.test_app.ProbeTests.test_not_ready",
        ],
        "GET /-/metrics": [
            "system.test_metrics.ExpositionTests.test_figures",
            "system.test_metrics.WorkersTests.test_all",
            "unit.api.test_metrics.MetricsTests.test_answer",
        ],
        "GET /-/cluster": [
            "system.test_workers.ThreeTests.test_list_of_workers",
        ],
        "POST /-/cluster/{prefix}/claim": [
            "system.test_cluster.OneServiceTests.test_engine_away",
        ],
        "GET /-/events": [
            "system.test_events.EventTests.test_a_life",
            "system.test_events.EventTests.test_filters",
            "system.test_events.EventTests.test_bad_value",
            "system.test_events.OffTests.test_off",
            "system.test_events.WorkerTests.test_all_workers",
            "system.test_cluster_watched.WatchedTests.test_any_node",
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
            "system.test_cluster_watched.WatchedTests.test_any_node",
            "unit.telemetry.test_figures.FigureTests.test_one_process",
            "unit.telemetry.test_figures.FigureTests.test_lately",
        ],
        "GET /-/events/{webhook-id}": [
            "unit.api.test_replay.ReplayTests.test_recorded",
            "system.test_cli_tail.TailTests.test_payloads",
        ],
        "POST /-/events/{webhook-id}/replay": [
            "system.test_events.PayloadTests.test_replay",
            "system.test_events.WorkerTests.test_replay",
            "system.test_cluster_watched.WatchedTests.test_any_node",
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
        "NOT_UTF8": [
            "system.test_api.PushTests.test_not_utf8",
        ],
        "UNAUTHORIZED": [
            "system.test_api.TokenTests.test_no_token",
            "unit.api.server.test_site.TokenTests.test_before_the_body",
        ],
        "HOST_NOT_ALLOWED": [
            "system.test_api.HostTests.test_host",
            "unit.api.test_access.HostTests.test_hosts",
        ],
        "NOT_FOUND": [
            "system.test_api.PushTests.test_nobody",
            "system.test_api.PushTests.test_gone",
            "system.test_api.RouteTests.test_unknown_path",
        ],
        "METHOD_NOT_ALLOWED": [
            "system.test_api.RouteTests.test_wrong_method",
            "unit.api.test_app.PathTests.test_case",
        ],
        "REQUEST_TIMEOUT": [
            "unit.api.server.test_site.DeadlineTests.test_drip",
        ],
        "MESSAGE_TOO_LONG": [
            "system.test_api.PushTests.test_too_long",
        ],
        "UNSUPPORTED_CODING": [
            "unit.api.test_connections.PushTests.test_coded",
        ],
        "CLIENT_TOO_SLOW": [
            "system.test_api.PushTests.test_too_slow",
        ],
        "INTERNAL_ERROR": [
            "unit.api.test_app.MistakeTests.test_internal_error",
        ],
        "NOT_READY": [
            "unit.api.test_app.ProbeTests.test_not_ready",
        ],
        "NOT_RECORDED": [
            "unit.api.test_replay.ReplayTests.test_not_recorded",
            "unit.api.test_replay.OffTests.test_not_recording",
        ],
        "REPLAY_UNDER_WAY": [
            "unit.api.test_replay.ReplayTests.test_busy",
            "unit.backend.test_replay.ReplayTests.test_one_at_a_time",
        ],
        "NO_ANSWER": [
            "unit.api.test_replay.ReplayTests.test_no_answer",
        ],
        "TOO_MANY_WATCHERS": [
            "unit.api.test_events.EventTests.test_bound",
        ],
        "OWNER_UNREACHABLE": [
            "unit.cluster.test_forwarding.ForwardTests.test_table",
            "system.test_workers.ThreeTests.test_stopped",
        ],
        "OWNER_SILENT": [
            "unit.cluster.test_forwarding.ForwardTests.test_table",
            "system.test_workers.ThreeTests.test_stopped",
        ],
    },
    "facts": {
        "id": [
            "unit.api.test_connections.FactsTests.test_get",
        ],
        "state": [
            "unit.api.test_connections.FactsTests.test_get",
        ],
        "connected_at": [
            "unit.api.test_connections.FactsTests.test_get",
        ],
        "last_active_at": [
            "unit.api.test_connections.FactsTests.test_get",
        ],
        "remote_address": [
            "unit.api.test_connections.FactsTests.test_get",
        ],
        "path": [
            "unit.api.test_connections.FactsTests.test_get",
        ],
        "user_agent": [
            "unit.api.test_connections.FactsTests.test_get",
        ],
        "subprotocol": [
            "unit.api.test_connections.FactsTests.test_get",
        ],
        "groups": [
            "unit.api.test_connections.FactsTests.test_get",
        ],
        "messages_in": [
            "unit.api.test_connections.FactsTests.test_get",
        ],
        "bytes_in": [
            "unit.api.test_connections.FactsTests.test_get",
        ],
        "messages_out": [
            "unit.api.test_connections.FactsTests.test_get",
        ],
        "bytes_out": [
            "unit.api.test_connections.FactsTests.test_get",
        ],
        "bytes_waiting_in": [
            "unit.api.test_connections.FactsTests.test_get",
        ],
        "bytes_waiting_out": [
            "unit.api.test_connections.FactsTests.test_get",
        ],
    },
}
