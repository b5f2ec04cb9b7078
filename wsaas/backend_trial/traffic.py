"""Checks of the way in which the backend's server speaks HTTP, and of its speed."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence
from statistics import median
from typing import Any

from twisted.internet.defer import Deferred, gatherResults

from wsaas.backend_trial.answers import Answered
from wsaas.backend_trial.findings import Finding, failed, passed, warning
from wsaas.backend_trial.trial import Client, Trial

SERIES = 20
"""Messages of one client, one after another, by which the speed is measured."""
LONGEST_SERIES = 5.0
"""Seconds after which no further message of the series is sent."""
TOGETHER = 16
"""Clients at once."""
SLOW = 0.5
"""Seconds of a usual answer from which on a backend counts as slow."""
TELLING = 0.02
"""Seconds of a usual answer from which on times tell if several are answered at once; shorter ones are mostly noise."""
NO_BODY = frozenset({204, 304})
QUICKER = "answer first, and do what takes long behind that"


async def keep_alive(trial: Trial) -> Finding:
    """One connection to the backend serves many webhooks."""
    before = trial.opened()
    for _ in range(SERIES // 2):
        await (await trial.let_in()).say(trial.terms.message)
    opened, count = trial.opened() - before, SERIES // 2
    if opened >= count:
        return warning(
            f"each of {count} messages needed a new connection, which takes time",
            "in production take a server that keeps connections (HTTP/1.1 keep-alive); flask run, php -S and"
            " gunicorn's sync workers close each",
        )
    more = f", with {opened} new {'one' if opened == 1 else 'ones'}" if opened else ""
    return passed(f"{count} messages went over the same connection{more}")


async def framing(trial: Trial) -> Finding:
    """Each answer says where it ends: by its length, or by chunks."""
    chunked = endless = 0
    for answer in trial.answers:
        if answer.status not in NO_BODY and answer.header(b"content-length") is None:
            if (answer.header(b"transfer-encoding") or b"").lower().endswith(b"chunked"):
                chunked += 1
            else:
                endless += 1
    if endless:
        return warning(
            f"{endless} of {len(trial.answers)} answers end with the connection: one that is cut short looks whole",
            "send a Content-Length, or chunks (Transfer-Encoding: chunked)",
        )
    return passed(
        f"all {len(trial.answers)} answers say where they end" + (f", {chunked} by chunks" if chunked else "")
    )


async def uncompressed(trial: Trial) -> Finding:
    """No answer is compressed, as the gateway asks."""
    coded = [answer.coding for answer in trial.answers if answer.coding is not None]
    if not coded:
        return passed("no answer is compressed")
    return failed(
        f"{len(coded)} of {len(trial.answers)} answers say {coded[0]}, which the gateway did not ask for",
        "answer uncompressed, as Accept-Encoding: identity says: look at compression in the server, or in its proxy",
    )


async def speed(trial: Trial) -> Finding:
    """A usual answer comes soon: a client's next message waits for it."""
    clock, timeout = trial.clock, trial.terms.webhook_timeout
    begun, series = clock.seconds(), list[Answered]()
    while len(series) < SERIES and clock.seconds() - begun < LONGEST_SERIES:
        series.append(await (await trial.let_in()).say(trial.terms.message))
    broken = next((each for each in series if each.status is None), None)
    if broken is not None:
        return failed(f"one of {len(series)} messages has no answer: {broken.remark.sentence}", broken.remark.remedy)
    usual, slowest = median(each.seconds for each in series), max(each.seconds for each in series)
    took = f"a message takes {milliseconds(usual)} (the slowest of {len(series)} took {milliseconds(slowest)})"
    if usual >= timeout / 2:
        return failed(f"{took}: near to WEBHOOK_TIMEOUT, {timeout:g} s", f"{QUICKER}; or raise WEBHOOK_TIMEOUT")
    if usual >= SLOW or slowest >= timeout / 2:
        return warning(f"{took}: the client's next message waits for that", QUICKER)
    return passed(f"{took}: one client can send about {per_second(1 / max(usual, 1e-4))} a second")


async def at_once(trial: Trial) -> Finding:
    """Many clients at once are served, and not one after another."""
    count = min(TOGETHER, trial.terms.concurrency)
    clients = [trial.client() for _ in range(count)]
    clock = trial.clock
    alone = (await (await trial.let_in()).say(trial.terms.message)).seconds
    connected = await together(clients, Client.connect)
    begun = clock.seconds()
    said = await together(clients, lambda client: client.say(trial.terms.message))
    took = clock.seconds() - begun
    left = await together(clients, Client.leave)
    for what, answers in (("connects", connected), ("messages", said), ("disconnects", left)):
        bad = [each for each in answers if not each.taken]
        if bad:
            return failed(
                f"of {count} {what} at once, {len(bad)} failed: {bad[0].remark.sentence}",
                f"let the backend serve several at once (WEBHOOK_CONCURRENCY); {bad[0].remark.remedy}",
            )
    if alone >= TELLING and took >= 0.8 * count * alone:
        return warning(
            f"{count} messages at once took {milliseconds(took)}, one alone {milliseconds(alone)}: they wait in line",
            "give the backend's server more threads or workers",
        )
    return passed(f"{count} clients at once come, speak and go; their messages took {milliseconds(took)}")


async def together(
    clients: Sequence[Client], do: Callable[[Client], Coroutine[Deferred[Any], Any, Answered]]
) -> Sequence[Answered]:
    """Do the same for all clients at once."""
    under_way = [Deferred.fromCoroutine(do(client)) for client in clients]
    answers: Sequence[Answered] = await gatherResults(under_way, consumeErrors=True)
    return answers


def milliseconds(seconds: float) -> str:
    """Return a time as people read it: 0.8 ms, 12 ms, 1.25 s."""
    if seconds >= 1:
        return f"{seconds:.2f} s"
    return f"{seconds * 1000:.1f} ms" if seconds < 0.01 else f"{seconds * 1000:.0f} ms"


def per_second(rate: float) -> str:
    """Return a rate, rounded to what a short measurement can tell."""
    return f"{rate:.1f}" if rate < 10 else f"{round(rate, -1 if rate < 1000 else -2):,.0f}"
