"""The list of defences is complete and fits the source; and the runner tells a proof from what is none."""

from __future__ import annotations

from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from tests.support.pages import ROOT
from tests.thorough.defences.__main__ import chosen
from tests.thorough.defences.model import Claim, Defence, DoesNotApply, Edit, Row, claims, known, rows, without
from tests.thorough.defences.trials import Broken, read, run
from tests.thorough.defences.verdicts import prove


class ListTests(SynchronousTestCase):
    def test_every_line(self) -> None:
        """Every line of a table has at least one defence."""
        tables = dict(known())
        self.assertTrue(tables)
        lines = [row for row in rows() if row.table in tables]
        bare = [claim.row.attack for claim in claims(lines, tables.items()) if not claim.defences]
        self.assertEqual(bare, [])

    def test_edits(self) -> None:
        """Every edit applies exactly once, and leaves something else that compiles."""
        for _, defences in known():
            for defence in defences:
                for file, text in defence.mutated(ROOT).items():
                    self.assertNotEqual(text, (ROOT / file).read_text(), defence)

    def test_edits_that_do_not_apply(self) -> None:
        """An edit must match exactly once, and leave valid Python."""
        for old, new in (("nobody has written this", ""), ("self", "me"), ("class Lane:", "class class:")):
            self.assertRaises(DoesNotApply, without("x", "wsaas/core/lane.py", old, new).mutated, ROOT)

    def test_found_by_tokens(self) -> None:
        """Line breaks, indentation and comments may change; names, numbers and strings may not."""
        edit = Edit("f", "if a( b, 'c d'):\n    return 1\n", "if False:\n    return 1\n")
        for text, edited in {
            "if a(b, 'c d'):\n    return 1\n": "if False:\n    return 1\n",
            "if a(\n    b,  # why\n    'c d'\n):\n    return 1\nx\n": "if False:\n    return 1\nx\n",
            "def f():\n    if a(b, 'c d'): return 1": "def f():\n    if False:\n    return 1",
        }.items():
            self.assertEqual(edit.apply(text), edited)
        for text in (
            "if a(b, 'cd'):\n    return 1\n",
            "if a(b, 'c d'):\n    return 10\n",
            "# if a(b, 'c d'): return 1",
        ):
            self.assertRaises(DoesNotApply, edit.apply, text)

    def test_indented_with_what_is_around(self) -> None:
        """Lines that come with an edit stand as far in as the code that they replace is now."""
        edit = Edit("f", "    go()\n", "    if x:\n        go()\n")
        self.assertEqual(edit.apply("def f():\n        go()\n"), "def f():\n        if x:\n            go()\n")

    def test_edits_in_turn(self) -> None:
        """Edits of one file build on each other."""
        file = "wsaas/core/lane.py"
        both = Defence("x", (Edit(file, "class Lane:", "class Road:"), Edit(file, "class Road:", "class Street:")))
        self.assertIn("class Street:", both.mutated(ROOT)[file])

    def test_to_which_line(self) -> None:
        """A defence belongs to one line of its table, and its tests are among those that the line names."""
        lines = [Row("a", "One thing", ("x", "y")), Row("a", "One more", ("x",)), Row("b", "One thing", ("z",))]
        found = claims(lines, [("a", [without("One t", "f", "o", "n", "y")])])
        self.assertEqual([len(claim.defences) for claim in found], [1, 0, 0])
        for defence in (without("One", "f", "o"), without("Two", "f", "o"), without("One t", "f", "o", "n", "z")):
            self.assertRaises(ValueError, claims, lines, [("a", [defence])])

    def test_chosen(self) -> None:
        """A table's name means its lines, other words those that begin so; words that mean nothing are an error."""
        every = [Claim(Row("a", "One", ()), ()), Claim(Row("a", "Two", ()), ()), Claim(Row("b", "One", ()), ())]
        self.assertEqual(chosen(every, []), every)
        self.assertEqual(chosen(every, ["a"]), every[:2])
        self.assertEqual(chosen(every, ["On", "b"]), [every[0], every[2]])
        self.assertRaises(ValueError, chosen, every, ["a", "Three"])


class ReadTests(SynchronousTestCase):
    """Return the output of trial."""

    END = "-" * 79 + "\nRan 3 tests in 0.1s\n\nFAILED\n"

    def section(self, kind: str, *ids: str) -> str:
        return "=" * 79 + f"\n[{kind}]\nbecause\n\n" + "".join(f"{id}\n" for id in ids)

    def test_kinds(self) -> None:
        """Failures and errors are failures, several tests may share one, and a skip is none."""
        found = read(
            self.section("SKIPPED", "tests.c") + self.section("ERROR", "tests.a", "tests.b") + self.END, ["a", "b", "c"]
        )
        self.assertEqual((found.failed, found.skipped), ({"a", "b"}, {"c"}))
        self.assertEqual(read(self.END, ["a", "b", "c"]).failed, frozenset())

    def test_no_proof(self) -> None:
        """A run that did not come to its end, ran something else or could not import a test says nothing."""
        for output in ("", "Ran 2 tests in 1s", self.section("ERROR", "tests.another") + self.END):
            self.assertRaises(Broken, read, output, ["a", "b", "c"])


