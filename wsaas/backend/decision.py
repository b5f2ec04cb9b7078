"""Reads the JSON of a 2xx to a connect: whether the client is let in, and with which groups and headers.

The code decides. One detail beside it that cannot be used is left out, and told as a Flaw: a session that the backend
has let in does not end because of a name.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from wsaas.backend.answer_headers import repeated_headers, response_headers
from wsaas.backend.answer_json import Flaw, LeftOut, read_code, shown
from wsaas.backend.refresh_answers import read_expires_in
from wsaas.core.groups import MAX_GROUPS, name_flaw
from wsaas.core.model import Handshake
from wsaas.core.outcomes import Accepted
from wsaas.http_client.exchange import HttpResponse
from wsaas.net.handshake_response import HandshakeResponse

ACCEPTED = Accepted()
"""The decision of an OK that says nothing else."""
_PLAIN_OK = frozenset((b'{"code": "OK"}', b'{"code":"OK"}'))
"""The bodies that let a client in and say nothing else, as most libraries write them: they are not parsed."""


def decide(answer: HttpResponse, handshake: Handshake) -> tuple[Accepted | HandshakeResponse, list[Flaw]]:
    """Return the decision about the client of `handshake`, let in or answered with a refusal, and what was left out.

    Raises InvalidAnswer.
    """
    if answer.body in _PLAIN_OK and not answer.truncated and answer.coding is None:
        return ACCEPTED, []
    code, decision = read_code(answer)
    if code != "OK":
        return HandshakeResponse(403, code, foreign=True), []
    if len(decision) == 1:
        return ACCEPTED, []
    flaws: list[Flaw] = []
    accepted = Accepted(
        _subprotocol(decision.get("subprotocol"), handshake.subprotocols, flaws),
        _groups(decision.get("groups"), flaws),
        repeated_headers(decision.get("headers"), flaws),
        response_headers(decision.get("response_headers"), flaws),
        read_expires_in(decision.get("expires_in"), flaws),
    )
    return accepted, flaws


def _subprotocol(name: Any, offered: Sequence[str], flaws: list[Flaw]) -> str | None:
    if name is None or name == "":
        return None
    if type(name) is str and name in offered:
        return name
    # Its text is not shown: a browser's credential may stand there.
    flaws.append(Flaw("subprotocol", 0, "the client did not offer it"))
    return None


def _groups(groups: Any, flaws: list[Flaw]) -> tuple[str, ...]:
    if groups is None:
        return ()
    if not isinstance(groups, list):
        flaws.append(Flaw("groups", 0, f"{shown(groups)}: groups are a list of names"))
        return ()
    kept: dict[str, None] = {}
    left_out = LeftOut()
    for group in groups:
        reason = name_flaw(group) if type(group) is str else "the name of a group is text"
        if reason is None and len(kept) >= MAX_GROUPS and group not in kept:
            reason = f"a connection is in at most {MAX_GROUPS} groups"
        if reason is None:
            kept[group] = None
        else:
            left_out.add(shown(group), reason)
    left_out.into(flaws, "groups")
    return tuple(kept)
