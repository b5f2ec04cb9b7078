"""What a watcher wants to see."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from wsaas.core.errors import BadRequest
from wsaas.telemetry.event_filter import EVENTS, MAX_ENDING, MAX_VALUES, NO_ANSWER, EventFilter

ONE, TWO = "a" * 32, "b" * 32


def filter_of(**parameters: str) -> EventFilter:
    return EventFilter(parameters.get)


class FilterTests(SynchronousTestCase):
    def test_all(self) -> None:
        """Without a parameter everything is wanted."""
        self.assertTrue(EventFilter().wants("broadcast", None, (), None))

    def test_each(self) -> None:
        """Each parameter wants what it lists, and nothing else; together they want what all of them do."""
        for parameters, event, wanted in [
            ({"id": f"{ONE},{TWO}"}, ("message", TWO, (), 200), True),
            ({"id": ONE}, ("message", TWO, (), 200), False),
            ({"id": ONE}, ("broadcast", None, (), None), False),
            ({"event": "message,retry"}, ("retry", ONE, (), 503), True),
            ({"event": "message,retry"}, ("close", ONE, (), None), False),
            ({"group": "room:7,lobby"}, ("message", ONE, ("x", "lobby"), 200), True),
            ({"group": "room:7"}, ("message", ONE, ("x",), 200), False),
            ({"status": "404"}, ("message", ONE, (), 404), True),
            ({"status": "404"}, ("message", ONE, (), 400), False),
            ({"status": "404,5xx"}, ("message", ONE, (), 503), True),
            ({"status": "5xx"}, ("message", ONE, (), 404), False),
            ({"status": "5xx"}, ("close", ONE, (), None), False),
            ({"status": "5xx"}, ("retry", ONE, (), NO_ANSWER), False),
            ({"status": "error"}, ("retry", ONE, (), NO_ANSWER), True),
            ({"status": "error"}, ("retry", ONE, (), 500), False),
            ({"status": "5xx", "event": "message", "id": ONE}, ("message", ONE, (), 500), True),
            ({"status": "5xx", "event": "message", "id": ONE}, ("message", TWO, (), 500), False),
        ]:
            self.assertEqual(filter_of(**parameters).wants(*event), wanted, (parameters, event))

    def test_delivered(self) -> None:
        """A filter knows if it wants any message that was delivered, and if it wants each of them, unseen."""
        for parameters, some, each in [
            ({}, True, True),
            ({"event": "message,reply"}, True, True),
            ({"status": "2xx,5xx"}, True, True),
            ({"event": "reply"}, False, False),
            ({"status": "5xx"}, False, False),
            ({"status": "204"}, True, False),
            ({"id": ONE}, True, False),
            ({"group": "room:7"}, True, False),
        ]:
            filter = filter_of(**parameters)
            self.assertEqual((filter.some_delivered, filter.all_delivered), (some, each), parameters)

    def test_bad_values(self) -> None:
        """A value that means nothing is refused by its name."""
        for name, value, shown in [
            ("id", "abc", "id=abc: "),
            ("id", f"{ONE},", "id=: "),
            ("event", "message,mesage", "event=mesage: the events are connect, message"),
            ("event", "x" * 100, f"event={'x' * 60}: "),
            ("status", "600", "status=600: "),
            ("status", "5x", "status=5x: "),
            ("status", "\N{ARABIC-INDIC DIGIT TWO}00", "status="),
            ("group", "..", "group=..: "),
            ("group", "", "group=: "),
            ("group", ",".join(map(str, range(MAX_VALUES + 1))), f"group: {MAX_VALUES} values"),
        ]:
            error = self.assertRaises(BadRequest, filter_of, **{name: value})
            self.assertTrue(str(error).startswith(shown), str(error))

    def test_words(self) -> None:
        """Every word of the list can be asked for."""
        filter_of(event=",".join(EVENTS))

    def test_ending(self) -> None:
        """What is left to say of a connection that ends is wanted with the group that it was in; not for ever."""
        filter = filter_of(group="g")
        filter.ending(ONE, ("g",))
        filter.ending(TWO, ("h",))
        self.assertTrue(filter.wants("disconnect", ONE, (), 200))
        self.assertFalse(filter.wants("disconnect", TWO, (), 200))
        filter.ended(ONE)
        self.assertFalse(filter.wants("disconnect", ONE, (), 200))
        for number in range(MAX_ENDING + 1):
            filter.ending(f"{number:032d}", ("g",))
        self.assertTrue(filter.wants("disconnect", f"{MAX_ENDING - 1:032d}", (), 200))
        self.assertFalse(filter.wants("disconnect", f"{MAX_ENDING:032d}", (), 200))
