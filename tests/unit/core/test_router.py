"""The router: what the API asks for, checked and carried out: push, close, groups, broadcast, pages."""

from __future__ import annotations

from collections.abc import Sequence

from twisted.trial.unittest import SynchronousTestCase

from tests.support.core_fakes import ID, Calls, FakeOwner, FakePeer, Stage, hello, text
from wsaas.core.errors import BadRequest, ClientTooSlow, MessageTooLong, NoSuchConnection, NotUtf8
from wsaas.core.events import Cause
from wsaas.core.facts import facts_of
from wsaas.core.fanout import FanOut
from wsaas.core.gateway import record_of
from wsaas.core.groups import MAX_GROUPS
from wsaas.core.model import Frame, Limits
from wsaas.core.monitor import Monitor
from wsaas.core.outcomes import Accepted
from wsaas.core.pushes import Pushed
from wsaas.core.records import Record
from wsaas.core.registry import Registry
from wsaas.core.router import Page, Router
from wsaas.core.session import Session
from wsaas.core.states import State


def spell(number: int) -> str:
    return f"{number:032d}"


class RouterTestCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.registry = Registry()
        self.router = Router(self.registry, max_message_size=16, monitor=Monitor())

    def add(self, stage: Stage) -> Stage:
        self.registry.add(stage.session)
        return stage


class InspectTests(RouterTestCase):
    def test_facts(self) -> None:
        """What is known is what the session says."""
        stage = self.add(Stage.open())
        self.assertEqual(self.router.inspect(ID), facts_of(stage.session))


class PageOfAllTests(RouterTestCase):
    def test_connections(self) -> None:
        """A page of connections says how many there are in all, whatever its limit."""
        self.add(Stage.open())
        self.assertEqual(self.router.page(10, ""), Page(1, [ID]))
        self.assertEqual(self.router.page(10, ID), Page(1, []))

    def test_groups(self) -> None:
        """A page of groups says how many there are in all, and the size of each."""
        self.add(Stage.open())
        self.router.join(ID, "g")
        self.assertEqual(self.router.group_page(10, ""), Page(1, [("g", 1)]))
        self.assertEqual(self.router.group_page(10, "g"), Page(1, []))
        self.assertEqual(self.router.group_sizes(), {"g": 1})
        self.assertEqual(self.registry.groups(), {"g"})


class PushTests(RouterTestCase):
    def test_text(self) -> None:
        """A text message goes out as text, with its bytes as they are."""
        stage = self.add(Stage.open())
        sent = []
        stage.peer.send = lambda frame: sent.append(frame) or True
        self.assertIs(self.router.push(ID, "h\u00e9llo".encode(), binary=False), Pushed.SENT)
        self.assertEqual(sent, [text("h\u00e9llo")])

    def test_binary(self) -> None:
        """A binary message may have any bytes."""
        stage = self.add(Stage.open())
        sent = []
        stage.peer.send = lambda frame: sent.append(frame) or True
        self.router.push(ID, bytes(range(240, 256)), binary=True)
        self.assertEqual([(frame.payload, frame.binary) for frame in sent], [(bytes(range(240, 256)), True)])

    def test_queued(self) -> None:
        """Before the 101 it is queued."""
        self.add(Stage.connecting())
        self.assertIs(self.router.push(ID, b"x", False), Pushed.QUEUED)

    def test_too_long(self) -> None:
        """MAX_MESSAGE_SIZE bytes are a message, one more is not."""
        stage = self.add(Stage.open())
        self.router.push(ID, b"x" * 16, False)
        error = self.assertRaises(MessageTooLong, self.router.push, ID, b"\xff" * 17, False)
        self.assertIn("16 bytes", str(error))
        self.assertEqual(stage.calls, ["send " + "x" * 16])

    def test_not_utf8(self) -> None:
        """Text is UTF-8, without surrogates and overlong forms; the error says where it is not."""
        stage = self.add(Stage.open())
        for payload, place in [
            (b"ab\xff", "byte 2 "),
            (b"\xed\xa0\x80", "byte 0 "),
            (b"x\xc0\xaf", "byte 1 "),
            (b"\xc3", "byte 0 "),
        ]:
            error = self.assertRaises(NotUtf8, self.router.push, ID, payload, False)
            self.assertIn(place, str(error))
        self.assertEqual(stage.calls, [])

    def test_too_slow(self) -> None:
        """That the client has no room is passed on."""
        stage = self.add(Stage.open())
        stage.peer.full = True
        self.assertRaises(ClientTooSlow, self.router.push, ID, b"x", False)


