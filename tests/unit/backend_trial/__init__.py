"""Tests of the checks that `wsaas try` makes."""
