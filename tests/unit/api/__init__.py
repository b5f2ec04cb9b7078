"""Tests of wsaas.api."""
