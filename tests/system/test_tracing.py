"""Traces of a real gateway, as a collector of OpenTelemetry receives them."""

from __future__ import annotations

import gzip
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tests.support.backend_answers import reply
from tests.support.system_case import SystemTestCase, eventually

TRACE = "0af7651916cd43dd8448eb211c80319c"


class Collector:
    """Takes traces by OTLP over HTTP."""

    def __init__(self) -> None:
        self.spans: list[Any] = []
        self.services: set[str] = set()
        collector = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if self.headers.get("Content-Encoding") == "gzip":
                    body = gzip.decompress(body)
                collector.take(self.path, body)
                self.send_response(200)
                self.send_header("Content-Type", "application/x-protobuf")
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, format: str, *arguments: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        self._thread.start()

    def take(self, path: str, body: bytes) -> None:
        assert path == "/v1/traces", path
        for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
            for attribute in resource.resource.attributes:
                if attribute.key == "service.name":
                    self.services.add(attribute.value.string_value)
            for scope in resource.scope_spans:
                self.spans += scope.spans

    def named(self, name: str) -> list[Any]:
        return [span for span in self.spans if span.name == name]

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class TracingTests(SystemTestCase):
    def test_exported(self) -> None:
        """Each try of a webhook is a span, the one that the backend is told of, in the trace of the client's handshake.

        The span of the connection comes with its end, of one that the drain closed too.
        """
        collector = Collector()
        self.addCleanup(collector.stop)
        backend = self.backend()
        stage = backend.stage("/")
        stage.on_message(reply(503), reply(200))
        gateway = self.gateway(backend, OTEL_EXPORTER_OTLP_ENDPOINT=collector.address, OTEL_BSP_SCHEDULE_DELAY="50")
        client = self.connect(gateway.ws + "/", additional_headers={"traceparent": f"00-{TRACE}-b7ad6b7169203331-01"})
        client.send("hello")
        eventually(lambda: len(collector.named("PUT message")) == 2)
        told = [webhook.header("traceparent") for webhook in (*stage.connects, *stage.messages)]
        found = [*collector.named("POST connect"), *collector.named("PUT message")]
        self.assertEqual([f"00-{span.trace_id.hex()}-{span.span_id.hex()}-01" for span in found], told)
        self.assertEqual({span.trace_id.hex() for span in found}, {TRACE})
        self.assertEqual([span.status.code for span in found], [0, 2, 0])
        self.assertEqual(collector.named("connection"), [])
        gateway.terminate()
        self.assertEqual(gateway.wait(), 0)
        (connection,) = collector.named("connection")
        (disconnect,) = collector.named("DELETE disconnect")
        self.assertEqual({span.parent_span_id for span in (*found, disconnect)}, {connection.span_id})
        attributes = {each.key: each.value for each in connection.attributes}
        self.assertEqual(attributes["wsaas.cause"].string_value, "drain")
        self.assertEqual(attributes["wsaas.messages_in"].int_value, 1)
        self.assertEqual(collector.services, {"wsaas"})
        self.assertNotIn(stage.connects[0].id, str(collector.spans))

    def test_collector_away(self) -> None:
        """A collector that is not there keeps nothing up, not the end either."""
        backend = self.backend()
        collector = Collector()
        collector.stop()
        gateway = self.gateway(backend, OTEL_EXPORTER_OTLP_ENDPOINT=collector.address, OTEL_BSP_SCHEDULE_DELAY="50")
        client = self.connect(gateway.ws + "/")
        client.send("hello")
        eventually(lambda: backend.stage("/") is not None)
        gateway.terminate()
        self.assertEqual(gateway.wait(), 0)

    def test_off(self) -> None:
        """Without an endpoint the SDK is not even loaded."""
        gateway = self.gateway(self.backend())
        with open(f"/proc/{gateway.pid}/maps") as maps:
            self.assertNotIn("opentelemetry", maps.read())
        self.assertNotIn("traces are sent", gateway.log())
