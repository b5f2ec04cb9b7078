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


def run(options: argparse.Namespace) -> int:
    """Print the completions for a shell."""
    text = installed(options.shell)
    if text is None:
        raise Failed("NOT_INSTALLED", "this is a checkout without completions: they come with an installed package")
    print(text.rstrip("\n"))
    return DONE


def installed(shell: str) -> str | None:
    """Return the text of the installed file; None if the package is not installed, or without it."""
    try:
        files = distribution("wsaas").files or ()
    except PackageNotFoundError:
        return None
    for file in files:
        if file.as_posix().endswith(FILES[shell]) and Path(str(file.locate())).is_file():
            return file.read_text()
    return None
