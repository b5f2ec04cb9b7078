"""The HTTP API: what a backend calls to push to its clients, and what operators ask of the process."""
