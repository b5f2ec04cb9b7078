"""The HTTP server below Klein: connections, limits, and the fast path for pushes. It knows no route but PUT."""
