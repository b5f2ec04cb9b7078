"""The one gate of all webhooks: none leaves, and no answer is acted on, without the right to speak.

What comes meanwhile is held, in order, until the right comes back; of a process that was claimed nothing leaves ever.
An answer is held, too: it may hold a reply for the client, or let a client in. The courier bounds what is held: it has
WEBHOOK_CONCURRENCY webhooks under way.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Any

from wsaas.backend.requests import Webhook
from wsaas.backend.sender import Sender


class GatedSender:
    """A Sender before another one. `may_speak()` is asked before each webhook and at each answer.

    Bound: a step for each webhook in flight, as the courier (WEBHOOK_CONCURRENCY) and the replays bound them.
    """

    def __init__(self, sender: Sender, may_speak: Callable[[], bool]) -> None:
        self._send = sender.send
        self._may_speak = may_speak
        self._held: deque[Callable[[], object]] = deque()

    def send(self, webhook: Webhook, done: Callable[[Any], object]) -> None:
        """Send it, now or when the right is back: Sender."""
        answered = partial(self._answered, done)
        if self._held or not self._may_speak():
            self._held.append(partial(self._send, webhook, answered))
        else:
            self._send(webhook, answered)

    @property
    def closed(self) -> bool:
        """True while webhooks and answers are held: for those that go past `send`, on the fast path of messages."""
        return bool(self._held) or not self._may_speak()

    def hold(self, step: Callable[[], object]) -> None:
        """Take this step in its turn, when the right is back."""
        self._held.append(step)

    def release(self) -> None:
        """Let go of what is held, as far as the right lasts."""
        while self._held and self._may_speak():
            self._held.popleft()()

    @property
    def held(self) -> int:
        """The number of webhooks and answers that wait for the right."""
        return len(self._held)

    def _answered(self, done: Callable[[Any], object], answer: Any) -> None:
        if self._held or not self._may_speak():
            self._held.append(partial(done, answer))
        else:
            done(answer)
