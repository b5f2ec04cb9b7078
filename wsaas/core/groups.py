"""The rule for the names of groups and the bounds of membership: the same for the API and for a connect answer."""

from __future__ import annotations

from collections.abc import Set as AbstractSet

MAX_GROUPS = 1024
"""Groups that one connection may join over the API, and groups that its connect answer may name."""
MAX_GROUP_NAME = 256
"""Bytes of UTF-8 in the name of a group."""

NO_GROUPS: AbstractSet[str] = frozenset()
"""The groups of a connection that is in none."""

# RFC 3986, 5.2.4: clients and proxies remove these segments from a URL, so that /groups/.. would reach another path.
_DOTS = (".", "..")


def name_flaw(name: str) -> str | None:
    """Say what is wrong with the name of a group, None if nothing is."""
    try:
        size = len(name.encode())
    except UnicodeEncodeError:  # half of a surrogate pair, which JSON can spell
        return "the name of a group is Unicode text; half of a surrogate pair is none"
    if not 0 < size <= MAX_GROUP_NAME:
        return f"the name of a group has 1 to {MAX_GROUP_NAME} bytes of UTF-8"
    if name in _DOTS:
        return "the name of a group is not . or .., which URLs do not keep"
    return None
