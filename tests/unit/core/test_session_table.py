"""Every input in every state of a session: the next state, and what is called.

A situation is a state and what is in flight to the backend, and where that makes a difference also what waits. Each
cell reads "NEXT STATE: call, call -> what the input returned (! what it raised)", calls as
`tests.support.core_fakes` spells them.
"""

from __future__ import annotations

from collections.abc import Callable

from twisted.trial.unittest import SynchronousTestCase

from tests.support.core_fakes import TIMED_OUT, VETOED, Stage, spell, text
from wsaas.core.confirmed_push import push_with_receipt
from wsaas.core.errors import GatewayError
from wsaas.core.events import Cause, Closed, EventKind, Opened, Received, Refresh
from wsaas.core.facts import facts_of
from wsaas.core.outcomes import Accepted, Acknowledged, CloseRequested, Delivered, Expired, Kept, Outcome, Undelivered
from wsaas.core.pushes import Pushed
from wsaas.core.receipts import Receipt
from wsaas.core.records import Facts
from wsaas.core.refusal import RefusalReason
from wsaas.core.states import LIVE, State

CONNECT, MESSAGE, REFRESH, DISCONNECT = EventKind
OUTCOMES: dict[str, Outcome] = {
    "Accepted": Accepted("v1"),
    "Accepted with headers": Accepted("v1", (), ((b"X-User", b"42"),)),
    "Accepted for a time": Accepted("v1", expires_in=60.0),
    "Refused": VETOED,
    "Indeterminate": TIMED_OUT,
    "Delivered": Delivered(),
    "Delivered with reply": Delivered(text("reply")),
    "CloseRequested": CloseRequested(1008),
    "Undelivered": Undelivered(),
    "Kept": Kept(),
    "Kept for a time": Kept(expires_in=60.0),
    "Expired": Expired(4001, "over"),
    "Acknowledged": Acknowledged(),
}
INPUTS: dict[str, Callable[[Stage], object]] = {
    "announce": lambda stage: stage.session.announce(10**6),
    "received": lambda stage: stage.session.received(text("new")),
    "writable": lambda stage: stage.session.writable(),
    "fail": lambda stage: stage.session.fail(Cause.PROTOCOL_ERROR, 1002, ""),
    "disconnected": lambda stage: stage.session.disconnected(Cause.NETWORK, 1006, "", False),
    "next_event": lambda stage: stage.next_event(),
    **{name: lambda stage, outcome=outcome: stage.resolve(outcome) for name, outcome in OUTCOMES.items()},
    "recorded": lambda stage: stage.session.recorded(True),
    "not recorded": lambda stage: stage.session.recorded(False),
    "time over": lambda stage: stage.owner.run_out(stage.session),
    "turn_away": lambda stage: stage.session.turn_away(RefusalReason.BACKEND_AWAY),
    "push": lambda stage: stage.session.push(text("push")),
    "push with receipt": lambda stage: push_with_receipt(stage.session, text("push"), Receipt(lambda received: None)),
    "ponged": lambda stage: stage.session.outgoing.ponged(b"receipt 1"),
    "close by the API": lambda stage: stage.session.close(Cause.API, 4001, "bye"),
    "close by the drain": lambda stage: stage.session.close(Cause.DRAIN, 1012, ""),
    "facts": lambda stage: facts_of(stage.session),
}

# Why a cell cannot happen. Each of these reasons is checked where it is given.
NONE = "impossible: nothing is in flight"
POST = "impossible: a POST is in flight"
PUT = "impossible: a PUT is in flight"
ASKED = "impossible: a refresh is in flight"
DELETE = "impossible: a DELETE is in flight"
NOT_LIVE = "impossible: the registry finds live sessions only"
IN_FLIGHT: dict[EventKind | None, str] = {None: NONE, CONNECT: POST, MESSAGE: PUT, REFRESH: ASKED, DISCONNECT: DELETE}
MAY_RESOLVE: dict[EventKind | None, tuple[str, ...]] = {
    None: (),
    CONNECT: ("Accepted", "Accepted with headers", "Accepted for a time", "Refused", "Indeterminate"),
    MESSAGE: ("Delivered", "Delivered with reply", "CloseRequested", "Undelivered"),
    REFRESH: ("Kept", "Kept for a time", "Expired"),
    DISCONNECT: ("Acknowledged",),
}

