"""Exports spans by OTLP over HTTP, with the SDK of OpenTelemetry (the extra `otel`).

The SDK reads its own settings: OTEL_EXPORTER_OTLP_ENDPOINT, OTEL_EXPORTER_OTLP_HEADERS, OTEL_SERVICE_NAME, OTEL_BSP_*
and others. Its thread collects and sends; 2048 spans wait at most by default, and more are dropped.
"""

from __future__ import annotations

from collections.abc import Mapping

from wsaas.telemetry.tracing import Span

ENDPOINTS = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
FLUSH_TIMEOUT = 2.0
"""Seconds that the end waits for the last spans to be sent."""


def configured(environ: Mapping[str, str]) -> bool:
    """Say if spans are wanted, by the variables of OpenTelemetry."""
    wanted = any(environ.get(name) for name in ENDPOINTS)
    off = environ.get("OTEL_SDK_DISABLED", "").lower() == "true" or environ.get("OTEL_TRACES_EXPORTER") == "none"
    return wanted and not off


class OtlpExporter:
    """Sends spans in a thread of its own, which begins here. Raises ImportError without the SDK, ValueError if it is
    badly configured.
    """

    def __init__(self, version: str) -> None:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import ReadableSpan
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
        from opentelemetry.sdk.util.instrumentation import InstrumentationScope
        from opentelemetry.trace import SpanContext, SpanKind, Status, StatusCode, TraceFlags

        self._span, self._context, self._status = ReadableSpan, SpanContext, Status
        self._sampled, self._error = TraceFlags(TraceFlags.SAMPLED), StatusCode.ERROR
        self._kinds = {"server": SpanKind.SERVER, "client": SpanKind.CLIENT}
        self._scope = InstrumentationScope("wsaas", version)
        service = Resource.create()
        if str(service.attributes.get("service.name", "")).startswith("unknown_service"):
            service = service.merge(Resource({"service.name": "wsaas"}))
        self._resource = service
        self._processor = BatchSpanProcessor(OTLPSpanExporter())

    def __call__(self, span: Span) -> None:
        """Hand a span over to the thread."""

        def context(span_id: str) -> object:
            return self._context(int(span.trace_id, 16), int(span_id, 16), False, self._sampled)

        self._processor.on_end(
            self._span(
                span.name,
                context=context(span.span_id),  # type: ignore[arg-type]
                parent=None if span.parent is None else context(span.parent),  # type: ignore[arg-type]
                resource=self._resource,
                attributes=span.attributes,
                kind=self._kinds[span.kind],
                instrumentation_scope=self._scope,
                status=self._status() if span.error is None else self._status(self._error, span.error),
                start_time=int(span.start * 1e9),
                end_time=int(span.end * 1e9),
            )
        )

    def close(self) -> None:
        """Send what waits, for FLUSH_TIMEOUT at most, and end the thread."""
        self._processor.force_flush(int(FLUSH_TIMEOUT * 1000))
        self._processor.shutdown()
