"""`wsaas replay`: sends a recorded webhook to the backend again, and prints the answer."""

from __future__ import annotations

import argparse
import base64
import json
from collections.abc import Mapping
from typing import Any

from wsaas.cli.api_client import from_environment
from wsaas.cli.event_text import body_lines, status_colour
from wsaas.cli.failures import DONE, NO_SUCH, Failed
from wsaas.cli.pushing import message
from wsaas.cli.terminal import DIM, Output
from wsaas.cli.text import printable, took


def run(options: argparse.Namespace) -> int:
    """Run the command."""
    output = Output(options.json)
    api = from_environment(options.url, options.token_file, options.ca)
    body = None
    if options.body is not None:
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
