"""The tests mirror wsaas/; tests.system starts real processes."""
