"""Groups, broadcast and the list of connections over HTTP."""

from __future__ import annotations

from urllib.parse import quote

from tests.support.api_fakes import GONE, HERE, MAX_MESSAGE_SIZE, FakeSession
from tests.unit.api.test_app import ApiCase
from wsaas.api.groups import add_group_routes
from wsaas.core.errors import ClientTooSlow
from wsaas.core.fanout import BATCH
from wsaas.core.model import Cause, Frame


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
        add_group_routes(self.api, self.registry, self.turns)

    def add(self, count: int) -> list[FakeSession]:
        sessions = [FakeSession(f"{number:032d}") for number in range(count)]
        for session in sessions:
            self.registry.add(session)  # type: ignore[arg-type]
        return sessions

    def test_membership(self) -> None:
        """PUT joins, DELETE leaves, GET lists; unknown connections are 404."""
        self.assertEqual(self.ask("PUT", f"groups/room/{HERE}").json, {"code": "OK"})
        got = self.ask("GET", "groups/room")
        self.assertEqual((got.status, got.json), (200, {"count": 1, "members": [HERE]}))
        self.assertEqual(self.ask("DELETE", f"groups/room/{HERE}").status, 200)
        self.assertEqual(self.ask("GET", "groups/room").json, {"count": 0, "members": []})
        for method in ("PUT", "DELETE"):
            got = self.ask(method, f"groups/room/{GONE}")
            self.assertEqual((got.status, got.json["code"]), (404, "NOT_FOUND"))

    def test_names(self) -> None:
        """A name is any text, percent-encoded; an encoded slash or percent sign is part of it."""
        for name in ("room:7", "a/b", "a%2Fb", "%", "\u20ac uro", "...", "+", "a;b", "x" * 256):
            encoded = quote(name, safe="")
            self.assertEqual(self.ask("PUT", f"groups/{encoded}/{HERE}").status, 200, name)
            self.assertEqual(self.registry.members(name), [HERE])
            self.assertEqual(self.ask("GET", f"groups/{encoded}").json["count"], 1, name)
        refused = (("groups/", 404), ("groups", 404), ("groups/%FF", 404), ("groups/" + "x" * 257, 400))
        for path, status in (*refused, ("groups/..", 400), ("groups/%2e", 400)):
            self.assertEqual(self.ask("GET", path).status, status, path)

    def test_push(self) -> None:
        """A push to a group tells how many got it and how many were skipped, and may except one."""
        sessions = self.add(3)
        sessions[0].outcome = ClientTooSlow("slow")
        for session in sessions:
            self.registry.join(session.id, "room")
        got = self.ask("PUT", f"groups/room?except={sessions[2].id}", b"hi")
        self.assertEqual((got.status, got.json), (200, {"code": "OK", "sent": 1, "skipped": 1}))
        self.assertEqual([session.pushed for session in sessions], [[], [Frame(b"hi", False)], []])
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
            self.assertEqual(self.ask("PUT", f"{path}?except=a&except=b", b"").status, 400)

    def test_broadcast(self) -> None:
        """A broadcast goes to all, and others have their turn between the batches."""
        sessions = self.add(2 * BATCH)
        got = self.ask("PUT", "broadcast", b"hi")
        self.assertEqual(got.json, {"code": "OK", "sent": 2 * BATCH + 1, "skipped": 0})
        self.assertTrue(all(session.pushed for session in sessions))
        self.assertEqual(self.turns.count, 2)

    def test_close(self) -> None:
        """DELETE on a group closes every member, with the code and reason given."""
        sessions = self.add(2)
        self.registry.join(sessions[0].id, "room")
        got = self.ask("DELETE", "groups/room?code=4001&reason=bye")
        self.assertEqual((got.status, got.json), (200, {"code": "OK", "closed": 1}))
        self.assertEqual([session.closed for session in sessions], [[(Cause.API, 4001, "bye")], []])
        self.assertEqual(self.ask("DELETE", "groups/room?code=1001").status, 400)

    def test_connections(self) -> None:
        """The list of connections is paged by `limit` and `after`."""
        ids = [session.id for session in self.add(5)] + [HERE]
        got = self.ask("GET", "connections")
        self.assertEqual(got.json, {"count": 6, "connections": ids, "next": None})
        got = self.ask("GET", "connections?limit=2")
        self.assertEqual(got.json, {"count": 6, "connections": ids[:2], "next": ids[1]})
        got = self.ask("GET", f"connections?limit=4&after={ids[1]}")
        self.assertEqual(got.json, {"count": 6, "connections": ids[2:], "next": ids[5]})
        self.assertEqual(self.ask("GET", f"connections?after={ids[5]}").json["connections"], [])
        for limit in ("0", "-1", "x", "10001", "", "9999999", "%D9%A1"):
            got = self.ask("GET", f"connections?limit={limit}")
            self.assertEqual((got.status, got.json["code"]), (400, "BAD_REQUEST"), limit)

    def test_methods(self) -> None:
        """Wrong methods are 405 and name the right ones."""
        for path, allowed in (
            ("connections", {"GET", "HEAD"}),
            ("broadcast", {"PUT"}),
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
        add_group_routes(self.api, self.registry, Turns())
        for method, path in (
            ("GET", "connections"),
            ("PUT", "broadcast"),
            ("PUT", "groups/room"),
            ("GET", "groups/room"),
            ("DELETE", "groups/room"),
            ("PUT", f"groups/room/{HERE}"),
            ("DELETE", f"groups/room/{HERE}"),
        ):
            self.assertEqual(self.ask(method, path).status, 401)
