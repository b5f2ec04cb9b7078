"""The defences of frames, each with the edits that take it away."""

from __future__ import annotations

from tests.thorough.defences.model import Defence, Edit, without

FACTORY = "wsaas/clients/factory.py"
FLOW = "wsaas/clients/read_control.py"
FRAMES = "wsaas/clients/frames.py"
LANE = "wsaas/core/lane.py"
CLOSING = "wsaas/clients/closing.py"
LINGERING = "wsaas/clients/lingering_close.py"
OPENING = "wsaas/clients/handshake/opening.py"
OUTBOX = "wsaas/clients/send_buffer.py"
PROTOCOL = "wsaas/clients/connection.py"
PULSE = "wsaas/clients/liveness.py"
SERVICE = "wsaas/service/lifecycle.py"
SESSION = "wsaas/core/session.py"

HUGE = "A frame that announces"
ENDLESS = "A message whose fragments"
INFLATES = "A compressed message"
FLOOD = "More messages, pings"
FASTER = "Messages faster"
PINGS = "Pings without"
DEAF = "A client that does not read"
GOODBYE = "A client that closes"
NO_ANSWER = "A client that does not answer a Close"
VANISHES = "A client that vanishes"
FORBIDDEN = "Frames that RFC 6455"
ANYTHING = "Anything else"

_MOST = Edit(FACTORY, "maxMessagePayloadSize=max_message_size", "maxMessagePayloadSize=0")
_OPEN = "    def _onOpen(self) -> None:\n"
_INFLATE_ALL = """        if self._perMessageCompress is not None:
            inflate = self._perMessageCompress.decompress_message_data
            self._perMessageCompress.decompress_message_data = lambda data, max_output_len=None: inflate(data)
"""
_MASKED = " or not data[at + 1] & _MASKED"
_SHORT_FRAME = "                    flow.frame()\n"
_NOT_OPEN = "self.state != _OPEN:\n            "
_BEGINS = "            self._begin_to_close(owing=unacknowledged(self.transport) > 0)\n        super()"
_LIMIT = "handshake_timeout=settings.handshake_timeout, max_message_size="
_OFF = 'compression: bool = switch("off"'
_MADE = "        self.session: Session | None = None\n"

_BOTH = ("thorough.fuzz.test_clients.FrameFuzz.test_meanwhile", "thorough.fuzz.test_process.AssaultTests.test_frames")

_IN_A_FRAME = ("unit.clients.test_connection.MessageTests.test_frames_in_a_frame",)

