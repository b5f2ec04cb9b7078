"""Answers about many connections, put together from those of this process and of the others.

Each connection is in one process, so that counts add up and pages merge: the promise of `Registry.page` holds over all.
A group may have members in each process; its name is counted once.
"""

from __future__ import annotations

from collections.abc import Mapping
from heapq import nsmallest
from typing import Any, cast

from wsaas.api.elsewhere import Gathered
from wsaas.api.params import next_after
from wsaas.api.responses import OK, ApiResponse
from wsaas.core.router import Page

NOBODY_ELSE = Gathered([], 0)
ALL_GROUPS = b"/-/groups"
"""Target at which a process tells another the sizes of all its groups, by name."""


def counts_answer(own: Mapping[str, int], others: Gathered) -> ApiResponse:
    """Return the answer that says for how many connections the request was carried out."""
    total = {name: count + sum(_number(answer, name) for answer in others.answers) for name, count in own.items()}
    if not others.unreached:
        return ApiResponse(200, {**OK, **total})
    return ApiResponse(200, {"code": "PARTIAL", **total, "unreached": others.unreached})


def ids_answer(name: str, own: Page[str], limit: int, others: Gathered) -> ApiResponse:
    """Return the answer with a page of ids, `name` being the member that lists them."""
    ids = own.items
    if others.answers:
        ids = nsmallest(
            limit, (id for page in (ids, *(_list(answer, name) for answer in others.answers)) for id in page)
        )
    count = own.count + sum(_number(answer, "count") for answer in others.answers)
    return _page_answer(name, count, ids, ids, limit, others)


def groups_answer(page: Page[tuple[str, int]], limit: int, others: Gathered) -> ApiResponse:
    """Return the answer with a page of groups."""
    groups = [{"name": name, "members": members} for name, members in page.items]
    return _page_answer("groups", page.count, groups, [name for name, _ in page.items], limit, others)


def merged_groups(own: Mapping[str, int], others: Gathered, limit: int, after: str) -> Page[tuple[str, int]]:
    """Return a page of the groups of all processes, with the numbers of their members in all."""
    sizes = dict(own)
    for answer in others.answers:
        for name, members in cast(Mapping[str, int], answer.get("groups", {})).items():
            sizes[name] = sizes.get(name, 0) + members
    names = nsmallest(limit, (name for name in sizes if name > after))
    return Page(len(sizes), [(name, sizes[name]) for name in names])


def _page_answer(name: str, count: int, items: object, keys: list[str], limit: int, others: Gathered) -> ApiResponse:
    content: dict[str, object] = {"count": count, name: items, "next": next_after(keys, limit)}
    if others.unreached:
        content["unreached"] = others.unreached
    return ApiResponse(200, content)


def _number(answer: Mapping[str, object], name: str) -> int:
    value = answer.get(name)
    return value if isinstance(value, int) else 0


def _list(answer: Mapping[str, Any], name: str) -> list[str]:
    value = answer.get(name)
    return value if isinstance(value, list) else []