class CloseTests(RouterTestCase):
    def test_codes(self) -> None:
        """1000 and 3000 to 4999 may be used; with any other nothing happens."""
        for code in (1000, 3000, 4001, 4999):
            stage = self.add(Stage.open())
            self.router.close(ID, code, "bye")
            self.assertEqual(stage.calls, ["closing", "wake", f"close {code} bye"])
        for code in (-1, 0, 999, 1001, 1005, 1006, 1012, 2999, 5000, 65536):
            stage = self.add(Stage.open())
            self.assertRaises(BadRequest, self.router.close, ID, code, "bye")
            self.assertEqual((stage.calls, stage.session.state), ([], State.OPEN))

    def test_reason(self) -> None:
        """A reason has at most the 123 bytes that fit into a Close frame, in UTF-8."""
        for reason in ("x" * 123, "\u00e9" * 61):
            stage = self.add(Stage.open())
            self.router.close(ID, 1000, reason)
            self.assertEqual(stage.calls[-1], f"close 1000 {reason}")
        for reason in ("x" * 124, "\u00e9" * 62):
            stage = self.add(Stage.open())
            self.assertRaises(BadRequest, self.router.close, ID, 1000, reason)
            self.assertEqual(stage.calls, [])

    def test_cause(self) -> None:
        """The DELETE says that it was the API, and with what."""
        stage = self.add(Stage.open())
        self.router.close(ID, 4001, "bye")
        stage.session.disconnected(Cause.CLIENT, 4001, "bye", True)
        closed = record_of(stage.session).closed
        self.assertEqual((closed.cause, closed.code, closed.reason), (Cause.API, 4001, "bye"))

    def test_waiting(self) -> None:
        """Who still waits for the 101 is refused."""
        stage = self.add(Stage.connecting())
        self.router.close(ID, 1000, "")
        self.assertEqual(stage.calls[-1], "refuse CLOSED_BY_API")


