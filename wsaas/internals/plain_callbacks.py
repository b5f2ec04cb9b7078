"""Fast path: a Deferred for callbacks that are added before its result, none of which fails or returns a Deferred.

Twisted's loop over the callbacks of a Deferred takes 80 bytecodes for each: it must know what to do where one raises,
where one returns another Deferred, where another Deferred waits for this one. The answer to a webhook that goes by treq
passes through four callbacks, of which none does such a thing. Here such callbacks are called in a row, and at whatever
is unusual the rest is left to Twisted's Deferred.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from wsaas.internals.supported import Reliance

RELIANCE = Reliance(
    part="the plain callbacks of a request by treq",
    plainly="the answer of each connect and disconnect webhook goes through Twisted's Deferred",
    names=("twisted.internet.defer:Deferred._runCallbacks",),
    attributes=("_callbacks", "_runningCallbacks", "called", "debug", "paused"),
    sample=Deferred,
)
_NO_KEYWORDS: Mapping[str, Any] = {}

_Step = tuple[Callable[..., Any], tuple[Any, ...], Callable[..., Any], tuple[Any, ...]]
"""A callback and its further arguments, an errback and its further arguments."""


class PlainCallbacks(Deferred[Any]):
    """A Deferred like any other. The callbacks of `_steps` come before those that Twisted's Deferred has.

    Bound: as that of a Deferred, what its users add to it.
    """

    _steps: list[_Step] | None = None
    """None if there are none, and once there is a result: from then on all is left to Twisted's Deferred."""

    def addCallback(self, callback: Any, *args: Any, **kwargs: Any) -> Any:
        steps = self._steps
        if kwargs or self._callbacks or (steps is None and self.called):
            return super().addCallback(callback, *args, **kwargs)
        if steps is None:
            self._steps = [(callback, args, _unchanged, ())]
        else:
            steps.append((callback, args, _unchanged, ()))
        return self

    def addCallbacks(
        self,
        callback: Any,
        errback: Any = None,
        callbackArgs: Any = (),
        callbackKeywords: Any = _NO_KEYWORDS,
        errbackArgs: Any = (),
        errbackKeywords: Any = _NO_KEYWORDS,
    ) -> Any:
        steps = self._steps
        if steps is None or errback is None or callbackKeywords or errbackKeywords or self._callbacks:
            return super().addCallbacks(callback, errback, callbackArgs, callbackKeywords, errbackArgs, errbackKeywords)
        steps.append((callback, callbackArgs or (), errback, errbackArgs or ()))
        return self

    def callback(self, result: Any) -> None:
        steps = self._steps
        if steps is None or self.called or self.paused or self.debug or not _is_plain(result.__class__):
            self._leave()
            super().callback(result)
            return
        # As Twisted's does, for a callback that looks, cancels or adds another.
        self.called = self._runningCallbacks = True
        self.result = result
        left = iter(steps)
        try:
            for callback, args, _, _ in left:
                self.result = result = callback(result, *args)
                if not _is_plain(result.__class__):
                    break
            else:
                self._steps, self._runningCallbacks = None, False
                if self._callbacks:
                    self._runCallbacks()
                return
        except BaseException:  # as Twisted's does
            result = Failure()
        self.called = self._runningCallbacks = False
        self._steps = list(left)
        if isinstance(result, Failure):
            self.errback(result)
        else:
            self._steps.insert(0, (lambda _: result, (), _unchanged, ()))
            self._leave()
            super().callback(None)

    def errback(self, fail: Any = None) -> None:
        self._leave()
        super().errback(fail)

    def _leave(self) -> None:
        """Leave the callbacks to Twisted's Deferred, unless they are running. Idempotent."""
        if not self.called and self._steps is not None:
            steps, self._steps = self._steps, None
            later, self._callbacks = self._callbacks, []
            for callback, args, errback, error_args in steps:
                super().addCallbacks(callback, errback, args, _NO_KEYWORDS, error_args, _NO_KEYWORDS)
            self._callbacks += later


@lru_cache(maxsize=256)  # the metaclass of Deferred is that of abstract classes, which asks by calls of Python
def _is_plain(kind: type) -> bool:
    """Return whether results of this type are neither failures nor Deferreds."""
    return not issubclass(kind, (Failure, Deferred))


def _unchanged(result: Any) -> Any:
    return result


def plain_callbacks() -> type[Deferred[Any]]:
    """Return the class; or Twisted's Deferred, where that has other names (`RELIANCE`)."""
    return PlainCallbacks if RELIANCE.holds() else Deferred
