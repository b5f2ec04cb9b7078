"""The command `wsaas`: starts the gateway, checks its settings, and connects a client by hand."""
