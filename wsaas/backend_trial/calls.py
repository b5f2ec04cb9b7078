"""Check of what the backend asked of the gateway's API while it was tried."""

from __future__ import annotations

from collections.abc import Mapping

from wsaas.backend_trial.findings import Finding, passed, skipped, warning
from wsaas.backend_trial.trial import Trial

_OF_STATUS: Mapping[int, str] = {
    400: "its answer says what is wrong: in the request, or in the message, which must be UTF-8 without Content-Type:"
    " application/octet-stream",
    401: "send Authorization: Bearer and the API_TOKEN",
    403: "call the API by the host of LOCAL_ADDRESS",
    405: "pushes are PUT, closes are DELETE",
    413: "send messages of MAX_MESSAGE_SIZE at most",
    415: "do not compress what is pushed",
    429: "send less, and again after Retry-After",
}
_GONE = 404
"""The answer about a client that is gone, which is no mistake."""


async def api(trial: Trial) -> Finding:
    """Requests of the backend to the gateway's API are answered well."""
    gateway, terms = trial.gateway, trial.terms
    if not gateway.listening:
        return skipped(
            f"{terms.local_address} is not free, or not on this machine: what the backend pushes goes there",
            "if nothing is there, set LOCAL_ADDRESS as for the gateway",
        )
    calls = gateway.calls
    for kind, count in calls.refused.most_common():
        if kind.status != _GONE:
            return warning(
                f"{count} of {calls.count} requests to the gateway's API ({kind.method}) got {kind.status}",
                _OF_STATUS.get(kind.status, "look at the answer's message"),
            )
    if not calls.count:
        return passed("the backend has asked nothing of the gateway's API")
    pushed = trial.pushed + sum(client.pushed for client in trial.present.values())
    return passed(f"{calls.count} requests are answered, and {pushed} messages pushed to clients")
