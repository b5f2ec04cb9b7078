"""The proof of docs/security.rst: each defence taken away, and the tests that then fail."""
