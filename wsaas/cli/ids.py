"""Finds the connection that the beginning of an id stands for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from wsaas.cli.api_client import ApiClient
from wsaas.cli.failures import NO_SUCH, Failed, Misused
from wsaas.cli.text import ID_LENGTH, PREFIX_LENGTH

PAGE = 10_000
"""Ids asked for at once: the most that the API gives."""
MAX_SHOWN = 3
"""Ids shown of those that a text may stand for."""


def pages(api: ApiClient, path: Sequence[str], key: str, limit: int) -> Iterator[tuple[int, list[Any]]]:
    """Yield the pages of a list, each with the count of all: `limit` items in all, at most.

    `key` is the member of the answer that holds the items.
    """
    left, after = limit, ""
    while left > 0:
        size = min(left, PAGE if key != "groups" else PAGE // 10)
        query = [("limit", str(size)), *([("after", after)] if after else [])]
        _, answer = api.call("GET", path, query)
        items = list(answer.get(key) or ())
        yield int(answer.get("count") or 0), items
        left -= len(items)
        after = str(answer.get("next") or "")
        if not after:
            break


def everything(api: ApiClient, path: Sequence[str], key: str, limit: int) -> tuple[int, list[Any]]:
    """Return the count and the items of a list, `limit` items at most."""
    count, items = 0, []
    for latest, page in pages(api, path, key, limit):
        count = latest
        items += page
    return count, items


def resolve(api: ApiClient, text: str) -> str:
    """Return the whole id. A text that is shorter must be the beginning of one connection's own part, or of its id."""
    if len(text) == ID_LENGTH:
        return text
    found = [
        id
        for _, ids in pages(api, ["connections"], "connections", 2**62)
        for id in ids
        if id.startswith(text, PREFIX_LENGTH) or id.startswith(text)
    ]
    if len(found) == 1:
        return str(found[0])
    if not found:
        raise Failed("NOT_FOUND", f"no connection has an id that begins with {text}: it is over, or misspelt", NO_SUCH)
    shown = ", ".join(id[PREFIX_LENGTH:] for id in found[:MAX_SHOWN])
    more = f" and {len(found) - MAX_SHOWN:,} more" if len(found) > MAX_SHOWN else ""
    raise Misused(f"{text} is the beginning of {len(found):,} ids: {shown}{more}; give more characters")
