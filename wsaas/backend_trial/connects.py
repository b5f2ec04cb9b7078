"""Checks of the connect webhook: who is let in, and who is not."""

from __future__ import annotations

import base64
from dataclasses import replace

from wsaas.backend_trial.answers import Answered
from wsaas.backend_trial.findings import Finding, failed, passed, skipped, warning
from wsaas.backend_trial.trial import ENDED, Trial
from wsaas.core.events import Cause, CloseCode, Closed
from wsaas.core.outcomes import Accepted, Expired, Kept, Refused
from wsaas.http_client.exchange import NotSent

WRONG = "wsaas-try-wrong-token"
"""The credential that no backend may know."""
EXPIRED = Closed(Cause.EXPIRED, CloseCode.POLICY, "", clean=True)
ODD_PATH = "/wsaas%20try/%F0%9F%8E%88//..%2f"
ODD_QUERY = "a=1&a=2&%00=%FF&=&" + "x" * 1000
LOOK_AT_CREDENTIALS = (
    "look at Authorization in the connect webhook (and at its headers): a client is as trusted as that"
)


async def connect(trial: Trial) -> Finding:
    """A client is let in: a 2xx with the code OK, all of whose details can be used."""
    client = trial.client()
    got = await client.connect()
    trial.unreachable = isinstance(got.answer, NotSent)
    if not isinstance(got.outcome, Accepted):
        return failed(got.remark.sentence, _remedy(trial, got))
    trial.main, trial.expires_in = client, got.outcome.expires_in
    if got.remarks:
        return warning(f"the client is let in, but {got.remark.sentence}", got.remark.remedy)
    also = "".join(f", {each}" for each in _details(got.outcome))
    return passed(f"the client is let in: {got.status}, OK{also}")


def _details(accepted: Accepted) -> list[str]:
    found = []
    if accepted.subprotocol is not None:
        found.append(f"subprotocol {accepted.subprotocol}")
    for count, noun in ((len(accepted.groups), "group"), (len(accepted.headers), "header")):
        if count:
            found.append(f"{count} {noun}{'' if count == 1 else 's'}")
    return found


def _remedy(trial: Trial, got: Answered) -> str:
    """Return the remedy for a connect that was not accepted, with what may be missing from this trial."""
    missing = []
    if not trial.terms.credentials:
        missing.append("--token or -H, if clients need credentials")
    if trial.terms.keys:
        missing.append("another WEBHOOK_SECRET, if that of the backend is not the one that is set here")
    else:
        missing.append("WEBHOOK_SECRET, if the backend checks signatures")
    if got.status in (401, 403) or (got.refused and got.status == 200):
        return f"{got.remark.remedy}. Give {'; '.join(missing)}"
    return got.remark.remedy


async def wrong_token(trial: Trial) -> Finding:
    """A client with a wrong token is refused, where clients need one."""
    handshake = trial.terms.handshake
    given = next((value for name, value in handshake.repeated if name.lower() == b"authorization"), b"")
    basic = given.lower().startswith(b"basic ")
    wrong = b"Basic " + base64.b64encode(f"wsaas-try:{WRONG}".encode()) if basic else f"Bearer {WRONG}".encode()
    client = trial.client(replace(handshake, repeated=((b"Authorization", wrong),)))
    got = await client.connect()
    if isinstance(got.outcome, Refused) and got.refused:
        return passed(f"a client with a wrong token is refused: {_answer(got)}")
    if isinstance(got.outcome, Accepted):
        await client.leave()
        if trial.terms.credentials:
            return failed("a client with a wrong token is let in", LOOK_AT_CREDENTIALS)
        return skipped(
            "everyone is let in, with a made-up token, too", "if clients need a token, give a right one with --token"
        )
    return failed(
        got.told_of("a client with a wrong token"), f"answer 401 or 403, which reach the client; {got.remark.remedy}"
    )


def _answer(got: Answered) -> str:
    status = got.status or 0
    return f"{status}, another code than OK" if status < 300 else f"{status}"


async def odd_client(trial: Trial) -> Finding:
    """A client whose handshake is odd in all parts that clients choose does not make the backend fail."""
    handshake = replace(
        trial.terms.handshake,
        path=ODD_PATH,
        query=ODD_QUERY,
        origin="null",
        headers={**trial.terms.handshake.headers, "user-agent": "wsaas-try/\xe9\xff \"'<b>", "x-odd": ""},
    )
    client = trial.client(handshake)
    got = await client.connect()
    if isinstance(got.outcome, Accepted):
        await client.leave()
        return passed("a client with an odd path, query and User-Agent is let in, and nothing fails")
    if isinstance(got.outcome, Refused) and got.refused:
        return passed(f"a client with an odd path, query and User-Agent is refused: {_answer(got)}")
    return failed(
        got.told_of("a connect with an odd path, query and User-Agent"),
        "any stranger can send that: take the members of the connect webhook as text that may be anything",
    )


async def repeated_connect(trial: Trial) -> Finding:
    """A connect that comes twice, with the same webhook-id, is answered OK twice."""
    client = trial.client()
    first = await client.connect()
    if not isinstance(first.outcome, Accepted):
        return failed(f"another client is not let in: {first.remark.sentence}", first.remark.remedy)
    second = await client.connect()
    await client.leave()
    if isinstance(second.outcome, Accepted):
        return passed("the same connect again is answered OK, too")
    return failed(
        second.told_of("the same connect again"),
        "a connect may come twice, if its connection breaks: answer the same webhook-id as the first time",
    )


async def refresh(trial: Trial) -> Finding:
    """A backend that has let a client in for a time only decides when it is asked again."""
    if trial.expires_in is None:
        return skipped("the answer to the connect has no expires_in: the backend is not asked again")
    client = trial.client()
    got = await client.connect()
    if not isinstance(got.outcome, Accepted):
        return failed(got.told_of("the connect of another client"), got.remark.remedy)
    got = await client.refresh()
    await client.leave(closed=EXPIRED if isinstance(got.outcome, Expired) else ENDED)
    if isinstance(got.outcome, Kept):
        how_long = "for good" if got.outcome.expires_in is None else f"for {got.outcome.expires_in:g} s"
        return passed(f"after expires_in the client stays, {how_long}")
    if isinstance(got.outcome, Expired):
        return passed(f"after expires_in the client is closed with {got.outcome.code}")
    return failed(
        got.told_of("a refresh, after expires_in,"),
        f"answer OK, or another code or a 4xx to close the connection; {got.remark.remedy}",
    )
