"""WSAAS: WebSockets as a service. A daemon that holds WebSocket connections for an HTTP backend."""
