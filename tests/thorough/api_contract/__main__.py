"""Starts a backend, a gateway and clients that come back whenever they are closed, and runs schemathesis over the API.

    python -m tests.thorough.api_contract [OPTIONS OF schemathesis run]

Its exit status is that of schemathesis: 0 if no answer was other than /-/openapi.json says.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from tests.support import websocket_client as client
from tests.support.backend_server import Backend
from tests.support.gateway_process import Gateway
from tests.support.source import ROOT

CONFIG = Path(__file__).with_name("schemathesis.toml")
TOKEN = "a-token-of-the-contract"
CLIENTS = 5
LEFT_OUT = ("events", "claim")
"""An operation whose answer has no end, and one that is there with CLUSTER only."""


def stay(uri: str, stopped: threading.Event) -> None:
    """Be a client that connects again whenever it was closed."""
    while not stopped.is_set():
        with contextlib.suppress(Exception), client.connect(uri) as connection:
            while not stopped.is_set():
                with contextlib.suppress(TimeoutError):
                    connection.recv(timeout=0.5)
        time.sleep(0.01)


def main(options: list[str]) -> int:
    directory = Path(tempfile.mkdtemp())
    backend = Backend()
    settings = {"TARGET_ADDRESS": backend.address, "API_TOKEN": TOKEN, "CONSOLE": "payloads", "STATE_DIR": "none"}
    stopped = threading.Event()
    try:
        gateway = Gateway.start(directory / "gateway", settings)
        try:
            threads = [threading.Thread(target=stay, args=(gateway.ws, stopped), daemon=True) for _ in range(CLIENTS)]
            for thread in threads:
                thread.start()
            url = f"http://127.0.0.1:{gateway.http_port}"
            ran = subprocess.run(
                [
                    *(
                        "schemathesis",
                        "--config-file",
                        str(CONFIG),
                        "run",
                        f"{url}/-/openapi.json",
                        "--url",
                        url,
                        "--no-color",
                    ),
                    *("--header", f"Authorization: Bearer {TOKEN}", "--checks", "all"),
                    *(part for name in LEFT_OUT for part in ("--exclude-operation-id", name)),
                    *options,
                ],
                cwd=directory,
                env={
                    **os.environ,
                    "PYTHONPATH": str(ROOT),
                    "SCHEMATHESIS_HOOKS": "tests.thorough.api_contract.hooks",
                    "GATEWAY_API": url,
                    "GATEWAY_TOKEN": TOKEN,
                },
            )
            log = gateway.log()
            if "Traceback" in log:
                print(log[-4000:])
                return 1
            return ran.returncode
        finally:
            stopped.set()
            gateway.kill()
    finally:
        backend.stop()
        shutil.rmtree(directory, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
