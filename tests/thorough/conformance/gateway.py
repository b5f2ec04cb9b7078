"""The gateway that the suite is run against: a real process, its backend the demo's echo, room for the longest case."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Mapping
from pathlib import Path

from tests.support.api_client import Api
from tests.support.gateway_process import Gateway, free_port
from tests.thorough.conformance.suite import NEEDS


def settings(directory: Path, *, compression: bool) -> dict[str, str]:
    """The settings of a gateway that the suite is run against, whose state is kept in the directory."""
    return {
        "MAX_MESSAGE_SIZE": str(NEEDS),
        "RECEIVE_BUFFER": str(2 * NEEDS),
        "SEND_BUFFER": str(2 * NEEDS),
        "WEBHOOK_TIMEOUT": "60000",
        "COMPRESSION": "on" if compression else "off",
        "MESSAGE_RATE": "0",  # cases of 65,536 fragments are not to wait
        "STATE_DIR": str(directory / "state"),
        "LOG_STYLE": "never",
    }


def echo(directory: Path, *, compression: bool, workers: int = 1) -> Gateway:
    """Started and ready. The caller stops it."""
    given = {**settings(directory, compression=compression), "WORKERS": str(workers)}

    def make(ws_port: int, http_port: int) -> tuple[Mapping[str, str], Api]:
        return {"TARGET_ADDRESS": f"http://127.0.0.1:{free_port()}/websocket"}, Api(http_port)

    return Gateway.start(directory, given, arguments=["--demo"], make=make)


def finish(gateway: Gateway) -> str | None:
    """Stop it, and say what was wrong with it although each case may have passed: it had ended, stumbled or hangs."""
    ended = gateway.process.poll()
    if ended is not None:
        return f"the gateway ended with {ended} and printed last:\n{gateway.log()[-3000:]}"
    try:
        ended = gateway.stop(60)
    except subprocess.TimeoutExpired:
        return f"the gateway did not stop and printed last:\n{gateway.log()[-3000:]}"
    if ended not in (0, -signal.SIGTERM):
        return f"the gateway ended with {ended} when it was asked to stop:\n{gateway.log()[-3000:]}"
    log = gateway.log()
    stumbled = log.find("Traceback (most recent call last)")
    return None if stumbled < 0 else f"the gateway logged a traceback:\n{log[max(0, stumbled - 500) : stumbled + 2500]}"
