"""The HTTP API, by which a backend pushes to its clients and operators look at the process."""
