"""The rules of the gateway: plain Python, no Twisted, no sockets, no HTTP, no clock."""