OF_CONNECT = "Accepted | Accepted with headers | Accepted for a time | Refused | Indeterminate"
OF_MESSAGE = "Delivered | Delivered with reply | CloseRequested | Undelivered"
OF_REFRESH = "Kept | Kept for a time | Expired"
ANY_OUTCOME = f"{OF_CONNECT} | {OF_MESSAGE} | {OF_REFRESH} | Acknowledged"


def _after(stage: Stage, *steps: str) -> Stage:
    for step in steps:
        INPUTS[step](stage)
    stage.calls.flush()
    return stage


def _busy(*steps: str) -> Stage:
    """Message "one" is in flight and "two" waits, then these steps."""
    stage = Stage.open("one", "two")
    stage.next_event()
    return _after(stage, *steps)


def _holding() -> Stage:
    """The answer to "one" replied, the client has no room, and "two" waits."""
    stage = _busy()
    stage.peer.full = True
    stage.resolve(OUTCOMES["Delivered with reply"])
    stage.peer.full = False
    stage.calls.flush()
    return stage


def _expiring(*messages: str) -> Stage:
    """Accepted for a time, with these messages in its lane."""
    stage = _after(Stage.connecting(), "Accepted for a time")
    stage.receive(*messages)
    stage.calls.flush()
    return stage


def _refreshing(*messages: str) -> Stage:
    """The time is over, the refresh is in flight, and these messages wait behind it."""
    stage = _after(_expiring(), "time over", "next_event")
    stage.receive(*messages)
    stage.calls.flush()
    return stage


def _due() -> Stage:
    """Message "one" is in flight, and "two" waits; then the time is over."""
    stage = _expiring("one", "two")
    stage.next_event()
    return _after(stage, "time over")


def _no_room() -> Stage:
    stage = Stage.open()
    stage.peer.full = True
    return stage


SITUATIONS: dict[str, Callable[[], Stage]] = {
    "STARTING": Stage,
    "CONNECTING": Stage.connecting,
    "CONNECTING, a push waits": lambda: _after(Stage.connecting(), "push"),
    "ACCEPTED": lambda: _after(Stage.connecting(), "Accepted with headers"),
    "ACCEPTED, a push waits": lambda: _after(Stage.connecting(), "push", "Accepted with headers"),
    "ABANDONED": lambda: _after(Stage.connecting(), "disconnected"),
    "OPEN": Stage.open,
    "OPEN, busy": _busy,
    "OPEN, reply held": _holding,
    "OPEN, no room": _no_room,
    "OPEN, expiring": _expiring,
    "OPEN, busy, due": _due,
    "OPEN, refreshing": _refreshing,
    "OPEN, refreshing, a message waits": lambda: _refreshing("one"),
    "CLOSING": lambda: _after(Stage.open(), "close by the API"),
    "CLOSING, busy": lambda: _busy("close by the API"),
    "CLOSING, refreshing": lambda: _after(_refreshing(), "close by the API"),
    "CLOSING, busy, due": lambda: _after(_due(), "close by the API"),
    "DISMISSED": lambda: _busy("CloseRequested"),
    "LEAVING": lambda: _after(Stage.open(), "disconnected"),
    "LEAVING, busy": lambda: _busy("disconnected"),
    "LEAVING, refreshing": lambda: _after(_refreshing(), "disconnected"),
    "LEAVING, refreshing, a message waits": lambda: _after(_refreshing("one"), "disconnected"),
    "LEAVING, telling": lambda: _after(Stage.open(), "disconnected", "next_event"),
    "CLOSED": lambda: _after(Stage(), "disconnected"),
}


