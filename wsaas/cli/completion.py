"""`wsaas completion`: the completions for a shell, which shtab made from the parsers when the package was built."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from wsaas.cli.failures import DONE, Failed

FILES: Mapping[str, str] = {
    "bash": "share/bash-completion/completions/wsaas",
    "zsh": "share/zsh/site-functions/_wsaas",
    "fish": "share/fish/vendor_completions.d/wsaas.fish",
}
"""The file of each shell below the prefix of the installation, where the shell looks for it."""

CHECKOUT = Path(__file__).resolve().parents[2] / "build" / "shipped"


def run(options: argparse.Namespace) -> int:
    """Print the completions for a shell."""
    text = installed(options.shell)
    if text is None:
        raise Failed("NOT_INSTALLED", "the completions are made when the package is installed: this is a checkout")
    print(text.rstrip("\n"))
    return DONE


def installed(shell: str) -> str | None:
    """Return the text of the installed file; None if the package is not installed, or without it.

    An editable installation leaves the files in the checkout, where they were made.
    """
    try:
        files = distribution("wsaas").files or ()
    except PackageNotFoundError:
        files = ()
    found = [Path(str(file.locate())) for file in files if file.as_posix().endswith(FILES[shell])]
    for path in (*found, CHECKOUT / FILES[shell]):
        if path.is_file():
            return path.read_text()
    return None
