"""README.rst says what is true, as far as a test can tell."""

from __future__ import annotations

import base64
import json
import os
import re
import shutil
import stat
import subprocess
from pathlib import Path
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from tests.support.pages import block_of
from wsaas.settings.table import TABLE

ROOT = Path(__file__).resolve().parents[2]
README = ROOT.joinpath("README.rst").read_text()


def settings_table() -> str:
    """The README's table of settings: paste it there when the settings change."""
    lines = [".. list-table::", "   :header-rows: 1", "   :widths: 20 25 55", ""]
    lines += ["   * - setting", "     - default", "     - meaning"]
    for name, row in TABLE.items():
        help = re.sub(r"_(?!\w)", r"\_", row.help)  # whsec_ would be a reference
        meaning = help + "".join(f" ``{alias}`` is another name for it." for alias in row.aliases)
        default = row.unset_is if row.default is None else f"``{row.default}``"
        lines += [f"   * - ``{name}``", f"     - {default}", f"     - {meaning}"]
    return "\n".join(lines) + "\n"


def command(name: str) -> str:
    """The first line of the literal block after the comment `.. newcomer-{name}`."""
    match = re.search(rf"^\.\. newcomer-{name}\n\n(?:\.\. code-block:: bash|::)\n\n +(.+)\n\n", README, re.MULTILINE)
    assert match is not None, f"README.rst has no one-line block after '.. newcomer-{name}'"
    return match[1]


class ReadmeTests(SynchronousTestCase):
    def test_settings(self) -> None:
        """The table of settings is the settings: every name, default and help text, in their order."""
        if settings_table() not in README:
            self.fail(f"the README's table is not the settings'; it should be\n\n{settings_table()}")

    def test_commands(self) -> None:
        """The two commands for newcomers are one line each and need nothing installed but Python."""
        for name in ("run", "test"):
            self.assertTrue(command(name).startswith("python3 -m venv .venv && .venv/bin/pip install "), command(name))

    def test_ci(self) -> None:
        """.ci/run runs exactly the README's test command and exits as it does (a stand-in for bash shows it)."""
        script, bash = ROOT / ".ci" / "run", shutil.which("bash")
        assert bash is not None
        self.assertTrue(script.stat().st_mode & stat.S_IXUSR)
        stand_in = Path(self.mktemp())
        stand_in.mkdir()
        (stand_in / "bash").write_text('#!/bin/sh\nprintf "%s\\n" "$@"\nexit 7\n')
        (stand_in / "bash").chmod(0o755)
        path = os.pathsep.join([str(stand_in.resolve()), os.environ["PATH"]])
        ran = subprocess.run([bash, script], env={"PATH": path}, capture_output=True, check=False, text=True)
        self.assertEqual(ran.stdout.splitlines()[1:], ["-c", command("test")])
        self.assertEqual((ran.returncode, ran.stderr), (7, ""))

    def test_lambda(self) -> None:
        """The Lambda handler accepts, echoes text and binary as they came, and takes a disconnect."""
        names: dict[str, Any] = {}
        exec(block_of(ROOT / "README.rst", "python", "def handler"), names)

        def call(method: str, **event: object) -> Any:
            event = {"requestContext": {"http": {"method": method}}, "isBase64Encoded": False, **event}
            return names["handler"](event, None)

        for method in ("POST", "DELETE"):
            self.assertEqual(json.loads(call(method, body="{}")["body"]), {"code": "OK"})
        reply = call("PUT", body="grüße")
        self.assertEqual((reply["body"], reply["isBase64Encoded"]), ("grüße", False))
        self.assertEqual(reply["headers"], {"WSAAS-Reply": "text"})
        coded = base64.b64encode(b"hello").decode()
        reply = call("PUT", body=coded, isBase64Encoded=True)
        self.assertEqual((reply["body"], reply["isBase64Encoded"]), (coded, True))
        self.assertEqual(reply["headers"], {"WSAAS-Reply": "binary"})
        self.assertEqual(call("PUT")["body"], "")
