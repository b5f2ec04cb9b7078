"""Tests of wsaas.clients."""
