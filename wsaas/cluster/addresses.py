"""The addresses of other nodes, which the engine names: those to which this node may give its API token."""

from __future__ import annotations


def check_address(address: str, own: str) -> None:
    """Raise ValueError if a node at `own` may not ask one at `address`.

    A node that is reached by TLS asks others by TLS only. A writer to the engine could otherwise name an address
    of its own without TLS, and would be sent the API token.
    """
    if own.startswith("https:") and not address.lower().startswith("https:"):
        raise ValueError("it is without TLS, which the address of this node has")
