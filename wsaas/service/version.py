"""The version of this gateway."""

from __future__ import annotations

from functools import cache
from importlib.metadata import PackageNotFoundError, version


@cache
def own_version() -> str | None:
    """Return the version that was installed when this process first asked, or None if the package is not installed.

    Reading it takes milliseconds, and each renewal of a lease says it. An upgrade while this process runs does not
    change what it runs.
    """
    try:
        return version("wsaas")
    except PackageNotFoundError:
        return None


def user_agent() -> str:
    """Return product and version for a User-Agent header (RFC 9110, 10.1.5)."""
    own = own_version()
    return f"WSAAS/{own}" if own else "WSAAS"
