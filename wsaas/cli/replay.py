"""`wsaas replay`: sends a recorded webhook to the backend again, and prints the answer."""

from __future__ import annotations

import argparse
import base64
import json
import os
import shlex
import subprocess
import tempfile
from collections.abc import Mapping
from typing import Any

from wsaas.cli.api_client import ApiClient, from_environment
from wsaas.cli.event_text import body_lines, status_colour
from wsaas.cli.failures import DONE, FAILED, NO_SUCH, Failed, Misused
from wsaas.cli.pushing import message
from wsaas.cli.terminal import DIM, Output
from wsaas.cli.text import printable, took


def run(options: argparse.Namespace) -> int:
    """Run the command."""
    output = Output(options.json)
    api = from_environment(options.url, options.token_file, options.ca)
    body = None
    if options.edit:
        if options.body is not None:
            raise Misused("--edit and --body: only one of them")
        body = json.dumps({"body": edited(recorded_text(api, options.webhook_id))}).encode()
    elif options.body is not None:
        body = json.dumps(body_member(message(options.body, output, "wsaas replay"))).encode()
    try:
        _, answer = api.call("POST", ["-", "events", options.webhook_id, "replay"], (), body or b"", "application/json")
    except Failed as failed:
        if failed.code == "NOT_FOUND":
            raise Failed("NOT_FOUND", "the gateway records no webhooks: CONSOLE=off", NO_SUCH) from None
        raise
    if output.as_json:
        output.document(answer)
    else:
        for line in answer_lines(answer, output):
            output.line(line)
    return DONE


def recorded_text(api: ApiClient, webhook_id: str) -> str:
    """Return the recorded body, which must be text."""
    _, found = api.call("GET", ["-", "events", webhook_id])
    text = found.get("body")
    if not isinstance(text, str):
        raise Failed("NOT_TEXT", "the recorded body is not text: give another one with --body @FILE", FAILED)
    return text


def edited(text: str) -> str:
    """Return the text as a person has changed it in an editor. A line end that the editor adds is taken away."""
    command = shlex.split(os.environ.get("VISUAL") or os.environ.get("EDITOR") or "vi")
    with tempfile.TemporaryDirectory(prefix="wsaas-") as directory:
        path = os.path.join(directory, "body.json" if text.lstrip().startswith(("{", "[")) else "body.txt")
        with open(path, "w", encoding="utf-8", newline="") as file:
            file.write(text)
        try:
            status = subprocess.run([*command, path], check=False).returncode
        except OSError as error:
            raise Failed("EDITOR", f"{command[0]}: {error.strerror}; set EDITOR to the name of yours", FAILED) from None
        if status:
            raise Failed("EDITOR", f"{command[0]} ended with status {status}: nothing is sent", FAILED)
        with open(path, encoding="utf-8", errors="surrogateescape", newline="") as file:
            changed = file.read()
    return changed if text.endswith("\n") else changed.removesuffix("\n")


def body_member(body: bytes) -> dict[str, str]:
    """Return what the API wants instead of the recorded body: text if it is UTF-8."""
    try:
        return {"body": body.decode()}
    except UnicodeDecodeError:
        return {"body_base64": base64.b64encode(body).decode()}


def answer_lines(answer: Mapping[str, Any], output: Output) -> list[str]:
    """Return the answer as people read it: status and time, headers, and the body as far as it was kept."""
    times, status = answer.get("times"), answer.get("status")
    total = times.get("total") if isinstance(times, dict) else None
    spent = f" ({took(total)})" if isinstance(total, int | float) else ""
    lines = [f"{output.paint('<--', DIM)} {output.paint(str(status), status_colour(status))}{spent}"]
    headers = answer.get("headers")
    pairs = headers.items() if isinstance(headers, dict) else headers if isinstance(headers, list) else ()
    lines += [f"    {output.paint(printable(f'{name}:'), DIM)} {printable(str(value))}" for name, value in pairs]
    body = body_lines(answer, most=10_000)
    return [*lines, *([""] if body else []), *(f"    {printable(line)}" for line in body)]
