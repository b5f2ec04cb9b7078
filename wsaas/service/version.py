"""The version of this gateway."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version


def own_version() -> str | None:
    """Return the installed version, or None if the package is not installed."""
    try:
        return version("wsaas")
    except PackageNotFoundError:
        return None


def user_agent() -> str:
    """Return product and version for a User-Agent header (RFC 9110, 10.1.5)."""
    own = own_version()
    return f"WSAAS/{own}" if own else "WSAAS"
