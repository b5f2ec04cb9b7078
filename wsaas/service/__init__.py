"""The process: who is given what, the order of start and stop, reloads, file limits, systemd."""
