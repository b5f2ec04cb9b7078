"""Says which version of the gateway this is."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version


def own_version() -> str | None:
    """The version that is installed, None if this is run from a folder that is not."""
    try:
        return version("wsaas")
    except PackageNotFoundError:
        return None


def user_agent() -> str:
    """The product and its version, as a User-Agent header says it (RFC 9110, 10.1.5)."""
    own = own_version()
    return f"WSAAS/{own}" if own else "WSAAS"
