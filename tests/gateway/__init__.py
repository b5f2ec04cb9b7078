"""Tests of wsaas.gateway."""
