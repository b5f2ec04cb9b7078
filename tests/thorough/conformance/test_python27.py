"""The search for a Python 2.7, on a machine made up here."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from tests.thorough.conformance import python27

WORKS = "#!/bin/sh\necho \"('CPython', (2, 7))\"\n"
SHIM = "#!/bin/sh\necho 'pyenv: python2.7: command not found' >&2\nexit 127\n"
THREE = "#!/bin/sh\necho \"('CPython', (3, 11))\"\n"
PYPY = "#!/bin/sh\necho \"('PyPy', (2, 7))\"\n"


class FindingTest(SynchronousTestCase):
    def setUp(self) -> None:
        self.machine = Path(self.mktemp()).resolve()
        self.path = self.machine / "bin"
        self.pyenv = self.machine / "pyenv"

    def place(self, script: str, path: Path) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(script)
        path.chmod(0o755)
        return path

    def environ(self) -> dict[str, str]:
        return {"PATH": str(self.path), "PYENV_ROOT": str(self.pyenv), "HOME": str(self.machine)}

    def test_on_path(self) -> None:
        """The one on the search path comes first."""
        wanted = self.place(WORKS, self.path / "python2.7")
        self.place(WORKS, self.pyenv / "versions/2.7.18/bin/python2.7")
        self.assertEqual(python27.find(self.environ()), wanted)

    def test_behind_shim(self) -> None:
        """A pyenv shim that does not run is passed over for the pyenv's own Python."""
        self.place(SHIM, self.path / "python2.7")
        wanted = self.place(WORKS, self.pyenv / "versions/2.7.18/bin/python2.7")
        self.assertEqual(python27.find(self.environ()), wanted)

    def test_home_pyenv(self) -> None:
        """Without PYENV_ROOT, the pyenv in the home directory is looked into."""
        wanted = self.place(WORKS, self.machine / ".pyenv/versions/2.7.9/bin/python2.7")
        self.assertEqual(python27.find({"HOME": str(self.machine)}), wanted)

    def test_others(self) -> None:
        """A python2 that is PyPy or Python 3 will not do."""
        self.place(THREE, self.path / "python2.7")
        self.place(PYPY, self.path / "python2")
        wanted = self.place(WORKS, self.pyenv / "versions/2.7.18/bin/python2.7")
        self.assertEqual(python27.find(self.environ()), wanted)

    def test_none(self) -> None:
        """Without a Python 2.7 the reason names the places that were searched."""
        self.patch(python27, "candidates", lambda environ: iter([self.place(SHIM, self.path / "python2.7")]))
        problem = self.assertRaises(python27.Unavailable, python27.find)
        self.assertIn("PYENV_ROOT", str(problem))


class PreparedTest(SynchronousTestCase):
    def setUp(self) -> None:
        self.patch(os, "environ", {**os.environ, "CONFORMANCE_DIR": str(Path(self.mktemp()).resolve())})
        self.patch(python27, "find", lambda: Path("python2.7"))

    def test_not_made(self) -> None:
        """Before the environment is made, the reason says how to make it."""
        self.assertIn(python27.PREPARE, str(self.assertRaises(python27.Unavailable, python27.prepared)))

    def test_outdated(self) -> None:
        """An environment made from other requirements does not count; one made from these does."""
        python = python27.home() / "python2.7/bin/python"
        python.parent.mkdir(parents=True)
        python.touch()
        made_from = python27.home() / "made-from"
        made_from.write_text("another")
        self.assertRaises(python27.Unavailable, python27.prepared)
        made_from.write_text(python27._recipe())
        self.assertEqual(python27.prepared(), python)

    def test_broken_python(self) -> None:
        """A Python that cannot make the environment is a reason, not a traceback."""
        self.patch(sys, "executable", "/nowhere")
        problem = self.assertRaises(python27.Unavailable, python27.prepare, Path("/nowhere"))
        self.assertIn("cannot make the Python 2.7 environment", str(problem))
