"""Lists of a gateway of which a worker or a node does not answer: what is missing is said, and never taken for over."""

from __future__ import annotations

import argparse
import io
import json
from collections.abc import Mapping
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from wsaas.cli.failures import DONE, FAILED, NO_SUCH, TRY_AGAIN, Failed
from wsaas.cli.ids import resolve
from wsaas.cli.listing import connections, groups
from wsaas.cli.terminal import Output

ID = "Pppppppp" + "abcd" * 6


class FakeApi:
    """An API whose lists come in the given pages."""

    def __init__(self, *pages: Mapping[str, Any]) -> None:
        self._pages = list(pages)

    def call(self, method: str, path: list[str], query: Any = ()) -> tuple[int, Mapping[str, Any]]:
        if path == [ID]:
            return 200, {"id": ID, "groups": []}
        return 200, self._pages.pop(0) if len(self._pages) > 1 else self._pages[0]


class UnreachedTests(SynchronousTestCase):
    def run_list(self, api: Any, act: Any = connections, **more: Any) -> tuple[int, str, str]:
        options = argparse.Namespace(
            **{"group": None, "limit": 1000, "sort": None, "long": False, "json": False, **more}
        )
        out, err = io.StringIO(), io.StringIO()
        status = act(options, api, Output(options.json, out, err))
        return status, out.getvalue(), err.getvalue()

    def test_lists(self) -> None:
        """A list of which a part is missing says so, also if a later page has all, and ends with status 1."""
        part = {"count": 1, "connections": [ID], "next": None, "unreached": 1}
        status, out, err = self.run_list(FakeApi(part))
        self.assertEqual((status, out), (FAILED, ID + "\n"))
        self.assertEqual(err, "wsaas ls: 1 process did not answer: what it has is missing here\n")
        status, out, _ = self.run_list(FakeApi(part), json=True)
        self.assertEqual((status, json.loads(out)), (FAILED, {"count": 1, "connections": [ID], "unreached": 1}))
        self.assertEqual(self.run_list(FakeApi(part), long=True)[0], FAILED)
        first, last = {**part, "next": ID, "unreached": 2}, {**part, "connections": [], "unreached": 0}
        status, _, err = self.run_list(FakeApi(first, last))
        self.assertEqual(status, FAILED)
        self.assertIn("2 processes did not answer", err)
        whole = {"count": 1, "connections": [ID], "next": None}
        self.assertEqual(self.run_list(FakeApi(whole)), (DONE, ID + "\n", ""))

    def test_groups(self) -> None:
        """So does a list of groups, and of a group's members, of whom nothing is known then."""
        part = {"count": 0, "groups": [], "members": [], "next": None, "unreached": 1}
        status, _, err = self.run_list(FakeApi(part), groups)
        self.assertEqual(status, FAILED)
        self.assertIn("wsaas groups: 1 process did not answer", err)
        status, out, _ = self.run_list(FakeApi(part), groups, json=True)
        self.assertEqual((status, json.loads(out)["unreached"]), (FAILED, 1))
        self.assertEqual(self.run_list(FakeApi(part), group="room")[0], FAILED)
        with self.assertRaises(Failed) as caught:
            self.run_list(FakeApi({**part, "unreached": 0}), group="room")
        self.assertEqual(caught.exception.status, NO_SUCH)

    def test_short_id(self) -> None:
        """A short id that the others do not have may be that of a process which did not answer: try again later."""
        part: Any = FakeApi({"count": 1, "connections": [ID], "next": None, "unreached": 1})
        self.assertEqual(resolve(part, "abcd"), ID)
        with self.assertRaises(Failed) as caught:
            resolve(part, "zzzz")
        self.assertEqual((caught.exception.status, caught.exception.code), (TRY_AGAIN, "OWNER_UNREACHABLE"))
        whole: Any = FakeApi({"count": 1, "connections": [ID], "next": None})
        with self.assertRaises(Failed) as caught:
            resolve(whole, "zzzz")
        self.assertEqual(caught.exception.status, NO_SUCH)
