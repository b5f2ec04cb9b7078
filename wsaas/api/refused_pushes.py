"""Counts the pushes that the API refuses before they come to the router, which counts all others."""

from __future__ import annotations

import re

from wsaas.api.aws_dialect import rest_of
from wsaas.core.counters import Counters
from wsaas.core.errors import GatewayError
from wsaas.core.ids import ID_LENGTH
from wsaas.core.pushes import PushKind

_TARGET = re.compile(rb"/(?:[A-Za-z0-9]{%d}|(broadcast)|(groups)/[^/?]+)(?:\?|$)" % ID_LENGTH)


def count_refused(counters: Counters, method: bytes, target: bytes, error: BaseException | None) -> None:
    """Count a request that ends with `error` if it is a push, and if the router has not counted it."""
    if not isinstance(error, GatewayError) or error.counted:
        return
    if method == b"POST" and rest_of(target.partition(b"?")[0]) is not None:
        counters.pushes[PushKind.AWS, type(error)] += 1
    found = _TARGET.match(target) if method == b"PUT" else None
    if found is not None:
        kind = PushKind.BROADCAST if found[1] else PushKind.GROUP if found[2] else PushKind.CONNECTION
        counters.pushes[kind, type(error)] += 1
