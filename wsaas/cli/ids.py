"""Finds the connection that the beginning of an id stands for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from wsaas.cli.api_client import ApiClient
from wsaas.cli.failures import NO_SUCH, TRY_AGAIN, Failed, Misused
from wsaas.cli.text import ID_LENGTH, PREFIX_LENGTH, unreached

PAGE = 10_000
"""Ids asked for at once: the most that the API gives."""
MAX_SHOWN = 3
"""Ids shown of those that a text may stand for."""


@dataclass(slots=True)
class Found:
    """A list, or a page of it: the count of all, the items, and what is to be said if a part is missing."""

    count: int = 0
    items: list[Any] = field(default_factory=list)
    unreached: int = 0
    missing: str = ""


def pages(api: ApiClient, path: Sequence[str], key: str, limit: int) -> Iterator[Found]:
    """Yield the pages of a list: `limit` items in all, at most.

    `key` is the member of the answer that holds the items.
    """
    left, after = limit, ""
    while left > 0:
        size = min(left, PAGE if key != "groups" else PAGE // 10)
        query = [("limit", str(size)), *([("after", after)] if after else [])]
        _, answer = api.call("GET", path, query)
        items = list(answer.get(key) or ())
        yield Found(int(answer.get("count") or 0), items, int(answer.get("unreached") or 0), unreached(answer))
        left -= len(items)
        after = str(answer.get("next") or "")
        if not after:
            break


def everything(api: ApiClient, path: Sequence[str], key: str, limit: int) -> Found:
    """Return a list, `limit` items at most. What is missing of one page is missing of the whole."""
    found = Found()
    for page in pages(api, path, key, limit):
        found.count = page.count
        found.items += page.items
        if page.unreached > found.unreached:
            found.unreached, found.missing = page.unreached, page.missing
    return found


def resolve(api: ApiClient, text: str) -> str:
    """Return the whole id. A text that is shorter must be the beginning of one connection's own part, or of its id."""
    if len(text) == ID_LENGTH:
        return text
    found, missing = [], ""
    for page in pages(api, ["connections"], "connections", 2**62):
        found += [id for id in page.items if id.startswith(text, PREFIX_LENGTH) or id.startswith(text)]
        missing = missing or page.missing
    if len(found) == 1:
        return str(found[0])
    if not found and missing:
        raise Failed("OWNER_UNREACHABLE", f"{missing}, and no other has an id that begins with {text}", TRY_AGAIN)
    if not found:
        raise Failed("NOT_FOUND", f"no connection has an id that begins with {text}: it is over, or misspelt", NO_SUCH)
    shown = ", ".join(id[PREFIX_LENGTH:] for id in found[:MAX_SHOWN])
    more = f" and {len(found) - MAX_SHOWN:,} more" if len(found) > MAX_SHOWN else ""
    raise Misused(f"{text} is the beginning of {len(found):,} ids: {shown}{more}; give more characters")
