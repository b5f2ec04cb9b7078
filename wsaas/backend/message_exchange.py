"""The exchange of messages on the fast path: one object for one message after the other."""

from __future__ import annotations

from functools import partial
from typing import Generic, Protocol, TypeVar

from wsaas.backend.reply_stream import asks_for_stream
from wsaas.http_client.exchange import Exchange, Fault, HttpResponse

T = TypeVar("T")
T_contra = TypeVar("T_contra", contravariant=True)


class Answered(Protocol[T_contra]):
    """Hears what an exchange was for, and how it ended; and the moment, where that is known."""

    def __call__(self, of: T_contra, answer: HttpResponse | Fault, moment: float = ..., /) -> object: ...


class MessageExchange(Exchange, Generic[T]):
    """The exchange of a message, and then of further ones. `answered` hears what each one is for, and how it ended.

    An exchange that is new, or has ended, begins anew with a `request`, a `deadline`, with none `sent` and no `timing`,
    and with what it is for in `of`. (A method for that would be one more call for each message.)

    Between two messages it refers to nothing. The two would otherwise refer to each other, and only the garbage
    collector could free them, with a whole request.
    """

    __slots__ = ("_answered", "of")

    def __init__(self, limit: int, silence: float, answered: Answered[T]) -> None:
        super().__init__(b"", limit, 0.0, _nobody, None, asks_for_stream, silence)
        self._answered = answered
        self.of: T | None = None

    def end(self, result: HttpResponse | Fault, moment: float = 0.0) -> None:
        """Call `answered`, the first time."""
        of, self.of = self.of, None
        if of is not None:
            self.request = b""  # as long as a message, and the next one may wait for long
            self._answered(of, result, moment)
        else:
            super().end(result)

    def send_again(self) -> None:
        """Make the answer a SecondAnswer: the request is about to be sent once more."""
        of, self.of = self.of, None
        if of is not None:
            self._done = partial(self._answered, of)
        super().send_again()

    def cancel(self) -> None:
        """Drop the connection, and call `answered` no more."""
        self.of = None
        super().cancel()


def _nobody(result: HttpResponse | Fault) -> None:
    """Hear nothing: there is no request yet."""
