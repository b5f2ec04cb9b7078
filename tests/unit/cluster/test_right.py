"""The right to speak, as values: leases, votes, the latch, the fence."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from wsaas.cluster.right import LATCH, LEASE, UNBROKEN, VOTE, Right
from wsaas.cluster.view import View


def view_of(*names: str) -> View:
    """A view of so many other nodes; of `beside`, the processes of this one's node, if it begins with a plus."""
    return View.of("own", [(each.strip("+"), "own" if each.startswith("+") else each[0]) for each in names])


class RightTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.right = Right()

    def member(self, *view: str) -> None:
        self.right.sending(100.0, view_of(*view))
        self.right.renewed(100.0, view_of(*view))

    def test_by_a_clock(self) -> None:
        """The right by a clock is that of the moment at which it is asked for, whatever gives or takes it."""
        now = 0.0
        right = self.right
        may_speak = right.by(lambda: now)

        def vote() -> None:
            right._votes_until = 130.0

        for change in (lambda: None, lambda: right.sending(100.0), lambda: right.renewed(103.0), vote, right.refused):
            change()
            said = []
            for now in (50.0, 100 + LEASE, 103 + LEASE, 129.9, 130.0):
                said.append(may_speak())
                self.assertEqual(said[-1], right.may_speak(now))
        self.assertEqual(said, [False] * 5)

    def test_never_joined(self) -> None:
        """A process that the engine does not know cannot be claimed: it may speak."""
        self.assertTrue(self.right.may_speak(1e9))
        self.assertFalse(self.right.leased(0))
        self.assertFalse(self.right.unsure(1e9))

    def test_first_renewal(self) -> None:
        """The first renewal begins a lease when it is sent; a later one once it is answered, from its sending."""
        self.right.sending(100.0)
        self.assertTrue(self.right.may_speak(100 + LEASE - 0.01))
        self.assertFalse(self.right.may_speak(100 + LEASE))
        self.right.sending(110.0)
        self.assertFalse(self.right.may_speak(110.0))
        self.right.renewed(110.0)
        self.assertTrue(self.right.may_speak(110 + LEASE - 0.01))

    def test_late_answer(self) -> None:
        """An answer to an earlier renewal shortens no lease."""
        self.member()
        self.right.renewed(99.0)
        self.assertTrue(self.right.may_speak(100 + LEASE - 0.01))

    def test_majority(self) -> None:
        """More than half of the last view, itself included, must be without a lease; half is not enough."""
        now = 100 + LEASE
        for view, votes, enough in (
            ("", "", True),
            ("b", "", False),
            ("b", "b", True),
            ("bc", "b", True),
            ("bcd", "b", False),
            ("bcd", "bc", True),
            ("bc", "xyz", False),
        ):
            self.setUp()
            self.member(*view)
            self.assertEqual(self.right.voted(now, now, votes), enough, (view, votes))
            self.assertEqual(self.right.may_speak(now + VOTE - 0.01), enough)
            self.assertFalse(self.right.may_speak(now + VOTE))

    def test_nodes(self) -> None:
        """A node with several processes has one vote, which any of them gives; for its own node a process needs one
        beside it, if there is any.
        """
        now = 100 + LEASE
        for view, votes, enough in (
            ("b1 b2 c1 c2", "b1", True),
            ("b1 b2 c1 c2", "b1 b2", True),
            ("b1 b2 c1 d1", "b1 b2", False),
            ("b1 b2 c1 d1", "b2 c1", True),
            ("+a1 b1", "b1", False),
            ("+a1 +a2 b1", "a2 b1", True),
            ("+a1", "", False),
            ("+a1", "a1", True),
            ("+a1 b1 c1", "b1 c1", True),
        ):
            self.setUp()
            self.member(*view.split())
            self.assertEqual(self.right.voted(now, now, votes.split()), enough, (view, votes))

    def test_text(self) -> None:
        """The engine has the view as a word for each node, this process's own first."""
        view = view_of("c1", "b2", "+a9", "b1")
        self.assertEqual(view.encode("a1"), "a1,a9 b1,b2 c1")
        self.assertEqual(View().encode("a1"), "a1")
        self.assertEqual(view.prefixes(), {"a9", "b1", "b2", "c1"})

    def test_every_view(self) -> None:
        """A view that was sent and not answered may be the engine's: the votes must be a majority of that one, too."""
        self.member("b", "c")
        self.right.sending(101.0, view_of("b", "c", "d", "e"))
        now = 100 + LEASE
        self.assertEqual(self.right.voters(), {"b", "c", "d", "e"})
        self.assertFalse(self.right.voted(now, now, "b"))
        self.assertTrue(self.right.voted(now, now, "bd"))

    def test_lease_first(self) -> None:
        """While the lease runs, votes give nothing: those that gave them may renew at any moment."""
        self.member("b")
        self.assertFalse(self.right.voted(101.0, 101.0, "b"))

    def test_latch(self) -> None:
        """After a time in which a claim may have come, votes count no more, until the engine has renewed the lease."""
        self.member("b")
        late = 100 + LATCH + 0.01
        self.assertFalse(self.right.voted(late, late, "b"))
        self.member("b")
        now = 100 + LATCH - 0.01
        self.assertTrue(self.right.voted(now, now, "b"))
        now += VOTE + UNBROKEN - 0.01
        self.assertTrue(self.right.voted(now, now, "b"))
        now += VOTE + UNBROKEN
        self.assertFalse(self.right.voted(now, now, "b"))
        self.right.renewed(now, view_of("b"))
        self.assertTrue(self.right.may_speak(now))

    def test_fence(self) -> None:
        """A process that was claimed never speaks again, whatever comes."""
        self.member("b")
        self.right.refused()
        self.assertFalse(self.right.may_speak(100.0))
        self.right.renewed(101.0, view_of("b"))
        now = 101 + LEASE
        self.assertFalse(self.right.voted(now, now, "b"))
        self.assertFalse(self.right.may_speak(101.0))

    def test_unsure(self) -> None:
        """After a time in which a claim may have come, an engine that knows nothing of this process proves nothing."""
        self.member("b")
        self.assertFalse(self.right.unsure(100 + LATCH - 0.01))
        self.assertTrue(self.right.unsure(100 + LATCH + 0.01))
        now = 100 + LATCH - 0.01
        self.right.voted(now, now, "b")
        self.assertFalse(self.right.unsure(now + VOTE + UNBROKEN - 0.01))
        self.assertTrue(self.right.unsure(now + VOTE + UNBROKEN + 0.01))
        self.setUp()
        self.member()
        self.assertFalse(self.right.unsure(1e9))
