"""The claims of the documentation's pages, as one mapping."""

from __future__ import annotations

import importlib

Claims = dict[str, dict[str, list[str]]]
"""The tests of a page: table -> row -> tests."""

PAGES = (
    "protocol",
    "protocol_webhooks",
    "protocol_api",
    "protocol_aws",
    "protocol_events",
    "protocol_clients",
    "reliability",
    "security",
    "troubleshooting",
)
"""The pages whose tables make claims, in the order in which docs/guarantees_and_tests.rst shows them."""


def claims_of(page: str) -> Claims:
    """Return the claims of a page of docs/."""
    found: Claims = importlib.import_module(f"tests.claims.{page}").TESTS
    return found