TABLE: dict[str, dict[str, str]] = {
    # Nobody has heard of it yet: whatever ends it here ends it without a word to the backend.
    "STARTING": {
        "announce | received | writable | fail": "STARTING",
        "disconnected": "CLOSED: forget",
        "next_event": "CONNECTING -> Opened",
        ANY_OUTCOME: NONE,
        "recorded | not recorded | time over": "STARTING",
        "turn_away": "CLOSED: forget, refuse BACKEND_AWAY",
        "push | push with receipt": "STARTING ! NoSuchConnection",
        "ponged": "STARTING",
        "close by the API": "CLOSED: forget, refuse CLOSED_BY_API",
        "close by the drain": "CLOSED: forget, refuse NOT_READY",
        "facts": "STARTING -> Facts",
    },
    "CONNECTING": {
        "announce | received | writable | fail | turn_away | time over | recorded | not recorded": "CONNECTING",
        "disconnected": "ABANDONED: closing, wake",
        "next_event": "CONNECTING -> Opened",
        "Accepted | Accepted for a time": "OPEN: accepted, accept v1",
        "Accepted with headers": "ACCEPTED: accepted",
        "Refused": "CLOSED: forget, refuse VETOED",
        "Indeterminate": "LEAVING: closing, ended unknown_connect 1006 unclean, wake, refuse TIMEOUT",
        f"{OF_MESSAGE} | {OF_REFRESH} | Acknowledged": POST,
        "push | push with receipt": "CONNECTING -> QUEUED",
        "ponged": "CONNECTING",
        "close by the API": "ABANDONED: closing, wake, refuse CLOSED_BY_API",
        "close by the drain": "ABANDONED: closing, wake, refuse NOT_READY",
        "facts": "CONNECTING -> Facts",
    },
    "CONNECTING, a push waits": {
        "announce | received | writable | fail | turn_away | time over | recorded | not recorded": "CONNECTING",
        "disconnected": "ABANDONED: closing, wake",
        "next_event": "CONNECTING -> Opened",
        "Accepted | Accepted for a time": "OPEN: accepted, accept v1, send push",
        "Accepted with headers": "ACCEPTED: accepted",
        "Refused": "CLOSED: forget, refuse VETOED",
        "Indeterminate": "LEAVING: closing, ended unknown_connect 1006 unclean, wake, refuse TIMEOUT",
        f"{OF_MESSAGE} | {OF_REFRESH} | Acknowledged": POST,
        "push | push with receipt": "CONNECTING -> QUEUED",
        "ponged": "CONNECTING",
        "close by the API": "ABANDONED: closing, wake, refuse CLOSED_BY_API",
        "close by the drain": "ABANDONED: closing, wake, refuse NOT_READY",
        "facts": "CONNECTING -> Facts",
    },
    # The backend said OK; whoever is let in now has headers that must outlast a crash.
    "ACCEPTED": {
        "announce | received | writable | fail | next_event | turn_away | time over": "ACCEPTED",
        "disconnected": "LEAVING: closing, ended network 1006 unclean, wake",
        ANY_OUTCOME: NONE,
        "recorded": "OPEN: accept v1",
        "not recorded": "LEAVING: closing, ended unknown_connect 1006 unclean, wake, refuse JOURNAL_UNAVAILABLE",
        "push | push with receipt": "ACCEPTED -> QUEUED",
        "ponged": "ACCEPTED",
        "close by the API": "LEAVING: closing, ended api 4001 'bye' unclean, wake, refuse CLOSED_BY_API",
        "close by the drain": "LEAVING: closing, ended drain 1012 unclean, wake, refuse NOT_READY",
        "facts": "ACCEPTED -> Facts",
    },
    "ACCEPTED, a push waits": {
        "announce | received | writable | fail | next_event | turn_away | time over": "ACCEPTED",
        "disconnected": "LEAVING: closing, ended network 1006 unclean, wake",
        ANY_OUTCOME: NONE,
        "recorded": "OPEN: accept v1, send push",
        "not recorded": "LEAVING: closing, ended unknown_connect 1006 unclean, wake, refuse JOURNAL_UNAVAILABLE",
        "push | push with receipt": "ACCEPTED -> QUEUED",
        "ponged": "ACCEPTED",
        "close by the API": "LEAVING: closing, ended api 4001 'bye' unclean, wake, refuse CLOSED_BY_API",
        "close by the drain": "LEAVING: closing, ended drain 1012 unclean, wake, refuse NOT_READY",
        "facts": "ACCEPTED -> Facts",
    },
    # The client has its answer, or is gone; the backend's is still to come.
    "ABANDONED": {
        "announce | received | writable | fail | disconnected | turn_away | recorded | not recorded": "ABANDONED",
        "close by the API | close by the drain | time over": "ABANDONED",
        "next_event": "ABANDONED -> Opened",
        "Accepted | Accepted with headers | Accepted for a time": (
            "LEAVING: accepted, closing, ended network 1006 unclean, wake"
        ),
        "Indeterminate": "LEAVING: closing, ended network 1006 unclean, wake",
        "Refused": "CLOSED: forget",
        f"{OF_MESSAGE} | {OF_REFRESH} | Acknowledged": POST,
        "push | push with receipt": "ABANDONED ! NoSuchConnection",
        "ponged": "ABANDONED",
        "facts": NOT_LIVE,
    },
    "OPEN": {
        "announce | writable | next_event | turn_away | time over | recorded | not recorded": "OPEN",
        "received": "OPEN: wake",
        "fail": "CLOSING: closing, wake",
        "disconnected": "LEAVING: closing, ended network 1006 unclean, wake",
        ANY_OUTCOME: NONE,
        "push": "OPEN: send push -> SENT",
        "push with receipt": "OPEN: send push with ping receipt 1 -> SENT",
        "ponged": "OPEN",
        "close by the API": "CLOSING: closing, wake, close 4001 bye",
        "close by the drain": "CLOSING: closing, wake, close 1012",
        "facts": "OPEN -> Facts",
    },
    "OPEN, busy": {
        "announce": "OPEN: pause",
        "received": "OPEN: wake",
        "writable | turn_away | time over | recorded | not recorded": "OPEN",
        "fail": "CLOSING: closing, wake",
        "disconnected": "LEAVING: closing, wake",
        "next_event": "OPEN -> Received 1 one",
        "Delivered": "OPEN",
        "Delivered with reply": "OPEN: send reply",
        "CloseRequested": "DISMISSED: closing, wake, close 1008",
        "Undelivered": "DISMISSED: closing, wake, close 1013",
        f"{OF_CONNECT} | {OF_REFRESH} | Acknowledged": PUT,
        "push": "OPEN: send push -> SENT",
        "push with receipt": "OPEN: send push with ping receipt 1 -> SENT",
        "ponged": "OPEN",
        "close by the API": "CLOSING: closing, wake, close 4001 bye",
        "close by the drain": "CLOSING: closing, wake, close 1012",
        "facts": "OPEN -> Facts",
    },
    "OPEN, reply held": {
        "announce": "OPEN: pause",
        "received": "OPEN: wake",
        "writable": "OPEN: send reply, wake",
        "fail": "CLOSING: closing, wake",
        "disconnected": "LEAVING: closing, wake",
        "next_event | turn_away | time over | recorded | not recorded": "OPEN",
        ANY_OUTCOME: NONE,
        "push": "OPEN: send push -> SENT",
        "push with receipt": "OPEN: send push with ping receipt 1 -> SENT",
        "ponged": "OPEN",
        "close by the API": "CLOSING: closing, wake, close 4001 bye",
        "close by the drain": "CLOSING: closing, wake, close 1012",
        "facts": "OPEN -> Facts",
    },
    "OPEN, no room": {
        "announce | writable | next_event | turn_away | time over | recorded | not recorded": "OPEN",
        "received": "OPEN: wake",
        "fail": "CLOSING: closing, wake",
        "disconnected": "LEAVING: closing, ended network 1006 unclean, wake",
        ANY_OUTCOME: NONE,
        "push": "OPEN: no room for push ! ClientTooSlow",
        "push with receipt": "OPEN: no room for push with ping receipt 1 ! ClientTooSlow",
        "ponged": "OPEN",
        "close by the API": "CLOSING: closing, wake, close 4001 bye",
        "close by the drain": "CLOSING: closing, wake, close 1012",
        "facts": "OPEN -> Facts",
    },
    # The backend has accepted for a time.
    "OPEN, expiring": {
        "announce | writable | next_event | turn_away | recorded | not recorded": "OPEN",
        "time over": "OPEN: wake",
        "received": "OPEN: wake",
        "fail": "CLOSING: closing, wake",
        "disconnected": "LEAVING: closing, ended network 1006 unclean, wake",
        ANY_OUTCOME: NONE,
        "push": "OPEN: send push -> SENT",
        "push with receipt": "OPEN: send push with ping receipt 1 -> SENT",
        "ponged": "OPEN",
        "close by the API": "CLOSING: closing, wake, close 4001 bye",
        "close by the drain": "CLOSING: closing, wake, close 1012",
        "facts": "OPEN -> Facts",
    },
    # That time is over: the question is next, behind the message under way.
    "OPEN, busy, due": {
        "announce": "OPEN: pause",
        "received": "OPEN: wake",
        "writable | turn_away | time over | recorded | not recorded": "OPEN",
        "fail": "CLOSING: closing, wake",
        "disconnected": "LEAVING: closing, wake",
        "next_event": "OPEN -> Refresh 1",
        "Delivered": "OPEN",
        "Delivered with reply": "OPEN: send reply",
        "CloseRequested": "DISMISSED: closing, wake, close 1008",
        "Undelivered": "DISMISSED: closing, wake, close 1013",
        f"{OF_CONNECT} | {OF_REFRESH} | Acknowledged": PUT,
        "push": "OPEN: send push -> SENT",
        "push with receipt": "OPEN: send push with ping receipt 1 -> SENT",
        "ponged": "OPEN",
        "close by the API": "CLOSING: closing, wake, close 4001 bye",
        "close by the drain": "CLOSING: closing, wake, close 1012",
        "facts": "OPEN -> Facts",
    },
    "OPEN, refreshing": {
        "announce | writable | turn_away | time over | recorded | not recorded": "OPEN",
        "received": "OPEN: wake",
        "fail": "CLOSING: closing, wake",
        "disconnected": "LEAVING: closing, ended network 1006 unclean, wake",
        "next_event": "OPEN -> Refresh 1",
        "Kept | Kept for a time": "OPEN: kept",
        "Expired": "DISMISSED: closing, wake, close 4001 over",
        f"{OF_CONNECT} | {OF_MESSAGE} | Acknowledged": ASKED,
        "push": "OPEN: send push -> SENT",
        "push with receipt": "OPEN: send push with ping receipt 1 -> SENT",
        "ponged": "OPEN",
        "close by the API": "CLOSING: closing, wake, close 4001 bye",
        "close by the drain": "CLOSING: closing, wake, close 1012",
        "facts": "OPEN -> Facts",
    },
    "OPEN, refreshing, a message waits": {
        "announce": "OPEN: pause",
        "writable | turn_away | time over | recorded | not recorded": "OPEN",
        "received": "OPEN: wake",
        "fail": "CLOSING: closing, wake",
        "disconnected": "LEAVING: closing, wake",
        "next_event": "OPEN -> Refresh 1",
        "Kept | Kept for a time": "OPEN: kept",
        "Expired": "DISMISSED: closing, wake, close 4001 over",
        f"{OF_CONNECT} | {OF_MESSAGE} | Acknowledged": ASKED,
        "push": "OPEN: send push -> SENT",
        "push with receipt": "OPEN: send push with ping receipt 1 -> SENT",
        "ponged": "OPEN",
        "close by the API": "CLOSING: closing, wake, close 4001 bye",
        "close by the drain": "CLOSING: closing, wake, close 1012",
        "facts": "OPEN -> Facts",
    },
    # A Close frame is out: the client is still heard, and hears nothing more.
    "CLOSING": {
        "announce | writable | fail | next_event | turn_away | time over | recorded | not recorded": "CLOSING",
        "close by the API | close by the drain": "CLOSING",
        "received": "CLOSING: wake",
        "disconnected": "LEAVING: closing, ended api 4001 'bye' unclean, wake",
        ANY_OUTCOME: NONE,
        "push | push with receipt": "CLOSING ! NoSuchConnection",
        "ponged": "CLOSING",
        "facts": NOT_LIVE,
    },
    "CLOSING, busy": {
        "announce": "CLOSING: pause",
        "writable | fail | turn_away | time over | recorded | not recorded": "CLOSING",
        "close by the API | close by the drain": "CLOSING",
        "received": "CLOSING: wake",
        "disconnected": "LEAVING: closing, wake",
        "next_event": "CLOSING -> Received 1 one",
        "Delivered | Delivered with reply": "CLOSING",
        "CloseRequested | Undelivered": "DISMISSED",
        f"{OF_CONNECT} | {OF_REFRESH} | Acknowledged": PUT,
        "push | push with receipt": "CLOSING ! NoSuchConnection",
        "ponged": "CLOSING",
        "facts": NOT_LIVE,
    },
    "CLOSING, refreshing": {
        "announce | writable | fail | next_event | turn_away | time over | recorded | not recorded": "CLOSING",
        "close by the API | close by the drain": "CLOSING",
        "received": "CLOSING: wake",
        "disconnected": "LEAVING: closing, ended api 4001 'bye' unclean, wake",
        "Kept | Kept for a time": "CLOSING: kept",
        "Expired": "DISMISSED",
        f"{OF_CONNECT} | {OF_MESSAGE} | Acknowledged": ASKED,
        "push | push with receipt": "CLOSING ! NoSuchConnection",
        "ponged": "CLOSING",
        "facts": NOT_LIVE,
    },
    "CLOSING, busy, due": {
        "announce": "CLOSING: pause",
        "writable | fail | turn_away | time over | recorded | not recorded": "CLOSING",
        "close by the API | close by the drain": "CLOSING",
        "received": "CLOSING: wake",
        "disconnected": "LEAVING: closing, wake",
        "next_event": "CLOSING -> Refresh 1",
        "Delivered | Delivered with reply": "CLOSING",
        "CloseRequested | Undelivered": "DISMISSED",
        f"{OF_CONNECT} | {OF_REFRESH} | Acknowledged": PUT,
        "push | push with receipt": "CLOSING ! NoSuchConnection",
        "ponged": "CLOSING",
        "facts": NOT_LIVE,
    },
    "DISMISSED": {
        "announce | received | writable | fail | next_event | turn_away | recorded | not recorded": "DISMISSED",
        "close by the API | close by the drain | time over": "DISMISSED",
        "disconnected": "LEAVING: closing, ended backend 1008 unclean lost 1, wake",
        ANY_OUTCOME: NONE,
        "push | push with receipt": "DISMISSED ! NoSuchConnection",
        "ponged": "DISMISSED",
        "facts": NOT_LIVE,
    },
    # The client is gone: only the backend has a say.
    "LEAVING": {
        "announce | received | writable | fail | disconnected | turn_away | recorded | not recorded": "LEAVING",
        "close by the API | close by the drain | time over": "LEAVING",
        "next_event": "LEAVING -> Closed network 1006 unclean",
        ANY_OUTCOME: NONE,
        "push | push with receipt": "LEAVING ! NoSuchConnection",
        "ponged": "LEAVING",
        "facts": NOT_LIVE,
    },
    "LEAVING, busy": {
        "announce | received | writable | fail | disconnected | turn_away | recorded | not recorded": "LEAVING",
        "close by the API | close by the drain | time over": "LEAVING",
        "next_event": "LEAVING -> Received 1 one",
        "Delivered | Delivered with reply": "LEAVING",
        "CloseRequested": "LEAVING: ended network 1006 unclean lost 1",
        "Undelivered": "LEAVING: ended network 1006 unclean lost 2",
        f"{OF_CONNECT} | {OF_REFRESH} | Acknowledged": PUT,
        "push | push with receipt": "LEAVING ! NoSuchConnection",
        "ponged": "LEAVING",
        "facts": NOT_LIVE,
    },
    "LEAVING, refreshing": {
        "announce | received | writable | fail | disconnected | turn_away | recorded | not recorded": "LEAVING",
        "close by the API | close by the drain | time over": "LEAVING",
        "next_event": "LEAVING -> Closed network 1006 unclean",
        "Kept | Kept for a time": "LEAVING: kept",
        "Expired": "LEAVING",
        f"{OF_CONNECT} | {OF_MESSAGE} | Acknowledged": ASKED,
        "push | push with receipt": "LEAVING ! NoSuchConnection",
        "ponged": "LEAVING",
        "facts": NOT_LIVE,
    },
    "LEAVING, refreshing, a message waits": {
        "announce | received | writable | fail | disconnected | turn_away | recorded | not recorded": "LEAVING",
        "close by the API | close by the drain | time over": "LEAVING",
        "next_event": "LEAVING -> Refresh 1",
        "Kept | Kept for a time": "LEAVING: kept",
        "Expired": "LEAVING: ended network 1006 unclean lost 1",
        f"{OF_CONNECT} | {OF_MESSAGE} | Acknowledged": ASKED,
        "push | push with receipt": "LEAVING ! NoSuchConnection",
        "ponged": "LEAVING",
        "facts": NOT_LIVE,
    },
    "LEAVING, telling": {
        "announce | received | writable | fail | disconnected | turn_away | recorded | not recorded": "LEAVING",
        "close by the API | close by the drain | time over": "LEAVING",
        "next_event": "LEAVING -> Closed network 1006 unclean",
        f"{OF_CONNECT} | {OF_MESSAGE} | {OF_REFRESH}": DELETE,
        "Acknowledged": "CLOSED: forget",
        "push | push with receipt": "LEAVING ! NoSuchConnection",
        "ponged": "LEAVING",
        "facts": NOT_LIVE,
    },
    "CLOSED": {
        "announce | received | writable | fail | disconnected | next_event | turn_away | time over": "CLOSED",
        "recorded | not recorded": "CLOSED",
        "close by the API | close by the drain": "CLOSED",
        ANY_OUTCOME: NONE,
        "push | push with receipt": "CLOSED ! NoSuchConnection",
        "ponged": "CLOSED",
        "facts": NOT_LIVE,
    },
}


