"""Groups, broadcast and the list of connections over HTTP."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any
from urllib.parse import quote

from tests.support.api_case import ApiCase
from tests.support.api_fakes import GONE, HERE, MAX_MESSAGE_SIZE
from wsaas.api.groups import add_group_routes
from wsaas.core.errors import ClientTooSlow
from wsaas.core.events import Cause
from wsaas.core.fanout import BATCH
from wsaas.core.model import Frame


class Turns:
    """A reactor whose next turn comes at once, and is counted."""

    def __init__(self) -> None:
        self.count = 0

    def callLater(self, delay: float, call: object, *arguments: object) -> None:
        self.count += 1
        call(*arguments)  # type: ignore[operator]


class GroupRouteTests(ApiCase):
    def setUp(self) -> None:
        super().setUp()
        self.turns = Turns()
        add_group_routes(self.api, self.router, self.turns)

    def test_membership(self) -> None:
        """PUT joins, DELETE leaves, GET lists; unknown connections are 404."""
        self.assertEqual(self.ask("PUT", f"groups/room/{HERE}").json, {"code": "OK"})
        got = self.ask("GET", "groups/room")
        self.assertEqual((got.status, got.json), (200, {"count": 1, "members": [HERE], "next": None}))
        self.assertEqual(self.ask("DELETE", f"groups/room/{HERE}").status, 200)
        self.assertEqual(self.ask("GET", "groups/room").json, {"count": 0, "members": [], "next": None})
        for method in ("PUT", "DELETE"):
            got = self.ask(method, f"groups/room/{GONE}")
            self.assertEqual((got.status, got.json["code"]), (404, "NOT_FOUND"))

    def test_names(self) -> None:
        """A name is any text, percent-encoded; an encoded slash or percent sign is part of it. What is none is 400."""
        for name in ("room:7", "a/b", "a%2Fb", "%", "\u20ac uro", "...", "+", "a;b", "x" * 256):
            encoded = quote(name, safe="")
            self.assertEqual(self.ask("PUT", f"groups/{encoded}/{HERE}").status, 200, name)
            self.assertEqual(self.router.member_page(name, 10, "").items, [HERE])
            self.assertEqual(self.ask("GET", f"groups/{encoded}").json["count"], 1, name)
        refused = (("groups/", 404), ("groups/%FF", 400), ("groups/" + "x" * 3000, 400), ("groups/" + "x" * 257, 400))
        for path, status in (*refused, ("groups/..", 400), ("groups/%2e", 400)):
            self.assertEqual(self.ask("GET", path).status, status, path)

    def test_push(self) -> None:
        """A push to a group tells how many got it and how many were skipped, and may except some."""
        sessions = self.add(4)
        sessions[0].outcome = ClientTooSlow("slow")
        for session in sessions:
            self.router.join(session.id, "room")
        got = self.ask("PUT", f"groups/room?except={sessions[2].id}&except={sessions[3].id}&except={GONE}", b"hi")
        self.assertEqual((got.status, got.json), (200, {"code": "OK", "sent": 1, "skipped": 1}))
        self.assertEqual([session.pushed for session in sessions], [[], [Frame(b"hi", False)], [], []])
        self.ask("PUT", "groups/room", b"\xff", Content_Type="application/octet-stream")
        self.assertEqual(sessions[2].pushed, [Frame(b"\xff", True)])

    def test_bad_push(self) -> None:
        """The errors of a push to one are those of a push to many."""
        for path in ("groups/room", "broadcast"):
            for data, status, code in (
                (b"\xff", 400, "NOT_UTF8"),
                (b"x" * (MAX_MESSAGE_SIZE + 1), 413, "MESSAGE_TOO_LONG"),
            ):
                got = self.ask("PUT", path, data)
                self.assertEqual((got.status, got.json["code"]), (status, code))
            self.assertEqual(self.ask("PUT", path, b"", content_encoding="gzip").status, 415)

    def test_bad_except(self) -> None:
        """What is no id cannot be excepted: 400 for all of it, and nobody is pushed to or closed."""
        self.router.join(HERE, "room")
        for method, path in (("PUT", "broadcast"), ("PUT", "groups/room"), ("DELETE", "groups/room")):
            for value in ("", "a", HERE + "," + GONE, HERE + "%20", HERE[1:], HERE + "x", HERE[:-1] + "%C3%A9"):
                for query in (f"except={value}", f"except={HERE}&except={value}"):
                    got = self.ask(method, f"{path}?{query}", b"" if method == "PUT" else None)
                    self.assertEqual((got.status, got.json["code"]), (400, "BAD_REQUEST"), query)
        self.assertEqual((self.session.pushed, self.session.closed), ([], []))

    def test_other_parameters(self) -> None:
        """A parameter that has no meaning for a request is 400, on every route."""
        meanings = {
            "GET connections": {"limit", "after"},
            "GET groups": {"limit", "after"},
            "GET groups/room": {"limit", "after"},
            "PUT broadcast": {"except"},
            "PUT groups/room": {"except"},
            "DELETE groups/room": {"except", "code", "reason"},
            f"PUT groups/room/{HERE}": set(),
            f"DELETE groups/room/{HERE}": set(),
        }
        good = {"limit": "5", "after": "x", "except": GONE, "code": "4001", "reason": "x", "exept": GONE, "x": "y"}
        for request, known in meanings.items():
            method, path = request.split()
            for name, value in good.items():
                got = self.ask(method, f"{path}?{name}={value}", b"" if method == "PUT" else None)
                self.assertEqual(got.status, 200 if name in known else 400, (request, name))

    def test_join_that_others_must_know(self) -> None:
        """A join is answered once pushes to the group come here from any process."""
        known = False
        interest: Any = SimpleNamespace(begun=bool, ended=bool, when_known=lambda groups, done: known and done())
        self.router.registry.interest = interest
        self.assertRaises(self.failureException, self.ask, "PUT", f"groups/room/{HERE}")  # it has no answer
        known = True
        self.assertEqual(self.ask("PUT", f"groups/room/{HERE}").status, 200)

    def test_broadcast(self) -> None:
        """A broadcast goes to all but those excepted, and others have their turn between the batches."""
        sessions = self.add(2 * BATCH + 2)
        but = "&".join(f"except={sessions.pop().id}" for _ in range(2))
        got = self.ask("PUT", f"broadcast?{but}", b"hi")
        self.assertEqual(got.json, {"code": "OK", "sent": 2 * BATCH + 1, "skipped": 0})
        self.assertTrue(all(session.pushed for session in sessions))
        self.assertEqual(self.turns.count, 2)

    def test_close(self) -> None:
        """DELETE on a group closes every member but those excepted, with the code and reason given."""
        sessions = self.add(4)
        for session in sessions[:3]:
            self.router.join(session.id, "room")
        but = f"except={sessions[1].id}&except={sessions[2].id}"
        got = self.ask("DELETE", f"groups/room?code=4001&{but}&reason=bye")
        self.assertEqual((got.status, got.json), (200, {"code": "OK", "closed": 1}))
        self.assertEqual([session.closed for session in sessions], [[(Cause.API, 4001, "bye")], [], [], []])
        self.assertEqual(self.ask("DELETE", "groups/room?code=1001").status, 400)

    def test_members(self) -> None:
        """So are the members of a group, in the order of ids."""
        ids = [session.id for session in self.add(5)]
        for id in reversed(ids):
            self.router.join(id, "a/b")
        for query, page, following in (
            ("", ids, None),
            ("?limit=2", ids[:2], ids[1]),
            (f"?limit=2&after={ids[1]}", ids[2:4], ids[3]),
            (f"?limit=2&after={ids[3]}", ids[4:], None),
            ("?after=~", [], None),
        ):
            got = self.ask("GET", "groups/a%2Fb" + query)
            self.assertEqual(got.json, {"count": 5, "members": page, "next": following})
        for query in ("limit=0", "limit=10001", "limit=x", "limit=1&limit=2", "after=%FF"):
            self.assertEqual(self.ask("GET", f"groups/a%2Fb?{query}").status, 400, query)

    def test_groups(self) -> None:
        """And the groups, with the number of their members, in the order of names."""
        self.assertEqual(self.ask("GET", "groups").json, {"count": 0, "groups": [], "next": None})
        names = ["a/b", "room:7", "\u20ac & co"]
        for number, session in enumerate(self.add(3)):
            for name in names[number:]:
                self.router.join(session.id, name)
        groups = [{"name": name, "members": number} for number, name in enumerate(names, 1)]
        for query, page, following in (
            ("", groups, None),
            ("?limit=2", groups[:2], "room:7"),
            ("?limit=2&after=room:7", groups[2:], None),
            ("?limit=1&after=" + quote(names[2]), [], None),
        ):
            got = self.ask("GET", "groups" + query)
            self.assertEqual(got.json, {"count": 3, "groups": page, "next": following})
        for query in ("limit=0", "limit=1001", "limit="):
            self.assertEqual(self.ask("GET", f"groups?{query}").status, 400, query)

    def test_methods(self) -> None:
        """Wrong methods are 405 and name the right ones."""
        for path, allowed in (
            ("connections", {"GET", "HEAD"}),
            ("broadcast", {"PUT"}),
            ("groups", {"GET", "HEAD"}),
            ("groups/room", {"GET", "HEAD", "PUT", "DELETE"}),
            (f"groups/room/{HERE}", {"PUT", "DELETE"}),
        ):
            got = self.ask("POST", path, b"")
            self.assertEqual(got.status, 405, path)
            self.assertEqual(set((got.header("Allow") or [""])[0].split(", ")), allowed)


class GroupTokenTests(ApiCase):
    tokens = ("right-token-0123456789",)

    def test_all_need_the_token(self) -> None:
        """Without the token none of it is answered."""
        add_group_routes(self.api, self.router, Turns())
        for method, path in (
            ("GET", "connections"),
            ("PUT", "broadcast"),
            ("GET", "groups"),
            ("PUT", "groups/room"),
            ("GET", "groups/room"),
            ("DELETE", "groups/room"),
            ("PUT", f"groups/room/{HERE}"),
            ("DELETE", f"groups/room/{HERE}"),
        ):
            self.assertEqual(self.ask(method, path).status, 401)
