"""The command `wsaas`: runs the gateway, calls its API, tries backends, and connects an interactive client."""
