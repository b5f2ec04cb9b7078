"""Checks of the message webhook: each kind of message that a client may send."""

from __future__ import annotations

from wsaas.backend_trial.answers import Answered
from wsaas.backend_trial.findings import Finding, failed, passed, warning
from wsaas.backend_trial.trial import Trial
from wsaas.core.model import Frame
from wsaas.core.outcomes import CloseRequested, Delivered

TEXT = 'wsaas try: grüße, 你好, 🎈 {not JSON "'
BINARY = bytes(range(256)) * 2
LARGE = 900_000
"""Bytes of the large message; less, if MAX_MESSAGE_SIZE is."""
MANGLED = "read and answer the body as bytes; as text, bytes that are no UTF-8 are lost"
REMEMBER = "remember the last webhook-id of each connection, and answer a repeat without acting on it again"
BINARY_TAKEN = "the route must take application/octet-stream, unparsed; or leave it, if your clients send text only"
EMPTY_TAKEN = "the route must take an empty body, unparsed; or leave it, if your clients send none"
NOT_UNDERSTOOD = frozenset({400, 411, 415, 422})
_SHOWN = 40


async def message(trial: Trial) -> Finding:
    """A text of the kind that clients send is taken, and its reply can be sent."""
    payload = trial.terms.message
    got = await (await trial.let_in()).say(payload)
    if got.refused and isinstance(got.outcome, Delivered):
        hint = "give a message that your clients send with --message" if got.status in (400, 404, 422) else None
        return failed(got.remark.sentence, f"{got.remark.remedy}. Or {hint}" if hint else got.remark.remedy)
    return _flaw(got) or passed(f"a message is taken: {_reply(got, payload, binary=False)}")


async def plain_text(trial: Trial) -> Finding:
    """A text that is no JSON is taken."""
    payload = TEXT.encode()
    got = await (await trial.let_in()).say(payload)
    return (
        _flaw(got, "a text that is no JSON")
        or _mangled(got, payload, "a text", binary=False)
        or passed(f"a text that is no JSON is taken: {_reply(got, payload, binary=False)}")
    )


async def binary(trial: Trial) -> Finding:
    """A binary message is taken, and no byte of it is lost."""
    got = await (await trial.let_in()).say(BINARY, binary=True)
    found = _flaw(got, "a binary message", BINARY_TAKEN) or _mangled(got, BINARY, "a binary message", binary=True)
    return found or passed(f"a binary message is taken: {_reply(got, BINARY, binary=True)}")


async def empty(trial: Trial) -> Finding:
    """An empty message is taken."""
    got = await (await trial.let_in()).say(b"")
    return _flaw(got, "an empty message", EMPTY_TAKEN) or passed(
        f"an empty message is taken: {_reply(got, b'', binary=False)}"
    )


async def large(trial: Trial) -> Finding:
    """A message of LARGE bytes is taken: the message of the trial, with spaces behind it."""
    size = min(LARGE, trial.terms.max_message_size)
    payload = trial.terms.message[:size].ljust(size)
    what = f"a message of {round(size / 1000)} KB"
    got = await (await trial.let_in()).say(payload)
    if got.refused and isinstance(got.outcome, Delivered):
        # A limit that is exceeded is no refusal of this message: clients may send it as they may send others.
        return failed(got.told_of(what), f"{got.remark.remedy}; or set MAX_MESSAGE_SIZE to what it takes")
    if got.replies and got.replies[0].payload != payload and _begins(payload, got.replies[0].payload):
        kept = len(got.replies[0].payload)
        return failed(
            f"{what} came back with {kept} bytes: the rest is lost", "read the whole body, however long it is"
        )
    return _flaw(got, what) or passed(f"{what} is taken: {_reply(got, payload, binary=False)}")


def _begins(whole: bytes, part: bytes) -> bool:
    """Say if `part` is a large beginning of `whole`, and so no answer of its own."""
    return len(part) > 1024 and whole.startswith(part)


async def repeated_message(trial: Trial) -> Finding:
    """A message that comes twice, with the same webhook-id, does no harm."""
    client, payload = await trial.let_in(), trial.terms.message
    first = await client.say(payload)
    second = await client.repeat(payload)
    if isinstance(second.outcome, CloseRequested) or not isinstance(second.outcome, Delivered):
        return failed(second.told_of("the same message again"), REMEMBER)
    if second.refused and not first.refused:
        return warning(second.told_of("the same message again"), f"answer 2xx: it was taken before. {REMEMBER}")
    if first.replies and second.replies and first.replies != second.replies:
        return warning(
            f"the same message again has another reply: {_shown(first)}, then {_shown(second)}. Did it count twice?",
            REMEMBER,
        )
    return passed(f"the same message again is answered {second.status}, and does no harm that can be seen")


async def message_of_unknown(trial: Trial) -> Finding:
    """A message of a connection that the backend does not know, as after its restart, does not make it fail.

    It has the headers that the backend has asked for, as messages then have, too.
    """
    client = trial.client()
    client.identity.repeat((await trial.let_in()).identity.repeated)
    got = await client.say(trial.terms.message)
    if isinstance(got.outcome, Delivered | CloseRequested) and got.status is not None:
        then = ", and the connection is closed" if isinstance(got.outcome, CloseRequested) else ""
        return passed(f"a message of an unknown connection is answered {got.status}{then}")
    return failed(
        got.told_of("a message of an unknown connection"),
        "answer 410 to what is unknown, for instance after a restart: the client is closed, and connects again",
    )


def _flaw(got: Answered, what: str = "a message", taking: str | None = None) -> Finding | None:
    """Return the finding about a message that was not taken, or whose reply cannot be sent; None if all is well.

    `taking` is the remedy where the backend does not understand this kind of message.
    """
    if not got.remarks:
        return None
    if isinstance(got.outcome, Delivered) and got.refused:
        return warning(got.told_of(what), taking if taking and got.status in NOT_UNDERSTOOD else got.remark.remedy)
    return failed(got.told_of(what), got.remark.remedy)


def _mangled(got: Answered, payload: bytes, what: str, *, binary: bool) -> Finding | None:
    """Return the finding about an echo in which bytes were lost; None if there is no echo, or an exact one."""
    if not got.replies or got.replies[0].payload == payload:
        return None
    lost = {
        payload.decode("utf-8", "replace").encode(),
        payload.decode("utf-8", "ignore").encode(),
        payload.decode("latin-1").encode(),
        payload.decode("utf-8", "replace").encode("latin-1", "replace"),
        payload.split(b"\0")[0] if binary else payload,
    }
    if got.replies[0].payload in lost:
        return failed(f"{what} comes back changed: {_shown(got)}", MANGLED)
    return None


def _reply(got: Answered, payload: bytes, *, binary: bool) -> str:
    """Return the answer in a few words."""
    replies = got.replies
    if not replies:
        return f"{got.status}, no reply"
    if replies == (Frame(payload, binary),):
        return f"{got.status}, it comes back exactly"
    if len(replies) > 1:
        return f"{got.status}, {len(replies)} replies"
    return f"{got.status}, a {'binary' if replies[0].binary else 'text'} reply of {len(replies[0].payload)} bytes"


def _shown(got: Answered) -> str:
    shown = got.replies[0].payload[:_SHOWN]
    return repr(shown.decode("utf-8", "replace")) if not got.replies[0].binary else shown[:8].hex(" ") + " ..."
