"""Telemetry: metrics, the event stream, traces; the observers that log; bounds on log lines, and the log's buffer."""
