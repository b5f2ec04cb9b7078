"""Sends a recorded webhook again, for a person who looks at the answer; nothing else comes of it.

The webhook-id is the same, timestamp and signature are new, and `WSAAS-Replay: 1` says what it is. It goes past the
connection's lane, the dispatcher and the breakers, whether the connection is there or over, and its answer is acted on
by nobody: no frame, no close, no other try.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from twisted.internet.defer import Deferred, fail
from twisted.internet.interfaces import IReactorTime
from twisted.python.failure import Failure

from wsaas.backend.delivery import Watched
from wsaas.backend.requests import MAX_DECISION, Webhook
from wsaas.backend.sender import Sender
from wsaas.backend.signing import sign
from wsaas.core.observer import Times
from wsaas.http_client.exchange import Fault, HttpResponse
from wsaas.telemetry.recorder import Recorded, Recorder

MAX_REPLAYS = 16
"""Replays that are under way at once, of different connections."""
_NEW = (b"webhook-timestamp: ", b"webhook-signature: ")


class Replayer:
    """Replays what the recorder has: one webhook of a connection at a time, and MAX_REPLAYS in all.

    `wall_clock()` is the time in seconds since the epoch.
    """

    def __init__(
        self,
        recorder: Recorder,
        sender: Sender,
        secrets: Sequence[bytes],
        clock: IReactorTime,
        wall_clock: Callable[[], float],
    ) -> None:
        self._recorder = recorder
        self._sender = sender
        self._secrets = secrets
        self._clock = clock
        self._wall_clock = wall_clock
        self._under_way: set[bytes] = set()

    def recorded(self, webhook_id: str) -> Recorded | None:
        """Return a webhook that can be replayed; None for any other."""
        return self._recorder.find(webhook_id)

    def may_begin(self, webhook_id: str) -> bool:
        """Say if no other replay of its connection is under way, and not too many in all."""
        recorded = self._recorder.find(webhook_id)
        return recorded is not None and recorded.id not in self._under_way and len(self._under_way) < MAX_REPLAYS

    def replay(self, webhook_id: str, body: bytes | None) -> Deferred[tuple[HttpResponse | Fault, Times | None]]:
        """Send a recorded webhook again, with this body instead of its own if it is not None.

        Fires with the backend's answer, or a Fault, and the times. The caller has asked whether it may begin.
        """
        recorded = self._recorder.find(webhook_id)
        if recorded is None:
            return fail(KeyError(webhook_id))
        webhook = self._again(recorded, webhook_id, recorded.body if body is None else body)
        watched = Watched(webhook, self._clock.seconds(), self._clock.seconds())
        replayed: Deferred[tuple[HttpResponse | Fault, Times | None]] = Deferred()

        def done(answer: HttpResponse | Fault | Failure) -> None:
            self._under_way.discard(recorded.id)
            if isinstance(answer, Failure):
                replayed.errback(answer)
            else:
                watched.answer, watched.answered_at = answer, self._clock.seconds()
                replayed.callback((answer, watched.times))

        self._under_way.add(recorded.id)
        try:
            self._sender.send(webhook, done)
        except Exception:
            done(Failure())
        return replayed

    def _again(self, recorded: Recorded, webhook_id: str, body: bytes) -> Webhook:
        timestamp = int(self._wall_clock())
        lines = [line for line in recorded.head.split(b"\r\n")[:-1] if not line.startswith(_NEW)]
        lines += [b"webhook-timestamp: %d" % timestamp, b"WSAAS-Replay: 1"]
        if self._secrets:
            lines.append(b"webhook-signature: " + sign(self._secrets, webhook_id.encode("ascii"), timestamp, body))
        head = b"".join(line + b"\r\n" for line in lines)
        return Webhook(recorded.method, recorded.id, head, body, MAX_DECISION)
