"""The command `wsaas`: runs the gateway, checks its settings, and connects an interactive client."""
