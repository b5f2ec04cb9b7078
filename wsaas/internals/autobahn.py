"""Frees an open connection of what it need not carry: 4 KB of its handshake, and of values that are the same for all.

Autobahn keeps the handshake it has read and written, and gives each connection its own copy of every initial value.
"""

from __future__ import annotations

from typing import Any

from autobahn.twisted.websocket import WebSocketServerProtocol
from autobahn.websocket.protocol import TrafficStats, WebSocketProtocol
from twisted.python.failure import Failure

from wsaas.internals.supported import Reliance

RELIANCE = Reliance(
    part="ending clients' connections directly",
    plainly="Autobahn ends them by its public method, which first writes out the reason for a debug line",
    names=("autobahn.websocket.protocol:WebSocketProtocol._connectionLost",),
)
"""The method that ends what Autobahn keeps of a connection; a server's own adds a debug line and a count to it."""

OF_THE_HANDSHAKE = frozenset(
    "http_request_data http_request_uri http_request_path http_request_params http_request_host http_status_line "
    "http_headers http_response_data websocket_origin websocket_protocols websocket_extensions _wskey is_open "
    "_transport_details send_queue trafficStats _results _valid_events".split()
)
_FALSE = (
    "_consuming closedByMe failedByMe droppedByMe wasClean triggered inside_message "
    "wasMaxFramePayloadSizeExceeded wasMaxMessagePayloadSizeExceeded wasServerConnectionDropTimeout "
    "wasOpenHandshakeTimeout wasCloseHandshakeTimeout wasServingFlashSocketPolicyFile"
).split()
_NONE = (
    "_pong _ended_by _lost _progress _lingering _perMessageCompress trackedTimings wasNotCleanReason localCloseCode "
    "localCloseReason remoteCloseCode remoteCloseReason openHandshakeTimeoutCall closeHandshakeTimeoutCall "
    "autoPingTimeoutCall autoPingPending autoPingPendingCall autoPingPendingSent websocket_protocol_in_use "
    "current_frame"
).split()


_INITIAL: dict[str, Any] = {
    **dict.fromkeys(_FALSE, False),
    **dict.fromkeys(_NONE),
    "autoPingPendingSeq": 0,
    "_fragments": 0,
}


REGISTERED = (1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014)
"""Close codes below 3000 that a Close frame may carry (IANA, "WebSocket Close Code Number Registry")."""


def take_registered_close_codes() -> None:
    """Have Autobahn take every registered close code from a client: to its list, 1014 is a violation. Idempotent."""
    taken = WebSocketProtocol.CLOSE_STATUS_CODES_ALLOWED
    taken += [code for code in REGISTERED if code not in taken]


def connection_lost(connection: WebSocketServerProtocol, reason: Failure) -> None:
    """Have Autobahn end a connection whose transport is closed, or will not be heard any more: it calls `onClose`."""
    if RELIANCE.holds():
        WebSocketProtocol._connectionLost(connection, reason)  # type: ignore[arg-type]  # says str and takes a Failure
        connection.factory.countConnections -= 1
    else:
        WebSocketServerProtocol.connectionLost(connection, reason)


def initial_values() -> dict[str, Any]:
    """Class attributes that stand in for what `slimmed` leaves out. The statistics, which nobody reads, are shared."""
    return {**_INITIAL, "trafficStats": TrafficStats()}


def slimmed(connection: object) -> dict[str, Any]:
    """Return the attributes of an open connection that are still needed and differ from its class's."""
    left = vars(connection).copy()
    for name in left.keys() & OF_THE_HANDSHAKE:
        del left[name]
    for name in left.keys() & _INITIAL.keys():
        if left[name] is _INITIAL[name]:
            del left[name]
    return left.copy()  # in a table of its size