DEFENCES = [
    Defence(HUGE, (_MOST,)),
    without(  # one that is whole at once
        HUGE,
        PROTOCOL,
        "if length > self.maxMessagePayloadSize:",
        "if False:",
        "unit.clients.test_connection.MessageTests.test_too_big",
    ),
    Defence(ENDLESS, (_MOST,), ("thorough.fuzz.test_bombs.BombTests.test_endless_message",)),
    without(
        HUGE,
        SERVICE,
        f"{_LIMIT}settings.max_message_size",
        f"{_LIMIT}0",
        "thorough.fuzz.test_bombs.BombTests.test_long_frame",
    ),
    without(ENDLESS, PROTOCOL, "self._fragments > MAX_FRAGMENTS and", "False and"),
    without(ENDLESS, PROTOCOL, "< WORTHWHILE * self._fragments", "< self._fragments"),
    Defence(INFLATES, (_MOST,)),
    without(  # all of it first, and then it is too long
        INFLATES, PROTOCOL, _OPEN, _OPEN + _INFLATE_ALL, "thorough.fuzz.test_bombs.BombTests.test_deflate"
    ),
    without(INFLATES, FACTORY, "_deflate if compression else None", "_deflate"),
    without(INFLATES, SERVICE, "=settings.compression", "=True", "system.test_compression.OffTests.test_off"),
    without(
        INFLATES,
        "wsaas/settings/table.py",
        _OFF,
        _OFF.replace("off", "on"),
        "system.test_compression.OffTests.test_off",
    ),
    without(FLOOD, FLOW, "if spent and not self._closed else 0.0", "if False else 0.0"),
    without(FLOOD, FLOW, "if wait or self._turn <= 0:", "if wait:", "unit.clients.test_flood.TurnTests.test_turns"),
    without(FLOOD, FLOW, "            self._transport.pauseProducing()", "            pass"),
    without(FLOOD, PROTOCOL, _SHORT_FRAME),
    without(FLOOD, PROTOCOL, "super().onFrameBegin()\n        self._flow.frame()", "super().onFrameBegin()"),
    without(FLOOD, SERVICE, "=settings.message_rate", "=0", "system.test_limits.RateTests.test_flood"),
    without(FASTER, PROTOCOL, "self._flow.pause(LANE)", "pass"),
    without(
        FASTER, PROTOCOL, "session.announce(length)", "pass", "unit.clients.test_connection.MessageTests.test_pause"
    ),
    without(FASTER, PROTOCOL, "self.session.announce(expected)", "pass", "system.test_order.BacklogTests.test_memory"),
    without(FASTER, SERVICE, "settings.receive_buffer", "10**9", "system.test_order.BacklogTests.test_memory"),
    without(FASTER, LANE, "not self.messages or self.size", "True or self.size"),
    without(
        PINGS,
        PROTOCOL,
        "        if self._outbox.paused:\n            self._pong",
        "        if False:\n            self._pong",
    ),
    without(PINGS, PROTOCOL, "self._pong = payload", "self._pong = self._pong or payload"),
    without(PINGS, PROTOCOL, "        if self._pong is not None:", "        if False:"),
    without(DEAF, OUTBOX, "if waiting + length <= self._capacity or", "if True or"),
    without(DEAF, PROTOCOL, "if not self._outbox.room(len(frame.payload)):", "if False:"),
    without(DEAF, PULSE, "full_since is not None and now - max(full_since, self._took_at) >= timeout", "False"),
    without(DEAF, OUTBOX, "        self._handed = 0\n        self.full_since = None", "        self._handed = 0"),
    without(DEAF, SERVICE, "=settings.send_buffer", "=10**9", "system.test_api.PushTests.test_too_slow"),
    without(DEAF, SESSION, "                raise ClientTooSlow(", "                str("),
    without(DEAF, "wsaas/api/errors.py", 'Row(429, "CLIENT_TOO_SLOW"', 'Row(503, "CLIENT_TOO_SLOW"'),
    without(DEAF, "wsaas/core/router.py", "served = len(sessions) - len(remaining)", "served = len(sessions)"),
    without(GOODBYE, LINGERING, "            self._give_up()", "            pass"),
    without(
        GOODBYE, CLOSING, "self.transport.abortConnection()\n        elif lingering", "pass\n        elif lingering"
    ),
    without(  # those that take no more are given the time of those that have all
        GOODBYE,
        LINGERING,
        "CLOSE_TIMEOUT if unacknowledged(self._transport) else self._patience",
        "LINGER",
        "unit.clients.test_lingering_close.LingeringCloseTests.test_reads_no_more",
    ),
    without(  # broadcasts behind a Close, written directly
        GOODBYE,
        CLOSING,
        "isReply)\n        self._outbox.leave_fan_out()",
        "isReply)",
        "unit.clients.test_fanout.DirectFdTests.test_closed",
    ),
    without(  # pushes behind our Close, which are lost
        GOODBYE,
        PROTOCOL,
        "if self.state != _OPEN:",
        "if False:",
        "unit.clients.test_connection.EndTests.test_close_and_never_read",
    ),
    Defence(  # as Autobahn has it, and with a session that is over only when the socket is closed
        GOODBYE,
        (
            Edit(PROTOCOL, f"{_NOT_OPEN}return False", f'{_NOT_OPEN}raise Exception("not connected")'),
            Edit(CLOSING, "if lingering.owing:  # the transport", "if False:  # the transport"),
        ),
        ("thorough.fuzz.test_process.ClosingTests.test_closes_and_does_not_read",),
    ),
    without(NO_ANSWER, CLOSING, _BEGINS, "            pass\n        super()"),
    without(
        NO_ANSWER,
        CLOSING,
        "bottom(self.transport).loseConnection()",
        "pass",
        "unit.clients.test_lingering_close.LingeringCloseTests.test_no_answer",
    ),
    without(VANISHES, PULSE, "if silent >= timeout:", "if False:"),
    without(VANISHES, PROTOCOL, "self.context.keepalive.add(self)", "pass"),
    without(
        VANISHES,
        SERVICE,
        "ws_timeout=settings.ws_timeout, handshake_timeout",
        "ws_timeout=0, handshake_timeout",
        "system.test_disconnect.KeepaliveTests.test_silent",
    ),
    without(
        VANISHES,
        SERVICE,
        "self._clients.keepalive.start()",
        "pass",
        "system.test_disconnect.KeepaliveTests.test_silent",
    ),
    without(VANISHES, CLOSING, "self.sendPing()", "pass"),
    without(VANISHES, PULSE, " and self._pinged_at <= self.heard", ""),
    Defence(
        FORBIDDEN,
        (
            Edit(FRAMES, _MASKED, ""),
            Edit(FACTORY, "webStatus=False,", "webStatus=False, requireMaskedClientFrames=False,"),
        ),
    ),
    without(FORBIDDEN, FRAMES, _MASKED),
    without(FORBIDDEN, FRAMES, "data[at] not in (_TEXT, _BINARY)", "data[at] & 0x8F not in (_TEXT, _BINARY)"),
    without(FORBIDDEN, FRAMES, "        if length < 126:\n            return None\n"),
    without(
        FORBIDDEN,
        FRAMES,
        "    except UnicodeDecodeError:\n        return None",
        "    except UnicodeDecodeError:\n        pass",
    ),
    without(FORBIDDEN, FRAMES, " if start + MASK_LENGTH + length <= len(data) else None"),
    without(FORBIDDEN, FACTORY, "webStatus=False,", "webStatus=False, utf8validateIncoming=False,"),
    without(FORBIDDEN, FACTORY, "failByDrop=False", "failByDrop=True"),
    without(FORBIDDEN, PROTOCOL, " and not self.inside_message"),
    without(FORBIDDEN, PROTOCOL, "not self.inside_message and not self.failedByMe", "not self.inside_message"),
    without(FORBIDDEN, PROTOCOL, "usual = self.current_frame is None and", "usual =", *_IN_A_FRAME),
    without(  # what is left of a read is forgotten
        FORBIDDEN,
        PROTOCOL,
        "self.data = self.data + data if self.data else data",
        "self.data = data",
        "thorough.fuzz.test_clients.FrameFuzz.test_cuts",
    ),
    without(ANYTHING, FRAMES, "except UnicodeDecodeError:", "except IndexError:", *_BOTH),
    without(ANYTHING, CLOSING, "        if session is None:", "        if session is None or self.failedByMe:", *_BOTH),
    without(ANYTHING, FACTORY, "        self._connections.discard(connection)\n"),
    without(  # a timer
        ANYTHING,
        CLOSING,
        "            self._lingering.stop()",
        "            pass",
    ),
    without(  # files that nobody closes
        ANYTHING,
        OPENING,
        _MADE,
        f'{_MADE}        import os\n\n        os.dup(getattr(self.transport, "fileno", lambda: 0)())\n',
        "thorough.fuzz.test_process.AssaultTests.test_frames",
    ),
    without(  # memory that nobody frees
        ANYTHING,
        OPENING,
        _MADE,
        f'{_MADE}        vars(self.factory).setdefault("kept", []).append(bytes([len(str(self.peer))]) * 65536)\n',
        "thorough.fuzz.test_process.AssaultTests.test_frames",
    ),
]
