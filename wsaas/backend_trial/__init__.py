"""Tries a backend as the gateway would use it: `wsaas try`."""
