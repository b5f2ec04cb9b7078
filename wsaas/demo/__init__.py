"""A small backend: the reference for people who write their own."""
