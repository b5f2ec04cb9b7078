"""A Deferred that runs plain callbacks in a row: to its users the same as Twisted's."""

from __future__ import annotations

import gc
from collections.abc import Callable
from random import Random
from typing import Any

from twisted.internet import defer
from twisted.internet.defer import AlreadyCalledError, CancelledError, Deferred, fail, succeed
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from wsaas.internals import supported
from wsaas.internals.plain_callbacks import PlainCallbacks, plain_callbacks


class Story:
    """What happens to one Deferred of a class, as `random` says, and what its callbacks were given."""

    def __init__(self, kind: type[Deferred[Any]], random: Random) -> None:
        self.random = random
        self.seen: list[Any] = []
        self.count = 0
        self.unfired: list[Deferred[Any]] = []
        self.deferred = kind(self.canceller)
        steps = [self.add] * random.randrange(6) + [self.fire]
        if random.randrange(3) == 0:
            steps += random.choices([self.cancel, self.pause, self.unpause, self.wait_for_it], k=2)
        random.shuffle(steps)
        for step in [*steps, *[self.add] * random.randrange(3)]:
            step()
        for waiting in self.unfired:
            waiting.callback("late")
        self.deferred.addErrback(lambda failure: self.note("unhandled", failure))
        self.seen.append(self.shown(getattr(self.deferred, "result", "none")))

    def note(self, name: str, result: Any, *more: Any) -> None:
        self.seen.append((name, self.shown(result), self.deferred.called, *more))

    @staticmethod
    def shown(result: Any) -> str:
        if isinstance(result, Failure):
            return f"failure {result.type.__name__} {result.getErrorMessage()}"
        return "deferred" if isinstance(result, Deferred) else repr(result)

    def canceller(self, deferred: Deferred[Any]) -> None:
        self.seen.append(("canceller", deferred is self.deferred))
        if self.random.randrange(2):
            deferred.callback("given up")

    def function(self) -> Callable[..., Any]:
        """A callback that mostly returns a value."""
        name, what = f"f{self.count}", self.random.randrange(14)
        self.count += 1

        def called(result: Any, *args: Any, **kwargs: Any) -> Any:
            self.note(name, result, args, kwargs)
            match what:
                case 0:
                    raise ValueError(name)
                case 1:
                    return Failure(KeyError(name))
                case 2:
                    return succeed(name)
                case 3:
                    return fail(LookupError(name))
                case 4:
                    self.unfired.append(Deferred())
                    return self.unfired[-1]
                case 5:
                    self.add()
                case 6:
                    self.cancel()
                case 7:
                    self.fire()
                case 8:
                    self.wait_for_it()
            return name

        return called

    def add(self) -> None:
        deferred, one, other = self.deferred, self.function(), self.function()
        match self.random.randrange(9):
            case 0:
                deferred.addErrback(one, 1)
            case 1:
                deferred.addBoth(one, 1, key=2)
            case 2:
                deferred.addCallback(one, key=1)
            case 3:
                deferred.addCallbacks(one, other, (1,), {"a": 1}, (2,), {"b": 2})
            case 4:
                deferred.addCallbacks(one)
            case 5:
                deferred.addCallbacks(one, other, callbackArgs=(1,), errbackArgs=(2,))
            case _:
                deferred.addCallback(one, 1, 2)

    def fire(self) -> None:
        try:
            if self.random.randrange(5):
                self.deferred.callback(self.random.choice(("value", Failure(OSError("given")))))
            else:
                self.deferred.errback(OSError("no"))
        except AlreadyCalledError:
            self.seen.append("already called")

    def cancel(self) -> None:
        self.deferred.cancel()

    def pause(self) -> None:
        self.deferred.pause()

    def unpause(self) -> None:
        if self.deferred.paused:
            self.deferred.unpause()

    def wait_for_it(self) -> None:
        """Return it from a callback of another Deferred, which then waits for it."""
        other: Deferred[Any] = succeed(None).addCallback(lambda _: self.deferred)
        other.addBoth(lambda result: self.note("other", result))


class DifferentialTests(SynchronousTestCase):
    def test_stories(self) -> None:
        """Whatever is added, in whatever order, and whatever the callbacks do, they are given what Twisted's would give
        them, in the same order.
        """
        for seed in range(1500):
            ours, theirs = (Story(kind, Random(seed)).seen for kind in (PlainCallbacks, Deferred))
            self.assertEqual(ours, theirs, seed)
        gc.collect()
        self.flushLoggedErrors()


class PlainTests(SynchronousTestCase):
    def test_left_alone(self) -> None:
        """For callbacks that return values Twisted's loop does not run."""
        self.patch(defer.Deferred, "_runCallbacks", None)
        seen: list[Any] = []
        deferred = PlainCallbacks()
        deferred.addCallback(lambda result, more: result + more, 2)
        deferred.addCallbacks(seen.append, seen.extend, callbackArgs=())
        deferred.callback(1)
        self.assertEqual((seen, deferred.called, deferred.result), ([3], True, None))

    def test_unhandled(self) -> None:
        """A failure that no callback takes is logged, as Twisted does it."""
        deferred = PlainCallbacks()
        deferred.addCallback(lambda _: 1 // 0)
        deferred.callback(None)
        del deferred
        gc.collect()
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_cancelled(self) -> None:
        """One that is cancelled fails with CancelledError; its late result is ignored if it has no canceller."""
        deferred = PlainCallbacks()
        deferred.cancel()
        deferred.callback("late")
        self.failureResultOf(deferred, CancelledError)

    def test_missing(self) -> None:
        """Where Twisted's Deferred has other names, it is used itself."""
        self.patch(supported, "_judged", {})
        self.assertIs(plain_callbacks(), PlainCallbacks)
        self.patch(supported, "_judged", {"the plain callbacks of a request by treq": False})
        self.assertIs(plain_callbacks(), Deferred)
