"""The errors of a request to the gateway. The API maps each to a status in one table."""

from __future__ import annotations


class GatewayError(Exception):
    """A request to the gateway that cannot be carried out; its text says what the caller can do about it."""

    counted = False
    """True once the router has counted the push that ends with this error, or has left that to another process."""


class NoSuchConnection(GatewayError):
    """No live connection has this id: there never was one, or it is over."""


class ClientTooSlow(GatewayError):
    """The client takes no message now: its send buffer is full, or its Close has come and its end is near."""


class MessageTooLong(GatewayError):
    """The message is over MAX_MESSAGE_SIZE."""


class NotUtf8(GatewayError):
    """The text message is not UTF-8 (RFC 6455, 5.6)."""


class BadRequest(GatewayError):
    """A parameter of the request has a value that is not allowed."""


class OwnerUnreachable(GatewayError):
    """The process that has the connection certainly did not get the request."""


class OwnerSilent(GatewayError):
    """The process that has the connection may have the request, and did not answer."""
