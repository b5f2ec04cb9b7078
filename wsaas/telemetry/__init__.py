"""Telemetry: bounds on log lines, and the buffer and the sinks of the log."""
