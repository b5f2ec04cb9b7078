"""Checks of the disconnect webhook, which is repeated for a day if it is not answered well."""

from __future__ import annotations

from dataclasses import replace

from wsaas.backend_trial.answers import Answered
from wsaas.backend_trial.findings import Finding, failed, passed, warning
from wsaas.backend_trial.trial import ENDED, Trial
from wsaas.core.events import Cause, CloseCode, Closed
from wsaas.core.outcomes import Accepted, Acknowledged

UNCLEAN = Closed(Cause.NETWORK, CloseCode.ABNORMAL, "", clean=False)
KNOWN = "answer 2xx, also if the connection is not known (any more); 404 and 410 are taken as well"
_ENDED = replace(ENDED, reason="bye \N{WAVING HAND SIGN}")


async def disconnect(trial: Trial) -> Finding:
    """The end of a connection is taken."""
    got = await (await trial.let_in()).leave(closed=_ENDED)
    return _judged(got, "the end of a connection")


async def repeated_disconnect(trial: Trial) -> Finding:
    """A disconnect that comes twice, with the same webhook-id, is taken twice."""
    client = trial.client()
    got = await client.connect()
    if not isinstance(got.outcome, Accepted):
        return failed(f"another client is not let in: {got.remark.sentence}", got.remark.remedy)
    await client.leave(closed=UNCLEAN)
    return _judged(await client.leave(closed=UNCLEAN), "the same end again")


async def disconnect_of_unknown(trial: Trial) -> Finding:
    """The end of a connection that the backend does not know is taken: its connect may have got lost."""
    return _judged(await trial.client().leave(closed=UNCLEAN), "the end of an unknown connection")


def _judged(got: Answered, what: str) -> Finding:
    if not isinstance(got.outcome, Acknowledged):
        return failed(got.told_of(what), f"{KNOWN}; {got.remark.remedy}")
    if got.remarks:
        return warning(got.told_of(what), KNOWN)
    return passed(f"{what} is answered {got.status}")
