"""`twistd wsaas` as a process: the plugin, its help, its mistakes, what it imports."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from tests.support.python_process import run
from wsaas.tap import versions

TWISTD = "from twisted.scripts.twistd import run; run()"


class ProcessTests(SynchronousTestCase):
    """twistd itself, in a process."""

    def test_plugin(self) -> None:
        """twistd lists wsaas."""
        self.assertIn("wsaas                WebSockets as a service", run(TWISTD, "--help").stdout)

    def test_help(self) -> None:
        """twistd wsaas --help says how it is called, each option, and where else settings come from."""
        result = run(TWISTD, "wsaas", "--help")
        self.assertEqual((result.returncode, result.stderr), (0, ""))
        lines = result.stdout.splitlines()
        self.assertEqual(lines[1], "Options:")
        self.assertTrue(lines[0].endswith(" [options] wsaas [options]"), lines[0])
        self.assertIn("Each option but --demo can be an environment variable as well", result.stdout)
        self.assertLessEqual(max(map(len, lines)), 80)

    def test_version(self) -> None:
        """twistd wsaas --version works."""
        result = run(TWISTD, "wsaas", "--version")
        self.assertEqual((result.returncode, result.stdout, result.stderr), (0, versions() + "\n", ""))

    def test_mistakes(self) -> None:
        """Mistakes come all at once, one line each, with status 1 and nothing else."""
        result = run(TWISTD, "-n", "--pidfile=", "wsaas", "--send-buffer=0", WS_PORT="x", API_TOKEN="hush")
        self.assertEqual((result.returncode, result.stdout), (1, ""))
        self.assertEqual(
            result.stderr,
            "wsaas: WS_PORT='x': must be a whole number from 0 to 65535\n"
            "wsaas: API_TOKEN=****: each token must be 16 or more printable ASCII characters, "
            "as from: openssl rand -hex 32\n"
            "wsaas: --send-buffer='0': must be a size from 1 to 2GiB, such as 64KiB or 1MB; a bare number is bytes\n",
        )

    def test_garbage(self) -> None:
        """Objects made by the start are exempt from garbage collection; later ones are collected, rarely."""
        result = run(
            "import gc\n"
            "from wsaas.service.process import GC_THRESHOLDS, freeze_startup_objects\n"
            "freeze_startup_objects()\n"
            "print(gc.get_freeze_count() > 10_000, gc.isenabled(), gc.get_threshold() == GC_THRESHOLDS)"
        )
        self.assertEqual((result.stdout, result.stderr), ("True True True\n", ""))

    def test_light(self) -> None:
        """Neither the plugin nor the command line imports the reactor, or what installs it."""
        heavy = "twisted.internet.reactor", "klein", "treq", "autobahn", "twisted.web"
        result = run(
            "import sys, wsaas.cli.main, wsaas.tap, wsaas.settings.table, wsaas.logs, twisted.plugins.wsaas_plugin\n"
            f"print([name for name in {heavy} if name in sys.modules])"
        )
        self.assertEqual((result.stdout, result.stderr), ("[]\n", ""))
