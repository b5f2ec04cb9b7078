"""wsaas.internals.python_build: the build of the interpreter."""

from __future__ import annotations

import sysconfig

from twisted.trial.unittest import SynchronousTestCase

from wsaas.internals.python_build import build_note, own_build_note


class BuildTests(SynchronousTestCase):
    def test_with(self) -> None:
        """An interpreter that was configured with optimizations has PGO, whatever built it."""
        for prefix in ("/usr", "/usr/local", "/root/.pyenv/versions/3.13.0"):
            self.assertEqual(build_note(f"'--prefix={prefix}' '--enable-optimizations' '--with-lto'"), "with PGO")

    def test_without(self) -> None:
        """One that was built from the source without them has none."""
        for prefix in ("/usr/local", "/root/.pyenv/versions/3.11.7"):
            self.assertEqual(build_note(f"'--prefix={prefix}' 'LDFLAGS=-L/usr -O2'"), "without PGO")

    def test_unknown(self) -> None:
        """Of a distribution's own, and of one that does not say how it was built, it is not known, and why is said."""
        for configured, why in (
            ("'--prefix=/usr' '--enable-ipv6'", "distribution"),
            ("", "does not say how"),
            (None, "does not say how"),
        ):
            note = build_note(configured)
            self.assertTrue(note.startswith("PGO unknown: ") and why in note, note)

    def test_own(self) -> None:
        """The note of this interpreter is that of its own arguments."""
        self.assertEqual(own_build_note(), build_note(sysconfig.get_config_var("CONFIG_ARGS")))
