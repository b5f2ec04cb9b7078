"""The defences of frames, each with the edits that take it away."""

from __future__ import annotations

from tests.thorough.defences.model import Defence, Edit, without

AUTOBAHN = "wsaas/internals/autobahn.py"
CONNECTION = "wsaas/clients/connection.py"
FACTORY = "wsaas/clients/factory.py"
FLOW = "wsaas/clients/read_control.py"
FRAMES = "wsaas/clients/frames.py"
LANE = "wsaas/core/lane.py"
LINGERING = "wsaas/clients/lingering_close.py"
MODEL = "wsaas/core/model.py"
OUTBOX = "wsaas/clients/send_buffer.py"
PULSE = "wsaas/clients/liveness.py"
READER = "wsaas/clients/frame_reader.py"
SERVICE = "wsaas/service/assembly.py"
SESSION = "wsaas/core/session.py"
SLOW = "wsaas/clients/slow_frames.py"

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
# An offer is neither handed on nor taken up, each by itself enough.
_OFFERS = Edit("wsaas/clients/handshake/opening.py", "usual or read(head, context.compression)", "read(head, True)")
_ACCEPTS = Edit(FACTORY, "_deflate if compression else None", "_deflate")
_OPEN = '"""The answer to the handshake, in bytes."""\n'
_INFLATE_ALL = """        if protocol._perMessageCompress is not None:
            inflate = protocol._perMessageCompress.decompress_message_data
            protocol._perMessageCompress.decompress_message_data = lambda data, max_output_len=None: inflate(data)
"""
_MASKED = " or not data[at + 1] & MASKED"
_SHORT_FRAME = "                    flow.frame()\n                    session"
_NOT_OPEN = "if self.phase is not _OPEN:\n            "
_LIMIT = "handshake_timeout=settings.handshake_timeout, max_message_size="
_OFF = 'compression: bool = switch("off"'
_MADE = "        context = self.context\n        now = context"

_BOTH = ("thorough.fuzz.test_clients.FrameFuzz.test_meanwhile", "thorough.fuzz.test_process.AssaultTests.test_frames")

_LENGTHS = "unit.clients.test_frames.DifferentialTests.test_every_length_byte"
_OPCODES = "unit.clients.test_frames.DifferentialTests.test_every_first_byte"
_ALONE = "unit.clients.test_frames.DifferentialTests.test_takes_the_same"
_ONE_BY_ONE = "unit.clients.test_frames.DifferentialTests.test_one_by_one"
_BEHIND_ANOTHER = "unit.clients.test_frames.DifferentialTests.test_behind_another"
_A_TURN = "unit.clients.test_frames.DifferentialTests.test_a_turn"
_SEVERAL = "unit.clients.test_frames.DifferentialTests.test_several"
_TAKES_SEVERAL = "unit.clients.test_frames.DifferentialTests.test_takes_several"
_IN_A_FRAME = ("unit.clients.test_connection.MessageTests.test_frames_in_a_frame",)

