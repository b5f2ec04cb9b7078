"""A small backend, the reference for people who write their own, and a small client to try the gateway with."""
