"""What twistd reads to know `twistd wsaas`; the rest is imported once it is asked for."""

from twisted.application.service import ServiceMaker

wsaas = ServiceMaker("WSAAS", "wsaas.tap", "WebSockets as a service: a gateway for plain HTTP backends", "wsaas")
