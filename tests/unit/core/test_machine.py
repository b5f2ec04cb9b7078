"""The rules as a whole, under anything that clients, backend, API, journal and kill -9 may do, in any order.

The quick run, always on the same examples, is part of the tests. A longer one, on other examples each time:

    WSAAS_EXAMPLES=20000 python -m twisted.trial tests.unit.core.test_machine

A failure prints the shortest sequence of steps that shows it. What is promised, and checked, stands in `world.World`.
"""

from __future__ import annotations

import sys

from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from twisted.trial.unittest import SynchronousTestCase

from tests.support.core_fakes import TIMED_OUT, VETOED
from tests.support.properties import examples
from tests.support.world import MAX_MESSAGE, Client, ModelStream, Story, World
from wsaas.core.events import Cause, Closed, EventKind, Opened, Received, Refresh
from wsaas.core.model import Limits
from wsaas.core.outcomes import Accepted, Acknowledged, CloseRequested, Delivered, Expired, Kept, Outcome, Undelivered

WHICH = st.integers(0, 3)
LENGTHS = st.sampled_from([0, 20, 100, 300, MAX_MESSAGE - 20])
ACCEPTED = st.builds(
    Accepted,
    subprotocol=st.just("v1"),
    groups=st.sampled_from([(), ("a",), ("a", "b")]),
    headers=st.sampled_from([(), ((b"X-User", b"42"),)]),
    expires_in=st.sampled_from([None, 60.0]),
)
REFRESHED = st.one_of(
    st.builds(
        Kept,
        headers=st.sampled_from([(), ((b"X-User", b"43"),), ((b"X-Token", b"t"),)]),
        expires_in=st.sampled_from([None, 60.0, 60.0]),
    ),
    st.sampled_from([Expired(), Expired(4001, "over")]),
)
REJECTED = st.sampled_from([VETOED, TIMED_OUT])