DEFENCES = [
    Defence(HUGE, (_MOST,)),
    without(  # one that is whole at once, behind another
        HUGE,
        READER,
        "if length > context.max_message_size:",
        "if False:",
        _BEHIND_ANOTHER,
    ),
    without(  # one of several short ones
        HUGE,
        FACTORY,
        "messages_fast_path if max_message_size >= SMALL else None",
        "messages_fast_path",
        "unit.clients.test_connection.MessageTests.test_too_big",
    ),
    without(  # one that is all of a read
        HUGE,
        FACTORY,
        "message_fast_path if max_message_size >= SMALL else None",
        "message_fast_path",
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
    without(ENDLESS, SLOW, "MAX_FRAGMENTS < self._fragments and", "False and"),
    without(ENDLESS, SLOW, "< WORTHWHILE * self._fragments", "< self._fragments"),
    Defence(INFLATES, (_MOST,)),
    without(  # all of it first, and then it is too long
        INFLATES, AUTOBAHN, _OPEN, _OPEN + _INFLATE_ALL, "thorough.fuzz.test_bombs.BombTests.test_deflate"
    ),
    Defence(INFLATES, (_OFFERS, _ACCEPTS), ("system.test_compression.OffTests.test_off",)),
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
    without(FLOOD, READER, _SHORT_FRAME, "                    session"),
    without(FLOOD, READER, "pace.left -= 1", "pass", _ONE_BY_ONE),
    without(FLOOD, READER, "flow.count(len(messages.frames))", "pass", _SEVERAL),
    without(FLOOD, READER, "take_messages(data, flow.left, ", "take_messages(data, 1000, ", _A_TURN),
    without(FLOOD, SLOW, "        flow.frame()\n", "        pass\n"),
    without(FLOOD, READER, "self._data[size:]\n        self.flow.frame()", "self._data[size:]"),
    without(FLOOD, SERVICE, "=settings.message_rate", "=0", "system.test_limits.RateTests.test_flood"),
    without(FASTER, CONNECTION, "self._reader.flow.pause(LANE)", "pass"),
    without(FASTER, READER, "session.announce(length)\n                    frame", "frame", _BEHIND_ANOTHER),
    without(FASTER, READER, "session.announce(len(frame.payload))", "pass", _ONE_BY_ONE),
    without(FASTER, READER, "session.lane.room)", "1000000)", _SEVERAL),
    without(FASTER, FRAMES, "if stop > end or room < 0:", "if stop > end:", _TAKES_SEVERAL),
    without(FASTER, READER, "session.announce(expected)", "pass", "system.test_order.BacklogTests.test_memory"),
    without(FASTER, SERVICE, "settings.receive_buffer", "10**9", "system.test_order.BacklogTests.test_memory"),
    without(FASTER, LANE, "not self.messages or self.size", "True or self.size"),
    without(
        PINGS,
        READER,
        "        if self._owner.send_buffer.paused:\n            self._pong",
        "        if False:\n            self._pong",
    ),
    without(PINGS, READER, "self._pong = payload", "self._pong = self._pong or payload"),
    without(PINGS, READER, "        if self._pong is not None:", "        if False:"),
    without(DEAF, OUTBOX, "if waiting + length <= self._capacity or", "if True or"),
    without(DEAF, CONNECTION, "if not self.send_buffer.room(len(frame.payload)):", "if False:"),
    without(DEAF, PULSE, "full_since is not None and now - max(full_since, self._took_at) >= timeout", "False"),
    without(DEAF, OUTBOX, "        self._handed = 0\n        self.full_since = None", "        self._handed = 0"),
    without(DEAF, SERVICE, "=settings.send_buffer", "=10**9", "system.test_api.PushTests.test_too_slow"),
    without(DEAF, SESSION, "                raise ClientTooSlow(", "                str("),
    without(DEAF, "wsaas/api/errors.py", 'Row(429, "CLIENT_TOO_SLOW"', 'Row(503, "CLIENT_TOO_SLOW"'),
    without(DEAF, "wsaas/core/router.py", "served = len(sessions) - len(remaining)", "served = len(sessions)"),
    without(GOODBYE, LINGERING, "            self.give_up()", "            pass"),
    without(
        GOODBYE, LINGERING, "transport.abortConnection()\n        elif self.leaving", "pass\n        elif self.leaving"
    ),
    without(  # those that take no more are given the time of those that have all
        GOODBYE,
        LINGERING,
        "CLOSE_TIMEOUT if unacknowledged(transport) else self._patience",
        "LINGER_TIMEOUT",
        "unit.clients.test_lingering_close.LingeringCloseTests.test_reads_no_more",
    ),
    without(  # broadcasts behind a Close, written directly
        GOODBYE,
        CONNECTION,
        "encode_close(code, reason))\n            self.send_buffer.leave_fan_out()",
        "encode_close(code, reason))",
        "unit.clients.test_fanout.DirectFdTests.test_closed",
    ),
    without(  # pushes behind our Close, which are lost
        GOODBYE,
        CONNECTION,
        _NOT_OPEN,
        "if False:\n            ",
        "unit.clients.test_connection.EndTests.test_close_and_never_read",
    ),
    Defence(  # as Autobahn has it, and with a session that is over only when the socket is closed
        GOODBYE,
        (
            Edit(CONNECTION, f"{_NOT_OPEN}return False", f'{_NOT_OPEN}raise Exception("not connected")'),
            Edit(
                LINGERING, "if self.owing:\n            self._connection.hear_no_more()", "if False:\n            pass"
            ),
        ),
        ("thorough.fuzz.test_process.ClosingTests.test_closes_and_does_not_read",),
    ),
    without(NO_ANSWER, CONNECTION, "LingeringClose.of(self, owing=unacknowledged(self.transport) > 0)", "pass"),
    without(
        NO_ANSWER,
        LINGERING,
        "innermost(transport).loseConnection()",
        "pass",
        "unit.clients.test_lingering_close.LingeringCloseTests.test_no_answer",
    ),
    without(VANISHES, PULSE, "if silent >= timeout:", "if False:"),
    without(VANISHES, CONNECTION, "self.context.keepalive.add(self)", "pass"),
    without(
        VANISHES,
        SERVICE,
        "ws_timeout=settings.ws_timeout, handshake_timeout",
        "ws_timeout=0, handshake_timeout",
        "system.test_disconnect.KeepaliveTests.test_silent",
    ),
    without(
        VANISHES,
        "wsaas/service/lifecycle.py",
        "parts.clients.keepalive.start()",
        "pass",
        "system.test_disconnect.KeepaliveTests.test_silent",
    ),
    without(VANISHES, CONNECTION, "buffer.write(encode_control(PING))", "pass"),
    without(VANISHES, PULSE, " and self._pinged_at <= self._since", ""),
    Defence(
        FORBIDDEN,
        (
            Edit(FRAMES, _MASKED, ""),
            Edit(FACTORY, "webStatus=False,", "webStatus=False, requireMaskedClientFrames=False,"),
        ),
    ),
    without(FORBIDDEN, FRAMES, _MASKED),
    without(
        FORBIDDEN,
        FRAMES,
        "rest < 6 or data[at] not in (_TEXT, _BINARY)",
        "rest < 6 or data[at] & 0x8F not in (_TEXT, _BINARY)",
    ),
    without(FORBIDDEN, FRAMES, "        if length < 126:\n            return None\n"),
    without(
        FORBIDDEN,
        MODEL,
        "payload.decode()\n    except UnicodeDecodeError:\n        return False",
        "payload.decode()\n    except UnicodeDecodeError:\n        pass",
        _OPCODES,
    ),
    without(FORBIDDEN, FRAMES, " if binary or payload.isascii() or is_text(payload) else None", "", _ALONE),
    without(FORBIDDEN, FRAMES, "elif not payload.isascii() and not is_text(payload)", "elif False", _TAKES_SEVERAL),
    without(FORBIDDEN, FRAMES, "bytes((first, MASKED | length))", "bytes((first, length))", _TAKES_SEVERAL),
    without(
        FORBIDDEN,
        FRAMES,
        "if not 126 <= length <= SMALL:",
        "if not length <= SMALL:",
        _TAKES_SEVERAL,
    ),
    without(
        FORBIDDEN,
        FRAMES,
        "for first in (_TEXT, _BINARY)\n    for length",
        "for first in (_TEXT, _BINARY, PING)\n    for length",
        _OPCODES,
    ),
    without(FORBIDDEN, FRAMES, "!= _LONGER or data[at] not in (_TEXT, _BINARY)", "!= _LONGER", _OPCODES),
    without(FORBIDDEN, FRAMES, "if len(masked) != size:", "if False:", _LENGTHS),
    without(FORBIDDEN, FRAMES, "or data[at + 1] != _LONGER or", "or", _LENGTHS),
    without(FORBIDDEN, FRAMES, " if start + MASK_LENGTH + length <= len(data) else None"),
    without(FORBIDDEN, FACTORY, "webStatus=False,", "webStatus=False, utf8validateIncoming=False,"),
    without(FORBIDDEN, FACTORY, "failByDrop=False", "failByDrop=True"),
    without(FORBIDDEN, SLOW, " or self._inside or self.compressing", " or self.compressing"),
    without(FORBIDDEN, SLOW, " or self._codec is None)\n", ")\n"),  # messages behind a violation
    without(FORBIDDEN, SLOW, "self._missing or self._given or self._inside", "self._inside", *_IN_A_FRAME),
    without(FORBIDDEN, FRAMES, "and bool(data[1] & MASKED)", ""),
    without(FORBIDDEN, FRAMES, "and data[1] & 0x7F <= _CONTROL_MAX", ""),
    without(FORBIDDEN, FRAMES, "code not in REGISTERED and not 3000 <= code <= 4999", "False"),
    without(  # what is left of a read is forgotten
        FORBIDDEN,
        READER,
        "self._data = self._data + data if self._data else data",
        "self._data = data",
        "thorough.fuzz.test_clients.FrameFuzz.test_cuts",
    ),
    without(
        ANYTHING,
        FRAMES,
        "code, payload[2:].decode()\n    except UnicodeDecodeError:",
        "code, payload[2:].decode()\n    except IndexError:",
        "unit.clients.test_frames.ControlTests.test_close",
    ),
    without(ANYTHING, CONNECTION, "            session.disconnected(*self._ending)", "            pass", *_BOTH),
    without(ANYTHING, FACTORY, "        self._connections.discard(connection)\n"),
    without(  # a timer
        ANYTHING,
        CONNECTION,
        "            self.lingering.stop()",
        "            pass",
    ),
    without(  # files that nobody closes
        ANYTHING,
        CONNECTION,
        _MADE,
        f'        import os\n\n        os.dup(getattr(self.transport, "fileno", lambda: 0)())\n{_MADE}',
        "thorough.fuzz.test_process.AssaultTests.test_frames",
    ),
    without(  # memory that nobody frees
        ANYTHING,
        CONNECTION,
        _MADE,
        f'        vars(self.context.owner).setdefault("kept", []).append(bytes([1 + id(self) % 9]) * 65536)\n{_MADE}',
        "thorough.fuzz.test_process.AssaultTests.test_frames",
    ),
]
