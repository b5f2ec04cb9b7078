"""One log line for each connection that ended, with LOG_CONNECTIONS=on."""

from __future__ import annotations

from twisted.logger import Logger

from wsaas.core.events import Closed
from wsaas.core.session import Session

_log = Logger()


def log_end(session: Session, closed: Closed) -> None:
    """Log how long the connection was there, what went through it, and how it ended: `Monitor.log_end`."""
    lane = session.lane
    _log.info(
        "the connection ended after {seconds:.3f} s, cause {cause}, close code {close_code}: {messages_in} messages"
        " ({bytes_in} bytes) came in and {messages_out} ({bytes_out} bytes) went out, {lost_messages} were lost;"
        " connection {connection}, client {client}",
        seconds=max(0.0, (closed.at or session.connected_at) - session.connected_at),
        cause=closed.cause.value,
        close_code=closed.code,
        clean=closed.clean,
        messages_in=lane.received,
        bytes_in=lane.bytes,
        messages_out=session.messages_out,
        bytes_out=session.bytes_out,
        lost_messages=closed.lost_messages,
        connection=session.id,
        client=session.handshake.remote_address,
        path=session.handshake.path,
    )
