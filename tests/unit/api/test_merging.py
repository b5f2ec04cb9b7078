"""Answers about many connections, put together from those of several processes."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from wsaas.api.merging import Gathered
from wsaas.api.pages import groups_answer, ids_answer
from wsaas.core.router import Page


class MergingTests(SynchronousTestCase):
    def test_counts(self) -> None:
        """Counts add up; PARTIAL says how many were not reached."""
        own = {"sent": 2, "skipped": 1}
        self.assertEqual(Gathered([], 0).counts(own).content, {"code": "OK", **own})
        others = [{"code": "OK", "sent": 3, "skipped": 0}, {"code": "OK", "sent": 1, "skipped": 5}]
        self.assertEqual(Gathered([*others], 0).counts(own).content, {"code": "OK", "sent": 6, "skipped": 6})
        partial = Gathered([others[0], {"sent": "nonsense"}], 2).counts(own)
        self.assertEqual(partial.status, 200)
        self.assertEqual(partial.content, {"code": "PARTIAL", "sent": 5, "skipped": 1, "unreached": 2})

    def test_ids(self) -> None:
        """Pages merge in the order of ids, and end where the limit is."""
        others = Gathered([{"count": 3, "ids": ["a", "d", "e"]}, {"count": 1, "ids": ["b"]}], 0)
        for limit, ids, next in ((3, ["a", "b", "c"], "c"), (5, list("abcde"), "e"), (6, list("abcde"), None)):
            answer = others.ids("ids", Page(1, ["c"]), limit)
            self.assertEqual(answer.content, {"count": 5, "ids": ids, "next": next})
        alone = Gathered([], 1).ids("ids", Page(1, ["c"]), 1)
        self.assertEqual(alone.content, {"count": 1, "ids": ["c"], "next": "c", "unreached": 1})

    def test_groups(self) -> None:
        """A group of several processes is one, with the members of all; pages are by name."""
        others = Gathered([{"groups": {"a": 1, "b": 2}}, {"groups": {"b": 3, "d": 1}}], 1)
        self.assertEqual(
            others.groups({"b": 1, "c": 1}, 2, "a").content,
            {
                "count": 4,
                "groups": [{"name": "b", "members": 6}, {"name": "c", "members": 1}],
                "next": "c",
                "unreached": 1,
            },
        )

    def test_alone(self) -> None:
        """With nobody else a page is that of one process."""
        nobody, ids, groups = Gathered([], 0), Page(3, ["a", "b"]), {"a": 1, "b": 2, "c": 3}
        for limit in (2, 3):
            self.assertEqual(nobody.ids("ids", ids, limit), ids_answer("ids", ids, limit))
            page = Page(3, sorted(groups.items())[:limit])
            self.assertEqual(nobody.groups(groups, limit, ""), groups_answer(page, limit))
