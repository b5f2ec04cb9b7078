"""`wsaas try`: tries a backend as the gateway would use it, and prints what each check found."""

from __future__ import annotations

import argparse
import os
import random
import secrets
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import react

from wsaas.backend_trial.caller import Caller
from wsaas.backend_trial.checks import run as run_checks
from wsaas.backend_trial.made_up_gateway import MadeUpGateway
from wsaas.backend_trial.trial import Terms, Trial
from wsaas.cli.failures import DONE, FAILED, INTERRUPTED, NOT_REACHABLE, Failed, Misused
from wsaas.cli.terminal import Output
from wsaas.cli.trial_report import Report
from wsaas.cli.version import user_agent
from wsaas.core.model import Handshake
from wsaas.net.tls_client import ClientFiles
from wsaas.settings.load import SettingsError, load

if TYPE_CHECKING:
    from wsaas.settings.table import Settings

_NOT_TOLD = frozenset({"authorization", "cookie", "host", "connection", "upgrade"})
"""Headers of a handshake that a connect webhook does not list."""
_AS_TYPED = {"--target-address=": "TARGET_ADDRESS=", "--webhook-secret-file=": "--secret-file="}


def run(options: argparse.Namespace) -> int:
    """Run the command."""
    settings = _settings(options)
    terms = terms_of(options, settings)
    report = Report(Output(options.json), terms.address)
    status = INTERRUPTED
    failures: list[Failed | BrokenPipeError] = []

    async def trial(reactor: Any) -> None:
        nonlocal status
        try:
            caller = _caller(reactor, settings)
        except ValueError as error:
            failures.append(Misused(str(error)))
            return
        begun = Deferred.fromCoroutine(_try(reactor, caller, terms, options, report))
        reactor.addSystemEventTrigger("before", "shutdown", _stop, begun)
        try:
            reached = await begun
        except CancelledError:
            return
        except BrokenPipeError as error:  # the reader of the report has seen enough
            failures.append(error)
            return
        status = NOT_REACHABLE if not reached else FAILED if report.failed(options.strict) else DONE

    try:
        react(lambda reactor: Deferred.fromCoroutine(trial(reactor)))
    except SystemExit as ended:
        if ended.code:  # a bug of ours, which Twisted has printed
            return FAILED
    if failures:
        raise failures[0]
    return status


async def _try(reactor: Any, caller: Caller, terms: Terms, options: argparse.Namespace, report: Report) -> bool:
    """Run the checks, and print them. Return False if the backend cannot be reached."""
    gateway = MadeUpGateway(reactor, terms.max_message_size)
    gateway.listen(reactor, terms.local_address, terms.api_tokens)
    trial = Trial(
        terms,
        caller.sender,
        reactor,
        time.time,
        secrets.token_bytes,
        random.getrandbits,
        caller.opened,
        gateway,
    )
    try:
        reached = await run_checks(trial, options.timeout, options.skip, report.add)
    finally:
        await caller.close()
        await gateway.stop()
    report.end()
    return reached


def _stop(running: Deferred[bool]) -> Deferred[Any]:
    """Give the checks up at Ctrl-C. The shutdown waits for the disconnects of clients that are let in."""
    over: Deferred[None] = Deferred()

    def ended(result: object) -> object:
        over.callback(None)
        return result

    running.addBoth(ended)
    running.cancel()
    return over


def _settings(options: argparse.Namespace) -> Settings:
    given: dict[str, str | list[str]] = {}
    if options.target is not None:
        given["TARGET_ADDRESS"] = options.target
    if options.secret_file is not None:
        given["WEBHOOK_SECRET_FILE"] = options.secret_file
    try:
        return load(given, os.environ)
    except SettingsError as error:
        text = "; ".join(error.problems)
        for ours, typed in _AS_TYPED.items():
            text = text.replace(ours, typed)
        raise Misused(text) from None


def _caller(reactor: Any, settings: Settings) -> Caller:
    files = ClientFiles(settings.target_ca, settings.target_cert, settings.target_key)
    return Caller(
        reactor, settings.target_address, files, settings.webhook_timeout, concurrency=settings.webhook_concurrency
    )


def terms_of(options: argparse.Namespace, settings: Settings) -> Terms:
    """Return the terms that the options and the gateway's settings give."""
    headers: Sequence[tuple[str, str]] = options.header
    if options.token is not None:
        if any(name.lower() == "authorization" for name, _ in headers):
            raise Misused("--token and -H Authorization: one of them is enough")
        headers = (*headers, ("Authorization", f"Bearer {options.token}"))
    path, _, query = options.path.partition("?")
    by_name = {name.lower(): value for name, value in headers}
    for name in by_name.keys() & {"cookie"} - set(settings.forward_headers):
        raise Misused(f"-H {name}: the gateway does not send it to the backend, unless FORWARD_HEADERS names it")
    repeated = tuple(
        (name.encode("latin-1", "replace"), value.encode())
        for name, value in headers
        if name.lower() in ("authorization", *settings.forward_headers)
    )
    handshake = Handshake(
        path,
        query,
        by_name.get("origin"),
        "127.0.0.1",
        tuple(options.subprotocol),
        {
            "user-agent": "wsaas-try",
            **{name: value for name, value in by_name.items() if not _untold(name)},
        },
        repeated,
    )
    return Terms(
        settings.target_address,
        settings.local_address,
        handshake,
        _message(options.message),
        credentials=bool(repeated),
        keys=settings.webhook_secret,
        ws_timeout=settings.ws_timeout,
        webhook_timeout=settings.webhook_timeout,
        concurrency=settings.webhook_concurrency,
        max_message_size=settings.max_message_size,
        message_content_type=settings.message_content_type,
        user_agent=user_agent(),
        api_tokens=settings.api_token,
    )


def _untold(name: str) -> bool:
    return name in _NOT_TOLD or name.startswith("sec-websocket-")


def _message(text: str) -> bytes:
    if not text.startswith("@"):
        return text.encode()
    try:
        with open(text[1:], "rb") as file:
            return file.read()
    except OSError as error:
        raise Misused(f"--message {text}: {error.strerror}") from None
