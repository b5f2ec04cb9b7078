"""The list of names that no library promises, and what happens when one is not there."""

from __future__ import annotations

from twisted.logger import globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase

from wsaas.internals import supported
from wsaas.internals.supported import RELIANCES, Reliance, check, reliances


class Sample:
    _there = 1


class SupportedTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.patch(supported, "_judged", {})
        self.lines: list[str] = []
        globalLogPublisher.addObserver(self.note)
        self.addCleanup(globalLogPublisher.removeObserver, self.note)

    def note(self, event: dict[str, object]) -> None:
        if event.get("log_namespace") == "wsaas.internals.supported":
            self.lines.append(f"{event['part']}: {event['names']}")

    def test_installed(self) -> None:
        """The installed libraries have every name of the list, so nothing is said at the start."""
        self.assertEqual({each.part: each.missing for each in reliances() if each.missing}, {})
        check()
        self.assertEqual(self.lines, [])

    def test_the_list(self) -> None:
        """The list holds Reliances, each with a part of its own and with names."""
        found = reliances()
        self.assertTrue(all(isinstance(each, Reliance) and (each.names or each.attributes) for each in found))
        self.assertEqual(len({each.part for each in found}), len(RELIANCES))

    def test_missing(self) -> None:
        """A name that a module, a class or an instance lacks is found, and said once."""
        reliance = Reliance(
            "a part",
            "plainly",
            names=(f"{__name__}:Sample._there", f"{__name__}:Sample._gone", f"{__name__}:Nobody", "nowhere.at_all:x"),
            attributes=("_there", "_lost"),
            sample=Sample,
        )
        gone = [f"{__name__}:Sample._gone", f"{__name__}:Nobody", "nowhere.at_all:x", "_lost"]
        self.assertEqual(reliance.missing, gone)
        self.assertFalse(reliance.holds())
        self.assertFalse(reliance.holds())
        self.assertEqual(self.lines, [f"a part: {', '.join(gone)}"])

    def test_no_sample(self) -> None:
        """If no sample can be made, the attributes count as missing."""

        def broken() -> object:
            raise TypeError("another signature")

        self.assertEqual(Reliance("b", "plainly", attributes=("_a",), sample=broken).missing, ["_a"])

    def test_holds(self) -> None:
        """A part whose names are there may be used, without a word."""
        self.assertTrue(Reliance("c", "plainly", names=(f"{__name__}:Sample._there",)).holds())
        self.assertEqual(self.lines, [])
