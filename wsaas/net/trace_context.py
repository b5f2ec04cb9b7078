"""The header `traceparent` of W3C Trace Context (https://www.w3.org/TR/trace-context/), as clients send it."""

from __future__ import annotations

import re
from collections.abc import Sequence

# Section 3.2: version-traceid-parentid-flags, lower-case hex, neither id all zero.
_TRACEPARENT = re.compile(rb"(?!ff)([0-9a-f]{2})-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(-.*)?")


def trace_id(values: Sequence[bytes]) -> str | None:
    """Return the trace id, 32 hex digits, of a header with one valid value; None for an invalid value or several.

    Only versions after 00 may have a fifth field (section 3.2.2).
    """
    found = _TRACEPARENT.fullmatch(values[0]) if len(values) == 1 else None
    return found[2].decode() if found and (found[1] != b"00" or not found[3]) else None