class GatewayMachine(RuleBasedStateMachine):
    world: World

    @initialize(
        receive_buffer=st.sampled_from([1, 700, 2000]),
        send_buffer=st.sampled_from([1, 700, 2000]),
        journal_at_once=st.booleans(),
        eager=st.sampled_from([True, True, False]),
        clients=st.integers(1, 3),
        expires_in=st.sampled_from([None, 60.0]),
    )
    def begin(
        self,
        receive_buffer: int,
        send_buffer: int,
        journal_at_once: bool,
        eager: bool,
        clients: int,
        expires_in: float | None,
    ) -> None:
        self.world = World(Limits(MAX_MESSAGE, receive_buffer, send_buffer), journal_at_once, eager)
        for _ in range(clients):
            self.connect_and_be_answered([], [], False, Accepted(expires_in=expires_in))

    # Whom a step concerns

    def clients(self) -> list[Client]:
        return [story.client for story in self.world.stories.values() if story.client.session is not None]

    def a_client(self, which: int) -> Client:
        """One of those that are connected or want to be, the youngest first."""
        clients = self.clients()
        return clients[-1 - which % len(clients)]

    def a_story(self, which: int) -> Story:
        stories = list(self.world.stories.values())
        return stories[-1 - which % len(stories)]

    def busy(self) -> bool:
        """Whether there is anybody, so that not all steps go into the void."""
        return len(self.world.registry) > 0

    # Clients

    @precondition(lambda self: self.busy() and len(self.clients()) < 4)
    @rule(early=st.lists(LENGTHS, max_size=2), recorded=st.booleans())
    def connect(self, early: list[int], recorded: bool) -> None:
        self.world.connect([self.world.frame("message", length) for length in early])
        if recorded:
            self.world.sync()

    @precondition(lambda self: self.world.gateway.accepting and len(self.clients()) < 4)
    @rule(
        early=st.lists(LENGTHS, max_size=2),
        pushes=st.lists(LENGTHS, max_size=2),
        leaves=st.sampled_from([False, False, False, True]),
        answer=st.one_of(ACCEPTED, ACCEPTED, REJECTED),
    )
    def connect_and_be_answered(self, early: list[int], pushes: list[int], leaves: bool, answer: Outcome) -> None:
        """What most other steps need: a client that is connected. Some leave while their POST is out."""
        world = self.world
        client = world.connect([world.frame("message", length) for length in early])
        world.sync()
        if client.session in world.courier.ready:
            world.courier.send(client.session)
        if isinstance(world.courier.in_flight.get(client.session), Opened):
            for length in pushes:
                world.push(client.story, world.frame("push", length))
            session = client.session
            if leaves:
                client.leave(Cause.NETWORK, 1006, "", False)
            world.courier.answer(session, answer)

    @precondition(lambda self: self.clients())
    @rule(which=WHICH, lengths=st.lists(LENGTHS, min_size=1, max_size=4))
    def client_speaks(self, which: int, lengths: list[int]) -> None:
        client = self.a_client(which)
        client.unread.extend(self.world.frame("message", length) for length in lengths)
        client.pump()

    @precondition(lambda self: self.clients())
    @rule(which=WHICH)
    def client_reads(self, which: int) -> None:
        self.a_client(which).take_what_was_written()

    @precondition(lambda self: self.clients())
    @rule(which=WHICH)
    def client_closes(self, which: int) -> None:
        client = self.a_client(which)
        if client.handshaken:
            client.leave(Cause.CLIENT, 1001, "going", True)

    @precondition(lambda self: self.clients())
    @rule(which=WHICH)
    def client_vanishes(self, which: int) -> None:
        self.a_client(which).leave(Cause.TIMEOUT, 1006, "", False)

    @precondition(lambda self: self.clients())
    @rule(which=WHICH)
    def network_breaks(self, which: int) -> None:
        self.a_client(which).broken = True

    @precondition(lambda self: self.clients())
    @rule(which=WHICH)
    def client_breaks_a_rule(self, which: int) -> None:
        client = self.a_client(which)
        if client.handshaken:
            client.break_a_rule()

    @precondition(lambda self: any(client.pings_read for client in self.clients()))
    @rule(which=WHICH, ping=st.integers(0, 3), forged=st.sampled_from([None, None, b"", b"receipt 99", b"receipt x"]))
    def client_pongs(self, which: int, ping: int, forged: bytes | None) -> None:
        """It answers a ping that it has read, the latest or an earlier one; or says what it likes."""
        clients = [client for client in self.clients() if client.pings_read]
        client = clients[-1 - which % len(clients)]
        read = client.pings[: client.pings_read]
        client.pong(read[-1 - ping % len(read)] if forged is None else forged)

    # The backend and its courier

    @precondition(lambda self: self.world.courier.ready)
    @rule(which=WHICH)
    def webhook_goes_out(self, which: int) -> None:
        ready = self.world.courier.ready
        self.world.courier.send(ready[which % len(ready)])

    @precondition(lambda self: self.world.courier.ready)
    @rule(which=WHICH)
    def webhook_cannot_go_out(self, which: int) -> None:
        session = self.world.courier.ready[which % len(self.world.courier.ready)]
        if session.pending is EventKind.CONNECT:
            self.world.courier.turn_away(session)

    @precondition(lambda self: self.world.courier.in_flight)
    @rule(
        which=WHICH,
        connect=ACCEPTED | REJECTED,
        message=st.one_of(
            st.just(Delivered()),
            LENGTHS,
            LENGTHS,
            st.sampled_from([CloseRequested(1008), CloseRequested(1000), Undelivered(), "stream"]),
        ),
        refresh=REFRESHED,
    )
    def backend_answers(self, which: int, connect: Outcome, message: Outcome | int | str, refresh: Outcome) -> None:
        """`message` is an outcome, or the length of a reply, or a stream begins."""
        courier = self.world.courier
        session, event = list(courier.in_flight.items())[which % len(courier.in_flight)]
        if isinstance(event, Received) and isinstance(message, int):
            message = Delivered(self.world.frame("reply", message))
        if message == "stream":
            message = Delivered(stream=ModelStream())
        outcomes = {Opened: connect, Received: message, Refresh: refresh, Closed: Acknowledged()}
        courier.answer(session, outcomes[type(event)])

    @precondition(lambda self: self.world.running())
    @rule(which=WHICH, speaks=st.integers(0, 2), answer=st.none() | REFRESHED)
    def time_ends(self, which: int, speaks: int, answer: Outcome | None) -> None:
        """The time of a connection is over, perhaps in the middle of a talk; the question may be answered at once."""
        world = self.world
        running = world.running()
        timer = running[which % len(running)]
        session = timer.session
        if speaks:
            client = world.stories[session.id].client
            client.unread.extend(world.frame("message", 20) for _ in range(speaks))
            client.pump()
        if timer.runs:
            world.time_ends(timer)
            if session in world.courier.ready:
                world.courier.send(session)
            if answer is not None and isinstance(world.courier.in_flight.get(session), Refresh):
                world.courier.answer(session, answer)

    @precondition(lambda self: self.clients())
    @rule(which=WHICH, count=st.integers(1, 5))
    def backend_streams(self, which: int, count: int) -> None:
        """A client says so much, and each message that goes out is answered by a stream."""
        client, courier = self.a_client(which), self.world.courier
        session = client.session
        client.unread.extend(self.world.frame("message", 20) for _ in range(count))
        client.pump()
        for _ in range(count):
            if session in courier.ready and session.pending is EventKind.MESSAGE:
                courier.send(session)
            if isinstance(courier.in_flight.get(session), Received):
                courier.answer(session, Delivered(stream=ModelStream()))

    def streams(self) -> list[ModelStream]:
        """Those that run, and that wait for no room."""
        every = [stream for story in self.world.stories.values() for stream in story.streams]
        return [stream for stream in every if stream.runs and stream.held is None]

    @precondition(lambda self: self.streams())
    @rule(which=WHICH, lengths=st.lists(LENGTHS, max_size=3), ends=st.booleans())
    def stream_goes_on(self, which: int, lengths: list[int], ends: bool) -> None:
        streams = self.streams()
        stream = streams[-1 - which % len(streams)]
        for length in lengths:
            if stream.runs and stream.held is None:
                stream.write(self.world.frame("stream", length))
        if ends and stream.runs and stream.held is None:
            stream.end()

    @precondition(lambda self: self.world.courier.in_flight)
    @rule()
    def backend_hears_of_all_ends(self) -> None:
        courier = self.world.courier
        for session, event in list(courier.in_flight.items()):
            if isinstance(event, Closed):
                courier.answer(session, Acknowledged())

    @precondition(lambda self: self.clients())
    @rule(which=WHICH, length=st.none() | LENGTHS, limit=st.integers(1, 4))
    def backend_echoes(self, which: int, length: int | None, limit: int) -> None:
        """Some messages of one client are delivered, as they are or with a reply."""
        courier = self.world.courier
        session = self.a_client(which).session
        for _ in range(limit):
            if session in courier.ready and session.pending is EventKind.MESSAGE:
                courier.send(session)
            if isinstance(courier.in_flight.get(session), Received):
                courier.answer(session, Delivered(None if length is None else self.world.frame("reply", length)))

    @precondition(lambda self: self.clients())
    @rule(
        which=WHICH,
        lengths=st.lists(LENGTHS, min_size=1, max_size=4),
        reply=st.none() | LENGTHS,
        last=st.sampled_from([Delivered(), Delivered(), CloseRequested(1008), Undelivered()]),
        then=st.sampled_from(["stays", "reads", "leaves"]),
    )
    def conversation(self, which: int, lengths: list[int], reply: int | None, last: Outcome, then: str) -> None:
        """What most clients do: speak and be answered, up to a message with another outcome."""
        client = self.a_client(which)
        session = client.session
        self.client_speaks(which, lengths)
        if client.session is not None:
            self.backend_echoes(which, reply, 1 + len(lengths) // 2)
        if isinstance(self.world.courier.in_flight.get(session), Received):
            self.world.courier.answer(session, last)
        if then == "reads":
            client.take_what_was_written()
        elif then == "leaves":
            client.leave(Cause.CLIENT, 1000, "", True)

    @precondition(busy)
    @rule(answers=st.lists(st.booleans(), max_size=4))
    def backend_will_answer_promptly(self, answers: list[bool]) -> None:
        self.world.courier.prompt.extend(answers)

    # The API

    @precondition(busy)
    @rule(which=WHICH, length=LENGTHS)
    def push(self, which: int, length: int) -> None:
        self.world.push(self.a_story(which), self.world.frame("push", length))

    @precondition(busy)
    @rule(which=WHICH, length=LENGTHS)
    def push_with_receipt(self, which: int, length: int) -> None:
        self.world.push(self.a_story(which), self.world.frame("push", length), receipt=True)

    @precondition(busy)
    @rule(which=WHICH, code=st.sampled_from([1000, 4001]))
    def close(self, which: int, code: int) -> None:
        self.world.close(self.a_story(which), code)

    @precondition(busy)
    @rule(which=WHICH, group=st.sampled_from(["a", "b"]))
    def join(self, which: int, group: str) -> None:
        self.world.join(self.a_story(which), group)

    @precondition(busy)
    @rule(length=LENGTHS)
    def broadcast(self, length: int) -> None:
        self.world.broadcast(self.world.frame("push", length))

    # The gateway's own fate

    @precondition(busy)
    @rule()
    def journal_writes(self) -> None:
        self.world.sync()

    @precondition(busy)
    @rule()
    def disk_fills(self) -> None:
        self.world.journal.full = True

    @precondition(lambda self: self.world.journal.full)
    @rule()
    def disk_has_room(self) -> None:
        self.world.journal.full = False

    @precondition(busy)
    @rule()
    def drain(self) -> None:
        self.world.drain()

    @rule(rolls=st.lists(st.integers(0, 4), max_size=4))
    def crash_and_restart(self, rolls: list[int]) -> None:
        self.world.crash(rolls)

    @invariant()
    def promises(self) -> None:
        if hasattr(self, "world"):
            self.world.check()

    def teardown(self) -> None:
        if hasattr(self, "world") and sys.exception() is None:
            self.world.finish()


class MachineTests(SynchronousTestCase):
    def test_any_order(self) -> None:
        """Order, accounting, no silent gap, honest pushes, bounds (G1 to G5) hold in whatever order things happen."""
        try:
            run_state_machine_as_test(GatewayMachine, settings=examples(30))
        except Exception as error:  # trial does not print the notes, in which hypothesis tells the steps
            raise AssertionError("\n".join([repr(error), *getattr(error, "__notes__", ())])) from error
