"""Tests of the webhooks' side."""
