"""The process: its assembly, the order of start and stop, workers and nodes, reloads, file limits, systemd."""
