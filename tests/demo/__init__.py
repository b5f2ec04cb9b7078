"""Tests of wsaas.demo."""
