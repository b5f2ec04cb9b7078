"""The HTTP server below Klein: its connections, their limits, and the fast path of pushes."""