class GroupTestCase(RouterTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.peers: dict[str, FakePeer] = {}

    def connect(self, number: int) -> Session:
        calls = Calls()
        peer = self.peers[spell(number)] = FakePeer(calls)
        session = Session(
            Record(spell(number), 0.0, (), "ab" * 16), hello(), peer, Limits(16, 1000, 1000), FakeOwner(calls)
        )
        self.registry.add(session)
        session.next_event()
        return session

    def open(self, *numbers: int) -> None:
        for number in numbers:
            self.connect(number).resolve(Accepted())

    def finish(self, fan_out: FanOut) -> tuple[int, int]:
        while fan_out.step():
            pass
        return fan_out.sent, fan_out.skipped

    def members(self, group: str) -> list[str]:
        return self.router.member_page(group, 1000, "").items

    def heard(self, word: str) -> list[int]:
        return [int(id) for id, peer in self.peers.items() if any(call == word for call in peer.calls)]


class GroupTests(GroupTestCase):
    def test_join_and_leave(self) -> None:
        """Members are in their groups and know it; joining or leaving twice is doing it once; empty groups are none."""
        self.open(1, 2)
        for _ in range(2):
            self.router.join(spell(1), "room:7")
        self.router.join(spell(2), "room:7")
        self.assertEqual(self.members("room:7"), [spell(1), spell(2)])
        self.assertEqual(self.router.inspect(spell(1)).groups, ("room:7",))
        for _ in range(2):
            self.router.leave(spell(1), "room:7")
        self.assertEqual(self.members("room:7"), [spell(2)])
        self.router.leave(spell(2), "room:7")
        self.assertEqual((self.members("room:7"), self.registry._groups), ([], {}))

    def test_leaving_for_good(self) -> None:
        """Who is removed has left all its groups; others stay."""
        self.open(1, 2)
        for group in ("a", "b"):
            self.router.join(spell(1), group)
        self.router.join(spell(2), "b")
        self.registry.remove(self.registry.find(spell(1)))
        self.assertEqual({name: list(ids) for name, ids in self.registry._groups.items()}, {"b": [spell(2)]})

    def test_nobody(self) -> None:
        """Who is not there cannot join or leave."""
        self.assertRaises(NoSuchConnection, self.router.join, spell(1), "a")
        self.assertRaises(NoSuchConnection, self.router.leave, spell(1), "a")

    def test_names(self) -> None:
        """Any text of 1 to 256 bytes of UTF-8 is a name, but for . and .., which URLs do not keep."""
        self.open(1)
        for name in ("a", "room/7 %2F \u20ac", "x" * 256, "\u20ac" * 85, "...", ".a", "a/..", "\n"):
            self.router.join(spell(1), name)
            self.assertEqual(self.members(name), [spell(1)])
        for name in ("", "x" * 257, "\u20ac" * 86, ".", "..", "\ud800"):
            self.assertRaises(BadRequest, self.router.push_to_group, name, b"", False)
            self.assertRaises(BadRequest, self.router.close_group, name, 1000, "")
            self.assertRaises(BadRequest, self.router.join, spell(1), name)
            self.assertRaises(BadRequest, self.router.leave, spell(1), name)
            self.assertRaises(BadRequest, self.members, name)

    def test_bound(self) -> None:
        """A connection is in no more than 1,024 groups."""
        self.open(1)
        for number in range(MAX_GROUPS):
            self.router.join(spell(1), str(number))
        self.router.join(spell(1), "0")
        self.assertRaises(BadRequest, self.router.join, spell(1), "one more")

    def test_bound_of_all(self) -> None:
        """Groups that the connect answer named count, too."""
        self.open(1)
        self.registry.join(self.registry.find(spell(1)), [str(number) for number in range(MAX_GROUPS)])
        self.assertEqual(len(self.router.inspect(spell(1)).groups), MAX_GROUPS)
        self.assertRaises(BadRequest, self.router.join, spell(1), "one more")

    def test_push(self) -> None:
        """Each member gets the message, but those that are excepted and those that are in another group."""
        self.open(1, 2, 3, 4, 5)
        for number in (1, 2, 3, 5):
            self.router.join(spell(number), "g")
        self.assertEqual(self.finish(self.router.push_to_group("g", b"hi", False, {spell(2), spell(5), "x"})), (2, 0))
        self.assertEqual(self.heard("send hi"), [1, 3])
        self.assertEqual(self.finish(self.router.push_to_group("nobody", b"hi", False)), (0, 0))

    def test_slow_and_gone(self) -> None:
        """A slow member, and one that goes meanwhile, are skipped and counted; nobody waits for them."""
        self.open(1, 2, 3)
        for number in (1, 2, 3):
            self.router.join(spell(number), "g")
        self.peers[spell(1)].full = True
        fan_out = self.router.push_to_group("g", b"hi", False)
        self.registry.find(spell(2)).disconnected(Cause.NETWORK, 1006, "", False)
        self.assertEqual(self.finish(fan_out), (1, 2))
        self.assertEqual(self.heard("send hi"), [3])

    def test_one_frame(self) -> None:
        """All get the very same frame, so that it is encoded once."""
        frames: list[Frame] = []
        self.open(1, 2)
        for id, peer in self.peers.items():
            self.router.join(id, "g")
            peer.send = lambda frame: frames.append(frame) or True  # type: ignore[method-assign, func-returns-value]
        self.finish(self.router.push_to_group("g", b"hi", False))
        self.assertIs(frames[0], frames[1])

    def test_bad_message(self) -> None:
        """What is no message is refused before any client gets it."""
        self.open(1)
        self.assertRaises(NotUtf8, self.router.broadcast, b"\xff", False)
        self.assertRaises(MessageTooLong, self.router.broadcast, b"x" * 17, False)
        self.assertRaises(BadRequest, self.router.push_to_group, "", b"", False)

    def test_broadcast(self) -> None:
        """Every client whose connection is open gets it."""
        self.open(1, 2, 3, 5)
        self.connect(4)
        self.registry.find(spell(3)).close(Cause.API, 1000, "")
        self.assertEqual(self.finish(self.router.broadcast(b"hi", False, {spell(1), spell(5)})), (1, 0))
        self.assertEqual(self.heard("send hi"), [2])

    def test_close(self) -> None:
        """Every member is closed with the code and reason that were given, if they can be."""
        self.open(1, 2, 3)
        for number in (1, 2):
            self.router.join(spell(number), "g")
        self.assertRaises(BadRequest, self.router.close_group, "g", 1001, "")
        self.assertRaises(BadRequest, self.router.close_group, "g", 1000, "x" * 124)
        self.assertEqual(self.finish(self.router.close_group("g", 4001, "bye")), (2, 0))
        self.assertEqual(self.heard("close 4001 bye"), [1, 2])

    def test_close_but(self) -> None:
        """Members that are excepted stay."""
        self.open(1, 2, 3)
        for number in (1, 2, 3):
            self.router.join(spell(number), "g")
        self.assertEqual(self.finish(self.router.close_group("g", 4001, "bye", {spell(1), spell(3)})), (1, 0))
        self.assertEqual(self.heard("close 4001 bye"), [2])

    def test_not_yet_open(self) -> None:
        """A member that waits for its 101 has the message queued, as far as there is room; that counts as sent."""
        self.connect(1)
        self.router.join(spell(1), "g")
        for expected in ((1, 0), (1, 0), (1, 0), (0, 1)):
            self.assertEqual(self.finish(self.router.push_to_group("g", b"x" * 16, False)), expected)
        self.registry.find(spell(1)).resolve(Accepted())
        self.assertEqual(self.peers[spell(1)].calls.count(f"send {'x' * 16}"), 3)

    def test_counted(self) -> None:
        """What each took is in its facts; what one had no room for is not."""
        self.open(1, 2)
        self.peers[spell(2)].full = True
        self.finish(self.router.broadcast(b"hello", False))
        facts = [self.router.inspect(spell(number)) for number in (1, 2)]
        self.assertEqual([(each.messages_out, each.bytes_out) for each in facts], [(1, 5), (0, 0)])

    def test_other_errors(self) -> None:
        """A mistake of ours is not taken for a slow member."""
        self.open(1)
        self.peers[spell(1)].send = lambda frame: 1 // 0  # type: ignore[method-assign, assignment, return-value]
        self.assertRaises(ZeroDivisionError, self.router.broadcast(b"hello", False).step)


class DirectTests(GroupTestCase):
    """A fan-out whose fast path takes some of the clients."""

    def test_counts_once(self) -> None:
        """Each client gets the message by one way and is counted once; one that is too slow is skipped."""
        self.open(1, 2, 3, 4)
        direct: list[tuple[list[str], Frame]] = []

        def send_directly(sessions: Sequence[Session], frame: Frame) -> list[Session]:
            direct.append(([session.id for session in sessions[:2]], frame))
            return list(sessions[2:])

        self.router = Router(self.registry, max_message_size=16, monitor=Monitor(), send_directly=send_directly)
        self.peers[spell(4)].full = True
        self.assertEqual(self.finish(self.router.broadcast(b"hello", False)), (3, 1))
        self.assertEqual(direct, [([spell(1), spell(2)], text("hello"))])
        self.assertEqual((self.heard("send hello"), self.heard("no room for hello")), ([3], [4]))
        facts = [self.router.inspect(spell(number)) for number in (1, 2, 3, 4)]
        self.assertEqual([(each.messages_out, each.bytes_out) for each in facts], [(1, 5), (1, 5), (1, 5), (0, 0)])


class PageTests(GroupTestCase):
    def pages(self, limit: int) -> list[str]:
        found: list[str] = []
        while page := self.registry.page(limit, found[-1] if found else ""):
            found += page
        return found

    def test_pages(self) -> None:
        """The pages together are all live connections, in order, whatever their size."""
        self.open(*range(9, 0, -1))
        self.registry.find(spell(5)).close(Cause.API, 1000, "")
        expected = [spell(number) for number in range(1, 10) if number != 5]
        for limit in (1, 2, 3, 8, 100):
            self.assertEqual(self.pages(limit), expected)
        self.assertEqual(self.registry.count, 8)

    def test_stable(self) -> None:
        """Who stays is listed exactly once while others come and go, the last of a page among them."""
        self.open(*range(0, 100, 2))
        found = self.registry.page(10, "")
        self.registry.remove(self.registry.find(found[-1]))
        self.open(*range(1, 100, 2))
        while page := self.registry.page(10, found[-1]):
            found += page
        stayed = [spell(number) for number in range(0, 100, 2) if spell(number) != found[9]]
        self.assertEqual(sorted(set(found) & set(stayed)), stayed)
        self.assertEqual(len(found), len(set(found)))

    def test_members_and_groups(self) -> None:
        """The pages of a group's members, and of the groups, are in order and complete, whatever their size."""
        self.open(*range(9, 0, -1))
        names = ["", "a", "b", "\u20ac", "\U0001f600", "z", "Z"][1:]
        for name in names:
            for number in (3, 1, 9, 7):
                self.router.join(spell(number), name)
        self.router.leave(spell(9), "z")
        for limit in (1, 2, 3, 4, 100):
            members: list[str] = []
            while page := self.router.member_page("a", limit, members[-1] if members else "").items:
                members += page
            self.assertEqual(members, [spell(number) for number in (1, 3, 7, 9)])
            groups: list[tuple[str, int]] = []
            while found := self.registry.group_page(limit, groups[-1][0] if groups else ""):
                groups += found
            self.assertEqual(groups, [(name, 3 if name == "z" else 4) for name in sorted(names)])
        self.assertEqual((self.registry.group_count, self.router.member_page("z", 9, "").count), (6, 3))
        self.assertEqual(self.router.member_page("nobody", 9, ""), Page(0, []))

    def test_members_and_groups_stable(self) -> None:
        """Members and groups that stay are listed exactly once while others come and go, the last of a page too."""
        self.open(*range(100))
        for number in range(0, 100, 2):
            self.router.join(spell(number), "g")
            self.router.join(spell(0), f"{number:02d}")
        members, groups = self.router.member_page("g", 10, "").items, self.registry.group_page(10, "")
        self.router.leave(members[-1], "g")
        self.router.leave(spell(0), groups[-1][0])
        for number in range(1, 100, 2):
            self.router.join(spell(number), "g")
            self.router.join(spell(0), f"{number:02d}")
        while page := self.router.member_page("g", 10, members[-1]).items:
            members += page
        while found := self.registry.group_page(10, groups[-1][0]):
            groups += found
        stayed = {number for number in range(0, 100, 2) if number != 18}
        self.assertEqual({int(id) for id in members if int(id) in stayed}, stayed)
        self.assertEqual({int(name) for name, _ in groups if name != "g" and int(name) in stayed}, stayed)
        self.assertEqual((len(members), len(groups)), (len(set(members)), len(set(groups))))
