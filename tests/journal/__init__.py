"""Tests of wsaas.journal."""
