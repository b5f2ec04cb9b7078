"""The rules as a whole, under anything that clients, backend, API, journal and kill -9 may do, in any order.

The quick run, always on the same examples, is part of the tests. A longer one, on other examples each time:

    WSAAS_EXAMPLES=20000 python -m twisted.trial tests.gateway.test_machine

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

from tests.gateway.properties import examples
from tests.gateway.world import MAX_MESSAGE, Client, Story, World
from wsaas.gateway.model import (
    Accepted,
    Cause,
    Closed,
    Delivered,
    Dismissed,
    Limits,
    Opened,
    Outcome,
    Received,
    Refused,
    Told,
    Unclear,
    Undelivered,
)

WHICH = st.integers(0, 3)
LENGTHS = st.sampled_from([0, 20, 100, 300, MAX_MESSAGE - 20])
GROUPS = st.sampled_from([(), ("a",), ("a", "b")])
HEADERS = st.sampled_from([(), ((b"X-User", b"42"),)])


class GatewayMachine(RuleBasedStateMachine):
    world: World

    @initialize(
        receive_buffer=st.sampled_from([1, 700, 2000]),
        send_buffer=st.sampled_from([1, 700, 2000]),
        journal_at_once=st.booleans(),
        eager=st.booleans(),
    )
    def begin(self, receive_buffer: int, send_buffer: int, journal_at_once: bool, eager: bool) -> None:
        self.world = World(Limits(MAX_MESSAGE, receive_buffer, send_buffer), journal_at_once, eager)

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

    # Clients

    @precondition(lambda self: len(self.clients()) < 4)
    @rule(early=st.lists(LENGTHS, max_size=2))
    def connect(self, early: list[int]) -> None:
        self.world.connect([self.world.frame("message", length) for length in early])

    @precondition(lambda self: self.world.gateway.accepting and len(self.clients()) < 4)
    @rule(early=st.lists(LENGTHS, max_size=2), pushes=st.lists(LENGTHS, max_size=2), groups=GROUPS, headers=HEADERS)
    def connect_and_be_accepted(
        self,
        early: list[int],
        pushes: list[int],
        groups: tuple[str, ...],
        headers: tuple[tuple[bytes, bytes], ...],
    ) -> None:
        """What most other steps need: a client that is connected."""
        world = self.world
        client = world.connect([world.frame("message", length) for length in early])
        world.sync()
        if client.session in world.courier.ready:
            world.courier.send(client.session)
        if isinstance(world.courier.in_flight.get(client.session), Opened):
            for length in pushes:
                world.push(client.story, world.frame("push", length))
            world.courier.answer(client.session, Accepted(None, groups, headers))

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
            client.story.end(Cause.TOO_BIG, 1009, "too long")
            client.session.fail(Cause.TOO_BIG, 1009, "too long")

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
        if session.pending is Opened:
            self.world.courier.turn_away(session)

    @precondition(lambda self: self.world.courier.in_flight)
    @rule(
        which=WHICH,
        connect=st.one_of(
            st.builds(Accepted, st.just("v1"), GROUPS, HEADERS),
            st.sampled_from([Refused(403, "NO"), Unclear(504, "LATE")]),
        ),
        message=st.one_of(
            st.just(Delivered()), LENGTHS, LENGTHS, st.sampled_from([Dismissed(1008), Dismissed(1000), Undelivered()])
        ),
    )
    def backend_answers(self, which: int, connect: Outcome, message: Outcome | int) -> None:
        """`message` is an outcome, or the length of a reply."""
        courier = self.world.courier
        session, event = list(courier.in_flight.items())[which % len(courier.in_flight)]
        if isinstance(event, Received) and isinstance(message, int):
            message = Delivered(self.world.frame("reply", message))
        courier.answer(session, {Opened: connect, Received: message, Closed: Told()}[type(event)])

    @rule(answers=st.lists(st.booleans(), max_size=4))
    def backend_will_answer_promptly(self, answers: list[bool]) -> None:
        self.world.courier.prompt.extend(answers)

    # The API

    @precondition(lambda self: self.world.stories)
    @rule(which=WHICH, length=LENGTHS)
    def push(self, which: int, length: int) -> None:
        self.world.push(self.a_story(which), self.world.frame("push", length))

    @precondition(lambda self: self.world.stories)
    @rule(which=WHICH, code=st.sampled_from([1000, 4001]))
    def close(self, which: int, code: int) -> None:
        self.world.close(self.a_story(which), code)

    @precondition(lambda self: self.world.stories)
    @rule(which=WHICH, group=st.sampled_from(["a", "b"]))
    def join(self, which: int, group: str) -> None:
        self.world.join(self.a_story(which), group)

    @rule(length=LENGTHS)
    def broadcast(self, length: int) -> None:
        self.world.broadcast(self.world.frame("push", length))

    # The gateway's own fate

    @rule()
    def journal_writes(self) -> None:
        self.world.sync()

    @rule(full=st.booleans())
    def disk_is_full(self, full: bool) -> None:
        self.world.journal.full = full

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
            run_state_machine_as_test(GatewayMachine, settings=examples(300))
        except Exception as error:  # trial does not print the notes, in which hypothesis tells the steps
            raise AssertionError("\n".join([repr(error), *getattr(error, "__notes__", ())])) from error
