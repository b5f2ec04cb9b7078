"""A CPython 2.7 with the Autobahn test suite in it, which is Python 2 code: found, made once, kept.

The environment lives in the directory that CONFORMANCE_DIR names, else in `.conformance` in the checkout. Making it
takes about a minute, a package index and a C compiler; `prepared` never makes one.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import pwd
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[3]
REQUIREMENTS = Path(__file__).with_name("requirements.txt")
VIRTUALENV = "virtualenv==20.15.1"
"""The last that both runs on today's Python and makes environments for 2.7."""

PREPARE = "python -m tests.thorough.conformance --prepare"

_PROBE = "import platform, sys, ssl, zlib; print(platform.python_implementation(), sys.version_info[:2])"
_PROBED = re.compile(r"CPython.*\(2, 7\)")
_PLACES = ("/opt/pyenv", "/usr/local/pyenv", "/usr/local/share/pyenv", "/home/linuxbrew/.pyenv")


class Unavailable(Exception):
    """The suite cannot run on this machine, or not yet; says why and what to do."""


def home() -> Path:
    """The directory that keeps the environment."""
    return Path(os.environ.get("CONFORMANCE_DIR") or CHECKOUT / ".conformance").resolve()


def clean(environ: Mapping[str, str]) -> dict[str, str]:
    """An environment without what the Python that runs this wants for itself."""
    foreign = (
        "PYTHONPATH",
        "PYTHONHOME",
        "VIRTUAL_ENV",
        "PYENV_VERSION",
        "COVERAGE_PROCESS_START",
        "PIP_REQUIRE_VIRTUALENV",
    )
    return {name: value for name, value in environ.items() if name not in foreign}


def candidates(environ: Mapping[str, str]) -> Iterator[Path]:
    """Return the places where a Python 2.7 may be: the search path, then every pyenv of this user or this machine."""
    for name in ("python2.7", "python2"):
        for folder in environ.get("PATH", "").split(os.pathsep):
            found = shutil.which(name, path=folder) if folder else None
            if found:
                yield Path(found)
    homes = [environ.get("HOME", ""), pwd.getpwuid(os.getuid()).pw_dir]
    roots = [environ.get("PYENV_ROOT", ""), *(str(Path(place, ".pyenv")) for place in homes if place), *_PLACES]
    for root in dict.fromkeys(roots):
        if root:
            yield from sorted(Path(root, "versions").glob("2.7*/bin/python2.7"), reverse=True)
    yield from (Path(folder, "bin/python2.7") for folder in ("/usr/local", "/opt/python2.7", "/opt/python/2.7"))


def find(environ: Mapping[str, str] | None = None) -> Path:
    """The first CPython 2.7 that runs and has ssl and zlib. A pyenv shim without its Python is passed over."""
    environ = os.environ if environ is None else environ
    for path in dict.fromkeys(candidates(environ)):
        if _answers(path):
            return path
    raise Unavailable("no CPython 2.7 with ssl and zlib: not on PATH, not under PYENV_ROOT, ~/.pyenv or /usr/local")


def _answers(path: Path) -> bool:
    try:
        probe = subprocess.run(
            [path, "-c", _PROBE], env=clean(os.environ), capture_output=True, text=True, timeout=30, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return probe.returncode == 0 and _PROBED.search(probe.stdout) is not None


def prepared() -> Path:
    """The interpreter of the environment, if it was made from the requirements as they are now."""
    python = home() / "python2.7" / "bin" / "python"
    try:
        made_from = (home() / "made-from").read_text()
    except OSError:
        made_from = ""
    if made_from == _recipe() and python.exists():
        return python
    find()
    raise Unavailable(f"the suite is not installed, or not as requirements.txt says; run: {PREPARE}")


def prepare(using: Path | None = None) -> Path:
    """Make the environment unless it is there; who comes meanwhile waits. Unavailable if it cannot be made."""
    home().mkdir(parents=True, exist_ok=True)
    with (home() / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        try:
            return prepared()
        except Unavailable:
            pass
        using = using or find()
        maker, target = home() / "virtualenv", home() / "python2.7"
        for stale in (maker, target):
            shutil.rmtree(stale, ignore_errors=True)
        (home() / "made-from").unlink(missing_ok=True)
        _run(sys.executable, "-m", "venv", maker)
        _run(maker / "bin/python", "-m", "pip", "install", VIRTUALENV)
        _run(maker / "bin/virtualenv", "--no-download", "-p", using, target)
        _run(target / "bin/python", "-m", "pip", "install", "--no-deps", "-r", REQUIREMENTS)
        shutil.rmtree(maker)
        (home() / "made-from").write_text(_recipe())
        return prepared()


def _recipe() -> str:
    """Return a key that tells one content of the environment from another."""
    return hashlib.sha256(REQUIREMENTS.read_bytes()).hexdigest()


def _run(*command: str | Path) -> None:
    """Run one step of the making; Unavailable with the end of what it printed if it fails."""
    try:
        done = subprocess.run(
            command,
            env=clean(os.environ),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            timeout=900,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as problem:
        raise Unavailable(f"cannot make the Python 2.7 environment: {problem}") from problem
    if done.returncode:
        words = " ".join(map(str, command))
        raise Unavailable(f"cannot make the Python 2.7 environment: {words} failed:\n{done.stdout[-3000:]}")
