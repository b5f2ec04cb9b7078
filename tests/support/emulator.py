"""AWS's Runtime Interface Emulator for Lambda, with a handler in Python behind it."""

from __future__ import annotations

import fcntl
import os
import platform
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

from twisted.trial.unittest import SkipTest

from tests.support.gateway_process import free_port
from tests.support.programs import Program

RELEASE = "1.170.0"
"""Release of aws-sam-cli whose wheel the emulator is taken from."""
_MACHINES = {"x86_64": "x86_64", "aarch64": "arm64"}


def emulator() -> Path:
    """Return the emulator, kept below the temporary directory; the test is skipped where it cannot be had."""
    machine = _MACHINES.get(platform.machine())
    if machine is None or sys.platform != "linux":
        raise SkipTest("the emulator is there for Linux on x86_64 and arm64 only")
    place = Path(tempfile.gettempdir(), f"wsaas-emulator-{os.getuid()}")
    place.mkdir(mode=0o700, exist_ok=True)
    if place.stat().st_uid != os.getuid():
        raise SkipTest(f"{place} is somebody else's")
    program = place / f"aws-lambda-rie-{RELEASE}"
    with (place / "lock").open("w") as lock:  # for tests that run side by side
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not program.exists():
            _fetch(place, program, f"samcli/local/rapid/aws-lambda-rie-{machine}")
    return program


def _fetch(place: Path, program: Path, name: str) -> None:
    command = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--only-binary=:all:", "-d", str(place)]
    try:
        ran = subprocess.run(
            [*command, f"aws-sam-cli=={RELEASE}"], capture_output=True, text=True, timeout=240, check=False
        )
    except subprocess.TimeoutExpired:
        raise SkipTest("pip did not answer in time") from None
    wheels = list(place.glob(f"aws_sam_cli-{RELEASE}-*.whl"))
    if ran.returncode or not wheels:
        raise SkipTest(f"pip cannot download aws-sam-cli: {ran.stderr[-300:]}")
    with zipfile.ZipFile(wheels[0]) as wheel:
        content = wheel.read(name)
    wheels[0].unlink()
    unfinished = program.with_suffix(".unfinished")
    unfinished.write_bytes(content)
    unfinished.chmod(0o700)
    unfinished.rename(program)


def emulated(directory: Path, handler: str, port: int, timeout: int = 3) -> Program:
    """Start the emulator on this port with a handler such as `app.handler`, a file of the directory."""
    command = [str(emulator()), "--runtime-interface-emulator-address", f"127.0.0.1:{port}"]
    command += ["--runtime-api-address", f"127.0.0.1:{free_port()}", sys.executable, "-m", "awslambdaric", handler]
    return Program(command, directory, {"AWS_LAMBDA_FUNCTION_TIMEOUT": str(timeout), "PYTHONPATH": str(directory)})