SERVICE = """
LIMIT = 3
NOTES = "of no use"
def fits(size):
    return size <= LIMIT
"""
TESTS = """
from twisted.trial.unittest import SynchronousTestCase
from wsaas.service.lifecycle import fits
class FitTests(SynchronousTestCase):
    def test_fits(self):
        self.assertTrue(fits(3))
    def test_does_not_fit(self):
        self.assertFalse(fits(4))
    def test_skipped(self):
        pass
    test_skipped.skip = "not today"
"""
FITS, DOES_NOT, SKIPPED = (f"test_fits.FitTests.{name}" for name in ("test_fits", "test_does_not_fit", "test_skipped"))
FILE = "wsaas/service/lifecycle.py"


class RunnerTests(SynchronousTestCase):
    """The runner on a checkout of a few lines."""

    def setUp(self) -> None:
        self.root = Path(self.mktemp()).resolve()
        for file, text in {
            FILE: SERVICE,
            "wsaas/__init__.py": "",
            "tests/__init__.py": "",
            "tests/test_fits.py": TESTS,
        }.items():
            path = self.root / file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)

    def proves(self, *defences: Defence, tests: tuple[str, ...] = (DOES_NOT,)) -> bool:
        self.told: list[str] = []
        claim = Claim(Row("sizes", "Too large", tests), defences)
        good = prove(self.root, [claim], self.told.append)
        self.assertEqual((self.root / FILE).read_text(), SERVICE, "the checkout itself stays as it is")
        return good

    def assertTold(self, *words: str) -> None:
        text = "\n".join(self.told)
        for each in words:
            self.assertIn(each, text)

    def test_caught(self) -> None:
        """A defence whose tests fail without it is proved; a test that cannot be run here is only told."""
        self.assertTrue(self.proves(without("Too", FILE, "<= LIMIT", "< 9"), tests=(DOES_NOT, SKIPPED)))
        self.assertTold(f"caught by {DOES_NOT} ", f"skipped here: {SKIPPED}", "1 of 1 mutants caught, 1 lines, 0 gaps")

    def test_survivor(self) -> None:
        """One that changes nothing that matters survives; so does one that not all those tests catch that must."""
        self.assertFalse(
            self.proves(
                without("Too", FILE, "of no use", "of none"),
                without("Too", FILE, "<= LIMIT", "< 9", DOES_NOT, FITS),
                without("Too", FILE, "<= LIMIT", "< 9"),
                without("Too", FILE, "<= LIMIT", "< 2"),
                tests=(DOES_NOT, FITS),
            )
        )
        self.assertTold(f"SURVIVED {DOES_NOT}, {FITS} ", f"SURVIVED {FITS} ", "2 of 4 mutants caught", "0 gaps")

    def test_no_proof(self) -> None:
        """An edit that does not apply, or leaves a package that nobody can import, proves nothing."""
        self.assertFalse(
            self.proves(without("Too", FILE, "> LIMIT"), without("Too", FILE, "LIMIT = 3", "LIMIT = nobody()"))
        )
        self.assertTold("does not apply: ", "broken, which proves nothing: NameError", "0 of 2 mutants caught")

    def test_gaps(self) -> None:
        """A line without defences is a gap, and so is a test that catches nothing."""
        self.assertFalse(self.proves())
        self.assertTold("sizes: Too large: no defence is listed")
        self.assertFalse(self.proves(without("Too", FILE, "<= LIMIT", "< 9"), tests=(DOES_NOT, FITS)))
        self.assertTold(f"sizes: Too large: {FITS} catches nothing", "1 of 1 mutants caught")

    def test_unsound(self) -> None:
        """If tests fail without an edit, nothing can be proved."""
        (self.root / "tests/test_fits.py").write_text(TESTS.replace("fits(4)", "fits(2)"))
        self.assertFalse(self.proves(without("Too", FILE, "<= LIMIT", "< 9")))
        self.assertTold(f"cannot prove anything: these fail as it is: {DOES_NOT}")

    def test_hang(self) -> None:
        """A test that does not end is stopped, and has failed."""
        (self.root / FILE).write_text(SERVICE.replace("    return size", "    while size > 3: pass\n    return size"))
        found = run(self.root, [DOES_NOT], within=1)
        self.assertEqual((found.failed, found.hung), ({DOES_NOT}, {DOES_NOT}))
