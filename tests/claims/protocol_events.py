"""The tests of docs/protocol_events.rst."""

from __future__ import annotations

from tests.claims.model import Claims

TESTS: Claims = {
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
            "unit.telemetry.test_event_stream.LineTests.test_replies",
            "unit.backend.test_courier.MonitorTests.test_attempts",
            "unit.backend.test_sender.PoolSenderTests.test_timing",
        ],
        "refresh": [
            "unit.telemetry.test_event_stream.LineTests.test_refresh",
        ],
        "disconnect": [
            "unit.telemetry.test_event_stream.LineTests.test_connect",
        ],
        "retry": [
            "unit.telemetry.test_event_stream.LineTests.test_retry",
            "unit.backend.test_courier.MonitorTests.test_tries",
        ],
        "reply": [
            "system.test_events.EventTests.test_a_life",
            "unit.core.test_counters.EndTests.test_replies",
        ],
        "push": [
            "unit.telemetry.test_event_stream.LineTests.test_pushes",
        ],
        "group_push": [
            "unit.telemetry.test_event_stream.LineTests.test_pushes",
        ],
        "broadcast": [
            "unit.telemetry.test_event_stream.LineTests.test_pushes",
        ],
        "refusal": [
            "system.test_events.EventTests.test_refusal",
            "unit.telemetry.test_event_stream.LineTests.test_refusal",
            "unit.clients.test_connection.HandshakeTests.test_observed",
        ],
        "close": [
            "unit.telemetry.test_event_stream.LineTests.test_close",
        ],
        "skipped": [
            "unit.api.test_events.EventTests.test_slow_reader",
        ],
        "sampled": [
            "unit.telemetry.test_event_stream.SampledTests.test_messages",
            "unit.telemetry.test_event_stream.SampledTests.test_filter_first",
            "unit.telemetry.test_event_stream.SampledTests.test_failures",
            "unit.telemetry.test_event_stream.SampledTests.test_failures_left_out",
            "unit.telemetry.test_event_sample.SampleTests.test_spread",
            "unit.api.test_events.RateTests.test_rate",
            "system.test_events.EventTests.test_rate",
            "system.test_events.WorkerTests.test_all_workers",
            "system.test_cluster_watched.WatchedTests.test_any_node",
        ],
        "lost": [
            "system.test_events.WorkerTests.test_worker_dies",
            "unit.cluster.test_event_streams.FollowTests.test_lost_and_found",
            "unit.cluster.test_event_streams.FollowTests.test_silent",
        ],
        "found": [
            "system.test_cluster_watched.WatchedTests.test_any_node",
            "unit.cluster.test_event_streams.FollowTests.test_new",
        ],
        "end": [
            "system.test_events.EventTests.test_stop",
            "system.test_cluster_watched.WatchedTests.test_any_node",
            "unit.cluster.test_event_streams.FollowTests.test_end",
        ],
    },
}
