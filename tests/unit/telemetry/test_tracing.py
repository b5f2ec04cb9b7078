"""The spans of a connection and of its webhooks."""

from __future__ import annotations

from types import SimpleNamespace

from twisted.trial.unittest import SynchronousTestCase

from tests.support.core_fakes import Stage, text
from wsaas.core.events import Cause, Closed, Received
from wsaas.core.observer import Attempt, RefusedHandshake, Times
from wsaas.telemetry.otlp import configured
from wsaas.telemetry.tracing import Span, Tracing, span_of

NOW = 2000000000.0
HEAD = b"WSAAS-Connection-Id: x\r\ntraceparent: 00-%b-00f067aa0ba902b7-01\r\nwebhook-id: y\r\n" % (b"ab" * 16)


class TracingTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.spans: list[Span] = []
        self.tracing = Tracing(self.spans.append, "http://backend/ws", lambda: NOW)
        self.session = Stage.open().session

    def tried(self, answer: object, number: int = 1) -> Span:
        request = SimpleNamespace(method=b"PUT", head=HEAD, body=b"hello")
        event = Received(1, text("hello"))
        times = Times(queue=0.5, connect=None, first_byte=0.1, total=0.25)
        self.tracing.tried(self.session, Attempt(event, number, request, answer, times, None))
        return self.spans.pop()

    def test_try(self) -> None:
        """A try is the span that its traceparent names, below that of the connection, in the connection's trace."""
        span = self.tried(SimpleNamespace(status=200))
        self.assertEqual((span.name, span.kind, span.error), ("PUT message", "client", None))
        self.assertEqual((span.trace_id, span.span_id), (self.session.trace_id, "00f067aa0ba902b7"))
        self.assertEqual(span.parent, span_of(self.session.id))
        self.assertEqual((span.start, span.end), (NOW - 0.25, NOW))
        self.assertEqual(
            span.attributes,
            {
                "http.request.method": "PUT",
                "http.request.body.size": 5,
                "http.response.status_code": 200,
                "url.full": "http://backend/ws/{id}",
                "wsaas.event": "message",
                "wsaas.connection": self.session.id[:12],
                "wsaas.queue_seconds": 0.5,
            },
        )

    def test_failures(self) -> None:
        """An answer of 4xx and 5xx is an error, and so is none; a further try says its number."""
        for answer, error, kind in (
            (SimpleNamespace(status=404), "404", "404"),
            (SimpleNamespace(status=503), "503", "503"),
            (ValueError("connection refused"), "connection refused", "ValueError"),
        ):
            span = self.tried(answer, 3)
            self.assertEqual((span.error, span.attributes["error.type"]), (error, kind))
            self.assertEqual(span.attributes["http.request.resend_count"], 2)

    def test_not_sent(self) -> None:
        """What was given up untried, or begun before there was a watcher, has no span."""
        self.tracing.tried(self.session, Attempt(Received(1, text("x")), 0, None, None, None, None))
        self.assertEqual(self.spans, [])

    def test_connection(self) -> None:
        """A connection is one span, from its request to its loss, with what went through it."""
        at = self.session.connected_at + 60
        self.tracing.disconnected(self.session, Closed(Cause.CLIENT, 1001, "", True, lost_messages=2, at=at))
        (span,) = self.spans
        self.assertEqual((span.kind, span.span_id, span.parent), ("server", span_of(self.session.id), None))
        self.assertEqual((span.start, span.end), (self.session.connected_at, at))
        self.assertEqual((span.attributes["wsaas.cause"], span.attributes["wsaas.lost_messages"]), ("client", 2))
        self.assertNotIn(self.session.id, str(span))

    def test_refused(self) -> None:
        """A client that is refused has a span with the status of its answer; one without a session has none."""
        for session in (self.session, None):
            self.tracing.refused(RefusedHandshake("192.0.2.1", "/", SimpleNamespace(status=403), "no", session))
        (span,) = self.spans
        self.assertEqual((span.end, span.attributes["http.response.status_code"]), (NOW, 403))


class ConfiguredTests(SynchronousTestCase):
    def test_variables(self) -> None:
        """Traces are off unless an endpoint is set, and off if OpenTelemetry's own variables say so."""
        endpoint = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://localhost:4318"}
        for environ, wanted in (
            ({}, False),
            ({"OTEL_EXPORTER_OTLP_ENDPOINT": ""}, False),
            (endpoint, True),
            ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://localhost:4318/v1/traces"}, True),
            ({**endpoint, "OTEL_SDK_DISABLED": "TRUE"}, False),
            ({**endpoint, "OTEL_TRACES_EXPORTER": "none"}, False),
        ):
            self.assertIs(configured(environ), wanted, environ)
