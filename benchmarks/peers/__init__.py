"""The systems with which the gateway is compared."""
