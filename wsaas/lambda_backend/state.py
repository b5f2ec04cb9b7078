"""The state of a connection between its events. It rides in a header that the gateway repeats on every webhook.

So this backend keeps none: it may be restarted, and there may be several.
"""

from __future__ import annotations

import base64
import json
from dataclasses import asdict, dataclass

HEADER = "X-Wsaas-Lambda"


@dataclass(frozen=True, slots=True)
class State:
    """The part of a connect that later events repeat. `connected_at` is in milliseconds since the epoch."""

    connected_at: int
    source_ip: str
    user_agent: str
    domain_name: str

    def header(self) -> str:
        """Return the value of the header."""
        return base64.b64encode(json.dumps(asdict(self)).encode("ascii")).decode("ascii")


def read_state(value: str | None) -> State | None:
    """Return the state in the value of the header; None if there is none."""
    try:
        found = json.loads(base64.b64decode(value or "", validate=True))
        return State(
            int(found["connected_at"]), str(found["source_ip"]), str(found["user_agent"]), str(found["domain_name"])
        )
    except (ValueError, TypeError, KeyError, RecursionError):
        return None
