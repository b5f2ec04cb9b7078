"""Answers about many connections, put together from those of several processes."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from wsaas.api.elsewhere import Gathered
from wsaas.api.merging import NOBODY_ELSE, counts_answer, groups_answer, ids_answer, merged_groups
from wsaas.core.router import Page


class MergingTests(SynchronousTestCase):
    def test_counts(self) -> None:
        """Counts add up; PARTIAL says how many were not reached."""
        own = {"sent": 2, "skipped": 1}
        self.assertEqual(counts_answer(own, NOBODY_ELSE).content, {"code": "OK", **own})
        others = [{"code": "OK", "sent": 3, "skipped": 0}, {"code": "OK", "sent": 1, "skipped": 5}]
        self.assertEqual(counts_answer(own, Gathered([*others], 0)).content, {"code": "OK", "sent": 6, "skipped": 6})
        partial = counts_answer(own, Gathered([others[0], {"sent": "nonsense"}], 2))
        self.assertEqual(partial.status, 200)
        self.assertEqual(partial.content, {"code": "PARTIAL", "sent": 5, "skipped": 1, "unreached": 2})

    def test_ids(self) -> None:
        """Pages merge in the order of ids, and end where the limit is."""
        others = Gathered([{"count": 3, "ids": ["a", "d", "e"]}, {"count": 1, "ids": ["b"]}], 0)
        for limit, ids, next in ((3, ["a", "b", "c"], "c"), (5, list("abcde"), "e"), (6, list("abcde"), None)):
            answer = ids_answer("ids", Page(1, ["c"]), limit, others)
            self.assertEqual(answer.content, {"count": 5, "ids": ids, "next": next})
        alone = ids_answer("ids", Page(1, ["c"]), 1, Gathered([], 1))
        self.assertEqual(alone.content, {"count": 1, "ids": ["c"], "next": "c", "unreached": 1})

    def test_groups(self) -> None:
        """A group of several processes is one, with the members of all; pages are by name."""
        others = Gathered([{"groups": {"a": 1, "b": 2}}, {"groups": {"b": 3, "d": 1}}], 1)
        page = merged_groups({"b": 1, "c": 1}, others, 2, "a")
        self.assertEqual(page, Page(4, [("b", 6), ("c", 1)]))
        self.assertEqual(
            groups_answer(page, 2, others).content,
            {
                "count": 4,
                "groups": [{"name": "b", "members": 6}, {"name": "c", "members": 1}],
                "next": "c",
                "unreached": 1,
            },
        )
