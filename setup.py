"""Builds what a shell and man(1) read: completions by shtab, and the manual page, both from the parsers of `wsaas`.

Everything else about the package is in setup.cfg. The parsers import the standard library only, so that they can be
read here, where nothing is installed but setuptools and shtab.
"""

from __future__ import annotations

import os
import sys
from datetime import UTC, datetime
from pathlib import Path

from setuptools import Command, setup
from setuptools.command.build import build

ROOT = Path(__file__).resolve().parent
SHARE = "build/shipped"
"""Folder for the files, below this one: setuptools wants to know their names before they are there."""

sys.path.insert(0, str(ROOT))  # a build by pip does not look here

from wsaas.cli.completion import FILES  # noqa: E402

MANUAL = "share/man/man1/wsaas.1"


class BuildShare(Command):
    """Write the completions and the manual page."""

    description = "write completions and the manual page"
    user_options = [("folder=", None, f"where to [default: {SHARE}]")]  # noqa: RUF012
    editable_mode = False

    def initialize_options(self) -> None:
        self.folder: str | None = None

    def finalize_options(self) -> None:
        self.folder = self.folder or SHARE

    def run(self) -> None:
        import shtab

        from wsaas.cli.arguments import IDS_PREAMBLE
        from wsaas.cli.commands import whole_parser
        from wsaas.cli.manual import manual

        for shell, file in FILES.items():
            text = shtab.complete(whole_parser(), shell, preamble=IDS_PREAMBLE)
            self.write(file, text)
        self.write(MANUAL, manual(self.distribution.get_version(), self.date()))

    def date(self) -> str:
        """Return today's date, or that of SOURCE_DATE_EPOCH, by which a build can be repeated."""
        seconds = os.environ.get("SOURCE_DATE_EPOCH")
        return f"{datetime.fromtimestamp(int(seconds), UTC) if seconds else datetime.now(UTC):%Y-%m-%d}"

    def write(self, file: str, text: str) -> None:
        assert self.folder is not None
        path = Path(self.folder, file)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text.rstrip("\n") + "\n")

    def get_source_files(self) -> list[str]:
        return []

    def get_outputs(self) -> list[str]:
        return []

    def get_output_mapping(self) -> dict[str, str]:
        return {}


class Build(build):
    """The build, with the step above."""

    sub_commands = [*build.sub_commands, ("build_share", None)]  # noqa: RUF012


setup(
    cmdclass={"build": Build, "build_share": BuildShare},
    data_files=[(str(Path(file).parent), [f"{SHARE}/{file}"]) for file in (*FILES.values(), MANUAL)],
)