def cells(situation: str) -> list[tuple[str, str]]:
    """The situation's cells, one for each input that a line of it names."""
    return [(name, cell) for names, cell in TABLE[situation].items() for name in names.split(" | ")]


def _spell_result(result: object) -> str:
    match result:
        case None:
            return ""
        case Closed():
            return f" -> Closed {spell(result)}"
        case Received(sequence, frame):
            return f" -> Received {sequence} {frame.payload.decode()}"
        case Refresh(sequence):
            return f" -> Refresh {sequence}"
        case Opened() | Facts():
            return f" -> {type(result).__name__}"
        case Pushed():
            return f" -> {result.name}"
    raise AssertionError(result)


def happens(stage: Stage, name: str) -> str:
    """What the input does, spelled like a cell."""
    try:
        result = _spell_result(INPUTS[name](stage))
    except GatewayError as error:
        result = f" ! {type(error).__name__}"
    calls = f": {', '.join(stage.calls)}" if stage.calls else ""
    return f"{stage.session.state.name}{calls}{result}"


def _in_flight(stage: Stage) -> EventKind | None:
    return None if stage.in_flight is None else stage.in_flight.kind


class TableTests(SynchronousTestCase):
    maxDiff = None

    def test_every_cell(self) -> None:
        """Each input does in each situation what the table says."""
        wrong = []
        for situation, build in SITUATIONS.items():
            for name, cell in cells(situation):
                if not cell.startswith("impossible"):
                    really = happens(build(), name)
                    if really != cell:
                        wrong.append(f"{situation}, {name}: {really!r}, not {cell!r}")
        self.assertEqual(wrong, [])

    def test_complete(self) -> None:
        """No situation lacks an input, none has one twice, and every state has a situation."""
        self.assertEqual(list(TABLE), list(SITUATIONS))
        for situation in TABLE:
            self.assertEqual(sorted(name for name, _ in cells(situation)), sorted(INPUTS), situation)
        self.assertEqual({build().session.state for build in SITUATIONS.values()}, set(State))

    def test_impossible(self) -> None:
        """What the table calls impossible is what its reason excludes, and nothing else."""
        for situation, build in SITUATIONS.items():
            stage = build()
            self.assertTrue(situation.startswith(stage.session.state.name), situation)
            for name, cell in cells(situation):
                expected = None
                if name in OUTCOMES and name not in MAY_RESOLVE[_in_flight(stage)]:
                    expected = IN_FLIGHT[_in_flight(stage)]
                elif name == "facts" and stage.session.state not in LIVE:
                    expected = NOT_LIVE
                self.assertEqual(cell if cell.startswith("impossible") else None, expected, f"{situation}, {name}")

    def test_live(self) -> None:
        """What the API knows is what is open or may be soon."""
        self.assertEqual(LIVE, {State.STARTING, State.CONNECTING, State.ACCEPTED, State.OPEN})
        for situation, build in SITUATIONS.items():
            session = build().session
            self.assertLessEqual(session.state in LIVE, session.peer is not None, situation)

    def test_pending(self) -> None:
        """`pending` names the kind of event that `next_event` would give."""
        for situation, build in SITUATIONS.items():
            stage = build()
            pending = stage.session.pending
            self.assertEqual(
                pending, _in_flight(stage) if stage.next_event() is None else stage.in_flight.kind, situation
            )

    def test_state_before_effects(self) -> None:
        """Each party that is called finds the session in its next state already."""
        for situation, build in SITUATIONS.items():
            for name, cell in cells(situation):
                if not cell.startswith("impossible"):
                    stage = build()
                    happens(stage, name)
                    found = set(stage.calls.states)
                    if situation == "ABANDONED" and name in MAY_RESOLVE[CONNECT][:3]:
                        found.discard(State.ABANDONED)  # the owner, who hears of the headers first, calls nobody back
                    self.assertLessEqual(found, {stage.session.state}, f"{situation}, {name}")

    def test_nothing_else_can_be_reached(self) -> None:
        """Whatever happens in whatever order, a session is in a state with something in flight that the table knows.

        All sequences of inputs are tried, each continued until it comes to where another one has been.
        """
        known = {(stage.session.state, _in_flight(stage)) for stage in (build() for build in SITUATIONS.values())}
        inputs: dict[str, Callable[[Stage], object]] = {
            **INPUTS,
            "full": lambda stage: setattr(stage.peer, "full", True),
            "roomy": lambda stage: setattr(stage.peer, "full", False),
        }
        reached: dict[object, list[str]] = {}
        paths: list[list[str]] = [[]]
        for path in paths:
            stage = self._replay(inputs, path)
            where = self._where(stage)
            if where in reached:
                continue
            reached[where] = path
            self.assertIn((stage.session.state, _in_flight(stage)), known, path)
            for name in inputs:
                if self._may(stage, name):
                    paths.append([*path, name])
        self.assertEqual({(state, in_flight) for state, in_flight, *_ in reached}, known)

    def _may(self, stage: Stage, name: str) -> bool:
        if name in OUTCOMES:
            return name in MAY_RESOLVE[_in_flight(stage)]
        if name == "next_event":
            return stage.in_flight is None
        if name == "facts":
            return stage.session.state in LIVE
        return name != "received" or len(stage.session.lane) < 3

    def _replay(self, inputs: dict[str, Callable[[Stage], object]], path: list[str]) -> Stage:
        stage = Stage(receive_buffer=600)
        for name in path:
            try:
                inputs[name](stage)
            except GatewayError:
                pass
        return stage

    def _where(self, stage: Stage) -> tuple[object, ...]:
        """All that the rules look at, but for counts that only grow."""
        session, timer = stage.session, stage.owner.timer
        closed, expiry = session.ending, session.expiry
        return (
            session.state,
            _in_flight(stage),
            session.pending,
            None if expiry is None else expiry.due is None,
            timer is not None and timer.runs,
            len(session.lane),
            stage.peer.full,
            None if closed is None else (closed.cause, closed.clean, closed.lost_messages > 0),
            session.state in LIVE and facts_of(session).bytes_waiting_out > 0,
        )
