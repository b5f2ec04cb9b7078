"""The HTTP server below Klein: connections, their limits, and the fast path of pushes, the only routes known here."""
