"""Checks of signatures: the backend takes the gateway's webhooks, and nobody else's."""

from __future__ import annotations

from collections.abc import Callable

from wsaas.backend.requests import Contract
from wsaas.backend_trial.answers import Answered
from wsaas.backend_trial.findings import Finding, failed, listed, passed, skipped, warning
from wsaas.backend_trial.trial import Trial
from wsaas.core.outcomes import Accepted

OLD = 3600.0
"""Seconds by which an old webhook is old; Standard Webhooks allows five minutes."""
VERIFY = "verify webhook-signature before anything else, for POST, PUT and DELETE alike"
_SET_IT = "set the same WEBHOOK_SECRET for the gateway and the backend (--secret-file, for this command)"


async def rotated_secret(trial: Trial) -> Finding:
    """A webhook with two signatures is taken if one of them is right, as while a secret is replaced."""
    if not trial.terms.keys:
        return _unsigned()
    client = trial.client()
    got = await client.connect(trial.contract((trial.random_bytes(32), *trial.terms.keys)))
    if isinstance(got.outcome, Accepted):
        await client.leave()
        return passed("of two signatures one is right, and the client is let in")
    return failed(
        got.told_of("a connect with two signatures, of which one is right,"),
        "webhook-signature is a list with spaces: take the webhook if any of them is right",
    )


async def wrong_signature(trial: Trial) -> Finding:
    """A webhook whose signature another secret has made is refused."""
    return await _forged(trial, "a wrong signature", lambda: trial.contract((trial.random_bytes(32),)), failed, VERIFY)


async def no_signature(trial: Trial) -> Finding:
    """A webhook without a signature is refused."""
    return await _forged(trial, "no signature", lambda: trial.contract(()), failed, VERIFY)


async def old_signature(trial: Trial) -> Finding:
    """A webhook that was signed an hour ago is refused: a thief could send it again."""
    remedy = "refuse a webhook-timestamp that is more than five minutes off"
    return await _forged(trial, "a signature of an hour ago", lambda: trial.contract(age=OLD), warning, remedy)


async def _forged(
    trial: Trial, what: str, contract: Callable[[], Contract], flaw: Callable[[str, str], Finding], remedy: str
) -> Finding:
    """Send a forged webhook of each kind, and say which of them the backend took."""
    if not trial.terms.keys:
        return _unsigned()
    client = trial.client()
    got = await client.connect()
    if not isinstance(got.outcome, Accepted):
        return failed(f"another client is not let in: {got.remark.sentence}", got.remark.remedy)
    stranger = trial.client()
    answers = {
        "POST": await stranger.connect(contract()),
        "PUT": await client.say(trial.terms.message, contract=contract()),
        "DELETE": await client.leave(contract()),
    }
    await client.leave()
    if isinstance(answers["POST"].outcome, Accepted):
        await stranger.leave()
    taken = [method for method, each in answers.items() if not _refused(each)]
    if not taken:
        return passed(f"{what} is refused: {answers['POST'].status}")
    if any(answers[method].status is None or (answers[method].status or 0) >= 500 for method in taken):
        return warning(
            f"with {what}, {answers[taken[0]].remark.sentence}", "answer 401 to it: a failure would be repeated"
        )
    return flaw(f"{what} is not refused on {listed(taken)}", remedy)


def _refused(got: Answered) -> bool:
    return got.status is not None and (got.refused or 400 <= got.status < 500)


def _unsigned() -> Finding:
    return skipped("no WEBHOOK_SECRET is set: the backend cannot know who sends it webhooks", _SET_IT)
