"""The checks in their order, and the run of them all."""

from __future__ import annotations

from collections.abc import Callable, Collection, Coroutine, Mapping
from dataclasses import dataclass
from typing import Any

from twisted.internet.defer import CancelledError, Deferred, DeferredList

from wsaas.backend_trial import calls, connects, ends, messages, signatures, traffic
from wsaas.backend_trial.findings import Finding, Verdict, failed, skipped
from wsaas.backend_trial.trial import Client, Trial

CLEAN_UP = 2.0
"""Seconds for the disconnects of clients that are still there at the end."""


@dataclass(frozen=True, slots=True)
class Check:
    """One check. `needs` names the check that must not have failed before it."""

    title: str
    run: Callable[[Trial], Coroutine[Deferred[Any], Any, Finding]]
    needs: str | None = "connect"


CHECKS: Mapping[str, Check] = {
    "connect": Check("Connect", connects.connect, None),
    "wrong-token": Check("Connect", connects.wrong_token),
    "repeated-connect": Check("Connect", connects.repeated_connect),
    "odd-client": Check("Connect", connects.odd_client),
    "refresh": Check("Connect", connects.refresh),
    "message": Check("Messages", messages.message),
    "plain-text": Check("Messages", messages.plain_text, "message"),
    "binary": Check("Messages", messages.binary, "message"),
    "empty": Check("Messages", messages.empty, "message"),
    "large": Check("Messages", messages.large, "message"),
    "repeated-message": Check("Messages", messages.repeated_message, "message"),
    "unknown-message": Check("Messages", messages.message_of_unknown, "message"),
    "speed": Check("Traffic", traffic.speed, "message"),
    "keep-alive": Check("Traffic", traffic.keep_alive, "message"),
    "at-once": Check("Traffic", traffic.at_once, "message"),
    "answer-length": Check("Traffic", traffic.framing),
    "uncompressed": Check("Traffic", traffic.uncompressed),
    "wrong-signature": Check("Signatures", signatures.wrong_signature),
    "no-signature": Check("Signatures", signatures.no_signature),
    "old-signature": Check("Signatures", signatures.old_signature),
    "rotated-secret": Check("Signatures", signatures.rotated_secret),
    "disconnect": Check("Disconnect", ends.disconnect),
    "repeated-disconnect": Check("Disconnect", ends.repeated_disconnect),
    "unknown-disconnect": Check("Disconnect", ends.disconnect_of_unknown),
    "api": Check("Calls of the gateway's API", calls.api),
}
"""All checks by their names, in the order in which they run."""

Report = Callable[[str, Finding, float], object]
"""Is told of each check: its name, the finding, and the seconds that it took."""


async def run(trial: Trial, seconds: float, left_out: Collection[str], report: Report) -> bool:
    """Run the checks, in so many seconds at most. Return False if the backend could not be reached at all."""
    findings: dict[str, Finding] = {}
    deadline = trial.clock.seconds() + seconds
    try:
        for name, check in CHECKS.items():
            begun = trial.clock.seconds()
            finding = _left_out(name, check, findings, left_out)
            if finding is None:
                finding = await _within(trial, check, deadline - begun)
            findings[name] = finding
            report(name, finding, trial.clock.seconds() - begun)
    finally:
        await _clean_up(trial)
    return not trial.unreachable


def _left_out(name: str, check: Check, findings: Mapping[str, Finding], left_out: Collection[str]) -> Finding | None:
    """Return the finding of a check that does not run; None if it is to run."""
    if name in left_out:
        return skipped("left out by --skip")
    needed = check.needs
    while needed is not None:
        if findings[needed].verdict is Verdict.FAILED:
            return skipped(f"needs the check {needed} to pass")
        needed = CHECKS[needed].needs
    return None


async def _within(trial: Trial, check: Check, seconds: float) -> Finding:
    """Run one check, and give it up after so many seconds."""
    if seconds <= 0:
        return skipped("no time is left", "give more with --timeout")
    running: Deferred[Finding] = Deferred.fromCoroutine(check.run(trial))
    timer = trial.clock.callLater(seconds, running.cancel)
    try:
        return await running
    except CancelledError:
        if timer.active():  # the command itself is stopped
            raise
        return failed("the time of the trial is over before this was answered", "give more with --timeout")
    finally:
        if timer.active():
            timer.cancel()


async def _clean_up(trial: Trial) -> None:
    """Tell the backend of the end of all clients that it may have let in."""
    leaving = [Deferred.fromCoroutine(Client.leave(client)) for client in list(trial.present.values())]
    if leaving:
        over = DeferredList(leaving, consumeErrors=True)
        timer = trial.clock.callLater(CLEAN_UP, over.cancel)
        try:
            await over
        except CancelledError:
            pass
        finally:
            if timer.active():
                timer.cancel()
