"""Reads and writes a TLS record by OpenSSL's own functions, without pyOpenSSL's layer.

pyOpenSSL takes three times as long as OpenSSL: for each call it makes a buffer of 32 KiB and a view of the data, and
asks for errors where there are none. What it does beyond that, for errors above all, is left to it.
"""

from __future__ import annotations

from typing import Any

from OpenSSL import SSL

from wsaas.internals.supported import Reliance

try:
    from OpenSSL._util import ffi, lib
except ImportError:  # then the check of RELIANCE keeps all from being used
    ffi = lib = None

RELIANCE = Reliance(
    part="reading and writing TLS records by OpenSSL's own functions",
    plainly="pyOpenSSL's are used, which makes a message over TLS a twentieth more expensive",
    names=(
        "OpenSSL._util:ffi.buffer",
        "OpenSSL._util:ffi.new",
        *(f"OpenSSL._util:lib.{name}" for name in ("BIO_read", "BIO_write", "SSL_read", "SSL_write")),
    ),
    attributes=("_from_ssl", "_into_ssl", "_raise_ssl_error", "_ssl"),
    sample=lambda: _tried(),
)
LONGEST_DATA = 2**14
"""Bytes of data in a record, at most (RFC 8446, 5.1)."""
_ROOM = 2**15
"""Bytes of the buffer: more than a record takes with all that is around its data."""
_buffer: Any = None if ffi is None else ffi.new("char[]", _ROOM)
_content: Any = None if ffi is None else ffi.buffer(_buffer)
# One for all connections: what OpenSSL writes there is copied before the call returns, and only the reactor's thread
# has TLS connections.


def _tried() -> SSL.Connection:
    """Return a connection with which each function was called once: setup.cfg has no bound for pyOpenSSL, because its
    next release may mend OpenSSL, so it is tried if the functions take what they are given here.
    """
    connection = SSL.Connection(SSL.Context(SSL.TLS_SERVER_METHOD))
    connection.set_accept_state()
    lib.BIO_read(connection._from_ssl, _buffer, _ROOM)
    for step in (read_record, write_record):
        try:
            step(connection, b"no TLS")
        except SSL.Error:
            pass
    return connection


def read_record(connection: SSL.Connection, record: bytes) -> bytes:
    """Return the data of a whole record, or raise what pyOpenSSL's `recv` raises: as `bio_write` and `recv`."""
    if lib.BIO_write(connection._into_ssl, record, len(record)) != len(record):
        raise SSL.Error([])
    length = lib.SSL_read(connection._ssl, _buffer, _ROOM)
    if length <= 0:
        connection._raise_ssl_error(connection._ssl, length)
        return b""
    return bytes(_content[:length])


def write_record(connection: SSL.Connection, data: bytes) -> bytes:
    """Return the record that `data`, LONGEST_DATA bytes at most and not none, makes: as `send` and `bio_read`.

    Raise what `send` raises. It takes the error out of OpenSSL's queue, where the next connection would find it.
    """
    written = lib.SSL_write(connection._ssl, data, len(data))
    if written <= 0:
        connection._raise_ssl_error(connection._ssl, written)
    length = lib.BIO_read(connection._from_ssl, _buffer, _ROOM)
    return bytes(_content[:length]) if length > 0 else b""
