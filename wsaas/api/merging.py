"""Answers about many connections, put together from those of this process and of the others.

Each connection is in one process, so that counts add up and pages merge: the promise of `Registry.page` holds over all.
A group may have members in each process; its name is counted once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from heapq import nsmallest
from typing import Any, cast

from wsaas.api.pages import groups_answer, ids_answer
from wsaas.api.responses import OK, ApiResponse
from wsaas.core.router import Page


@dataclass(frozen=True, slots=True)
class Gathered:
    """The answers of the other processes, and the number of those that did not answer."""

    answers: list[Mapping[str, object]]
    unreached: int

    def counts(self, own: Mapping[str, int]) -> ApiResponse:
        """Return the answer that says for how many connections the request was carried out, `own` being those here."""
        total = {name: count + sum(_number(answer, name) for answer in self.answers) for name, count in own.items()}
        if not self.unreached:
            return ApiResponse(200, {**OK, **total})
        return ApiResponse(200, {"code": "PARTIAL", **total, "unreached": self.unreached})

    def ids(self, name: str, own: Page[str], limit: int) -> ApiResponse:
        """Return the answer with a page of ids, `name` being the member that lists them."""
        pages = [own.items, *(_list(answer, name) for answer in self.answers)]
        count = own.count + sum(_number(answer, "count") for answer in self.answers)
        merged = nsmallest(limit, (id for page in pages for id in page))
        return self._missing_in(ids_answer(name, Page(count, merged), limit))

    def groups(self, own: Mapping[str, int], limit: int, after: str) -> ApiResponse:
        """Return the answer with a page of the groups of all processes, `own` being the sizes of those here."""
        sizes = dict(own)
        for answer in self.answers:
            for name, members in cast(Mapping[str, int], answer.get("groups", {})).items():
                sizes[name] = sizes.get(name, 0) + members
        names = nsmallest(limit, (name for name in sizes if name > after))
        return self._missing_in(groups_answer(Page(len(sizes), [(name, sizes[name]) for name in names]), limit))

    def _missing_in(self, answer: ApiResponse) -> ApiResponse:
        """Return the answer with the number of processes whose entries it lacks."""
        if not self.unreached:
            return answer
        return ApiResponse(answer.status, {**answer.content, "unreached": self.unreached})


def _number(answer: Mapping[str, object], name: str) -> int:
    value = answer.get(name)
    return value if isinstance(value, int) else 0


def _list(answer: Mapping[str, Any], name: str) -> list[str]:
    value = answer.get(name)
    return value if isinstance(value, list) else []
