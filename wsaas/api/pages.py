"""Answers with a page of a list: of connections, of groups, of a group's members."""

from __future__ import annotations

from wsaas.api.responses import ApiResponse
from wsaas.core.router import Page


def next_after(page: list[str], limit: int) -> str | None:
    """Return the item that the next page follows; None if this page was the last one."""
    return page[-1] if len(page) == limit else None


def ids_answer(name: str, page: Page[str], limit: int) -> ApiResponse:
    """Return the answer with a page of ids, `name` being the member that lists them."""
    return ApiResponse(200, {"count": page.count, name: page.items, "next": next_after(page.items, limit)})


def groups_answer(page: Page[tuple[str, int]], limit: int) -> ApiResponse:
    """Return the answer with a page of groups."""
    groups = [{"name": name, "members": members} for name, members in page.items]
    next = next_after([name for name, _ in page.items], limit)
    return ApiResponse(200, {"count": page.count, "groups": groups, "next": next})
