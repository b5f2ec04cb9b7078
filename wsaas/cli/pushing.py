"""`wsaas push`, `close`, `join` and `leave`: what changes something."""

from __future__ import annotations

import argparse
import os
import sys
from typing import Any

from wsaas.cli.api_client import from_environment
from wsaas.cli.arguments import id_type
from wsaas.cli.failures import DONE, FAILED, NO_SUCH, Failed, Misused
from wsaas.cli.ids import resolve
from wsaas.cli.terminal import Output
from wsaas.cli.text import number, printable, short_id, unreached


def run(options: argparse.Namespace) -> int:
    """Run the command `options.name`."""
    output = Output(options.json)
    act = {"push": push, "close": close, "join": membership, "leave": membership}[options.name]
    return act(options, output)


def push(options: argparse.Namespace, output: Output) -> int:
    """Send a message."""
    many = options.group is not None or options.all
    if many and options.message is None:
        options.id, options.message = None, options.id
    if options.group is not None and options.all:
        raise Misused("--group and --all: one of them is enough; see wsaas push --help")
    if many and options.id is not None:
        raise Misused("an ID and --group or --all: one of them is enough; quote a TEXT that has spaces")
    if options.but and not many:
        raise Misused("--except goes with --group or --all")
    if options.receipt is not None and many:
        raise Misused("--receipt goes with an ID")
    if not many:
        if options.id is None:
            raise Misused("name a connection (ID), --group GROUP or --all, and then TEXT; see wsaas push --help")
        options.id = _id(options.id)
    if options.message is None:
        raise Misused("what is to be sent? Give TEXT, - for standard input, or @FILE")
    api = from_environment(options.url, options.token_file, options.ca)
    body = message(options.message, output)
    kind = "application/octet-stream" if options.binary else "text/plain"
    query = [("except", resolve(api, each)) for each in options.but]
    if not many:
        id = resolve(api, options.id)
        receipt = [] if options.receipt is None else [("receipt", str(options.receipt))]
        status, answer = api.call("PUT", [id], receipt, body, kind)
        code = "QUEUED" if status == 202 and answer.get("code") == "OK" else str(answer.get("code"))
        said = "OK, the client has read it" if answer.get("received") else code
        if code == "UNCONFIRMED":
            said += ": written to the client's socket, but the client has not confirmed that it read it"
        _say(output, {**answer, "code": code, "id": id}, said)
        return FAILED if code == "UNCONFIRMED" else DONE
    path = ["broadcast"] if options.all else ["groups", options.group]
    _, answer = api.call("PUT", path, query, body, kind)
    sent, skipped = int(answer.get("sent") or 0), int(answer.get("skipped") or 0)
    if options.group is not None and not (sent or skipped or query or answer.get("unreached")):
        raise _no_group(options.group)
    _say(output, answer, f"sent {sent:,}, skipped {skipped:,}{_missing(answer)}")
    return FAILED if answer.get("unreached") else DONE


def close(options: argparse.Namespace, output: Output) -> int:
    """Close a connection, or those of a group."""
    if (options.id is None) == (options.group is None):
        raise Misused("name a connection (ID) or --group GROUP; see wsaas close --help")
    if options.but and options.group is None:
        raise Misused("--except goes with --group")
    if len(os.fsencode(options.reason or "")) > 123:
        raise Misused("--reason: 123 bytes at most")
    api = from_environment(options.url, options.token_file, options.ca)
    query = [("code", str(options.code))] if options.code is not None else []
    query += [("reason", options.reason)] if options.reason is not None else []
    if options.group is None:
        id = resolve(api, options.id)
        _, answer = api.call("DELETE", [id], query)
        _say(output, {**answer, "id": id}, f"closed {short_id(id)}")
        return DONE
    excepted = [("except", resolve(api, each)) for each in options.but]
    _, answer = api.call("DELETE", ["groups", options.group], query + excepted)
    closed = int(answer.get("closed") or 0)
    if not (closed or excepted or answer.get("unreached")):
        raise _no_group(options.group)
    _say(output, answer, f"closed {number(closed, 'connection')}{_missing(answer)}")
    return FAILED if answer.get("unreached") else DONE


def membership(options: argparse.Namespace, output: Output) -> int:
    """Add a connection to a group, or remove it."""
    api = from_environment(options.url, options.token_file, options.ca)
    id = resolve(api, options.id)
    joins = options.name == "join"
    _, answer = api.call("PUT" if joins else "DELETE", ["groups", options.group, id])
    said = f"{short_id(id)} is {'now' if joins else 'no longer'} in {options.group}"
    _say(output, {**answer, "id": id, "group": options.group}, said)
    return DONE


def message(text: str, output: Output, command: str = "wsaas push") -> bytes:
    """Return the bytes of a message for a command: the text, standard input for -, a file for @FILE."""
    try:
        if text == "-":
            if sys.stdin.isatty():
                output.note(f"{command}: type the text; Ctrl-D at the start of a line ends it")
            return sys.stdin.buffer.read()
        if text.startswith("@"):
            with open(text[1:], "rb") as file:
                return file.read()
    except OSError as error:
        raise Misused(f"{text}: {error.strerror}; a TEXT that begins with @ must come by way of -") from None
    return os.fsencode(text)


def _id(text: str) -> str:
    try:
        return id_type(text)
    except argparse.ArgumentTypeError as error:
        raise Misused(str(error)) from None


def _say(output: Output, answer: dict[str, Any], text: str) -> None:
    if output.as_json:
        output.document(answer)
    else:
        output.line(printable(text))


def _missing(answer: dict[str, Any]) -> str:
    """Return what is to be said of processes that did not answer, behind the figures of the others."""
    missing = unreached(answer)
    return f"; {missing}" if missing else ""


def _no_group(group: str) -> Failed:
    return Failed("NOT_FOUND", f"no connection is in the group {group}", NO_SUCH)
