"""Reads a 2xx to a batch of messages: how many of them the backend has taken, and its replies.

Anything else in the answer, or an answer that is no JSON object, means that all are taken.
"""

from __future__ import annotations

import binascii
from base64 import b64decode
from typing import Any

from wsaas.backend.answer_json import Flaw, InvalidAnswer, LeftOut, Number, read_object, shown
from wsaas.core.model import Frame
from wsaas.http_client.exchange import HttpResponse

MAX_REPLIES = 1000
"""Replies that one answer may have; those behind it are left out."""
_ACCEPTED, _REPLIES = b"accepted", b"replies"


def read_batch(answer: HttpResponse, count: int, longest: int) -> tuple[int, tuple[Frame, ...], list[Flaw]]:
    """Return how many of `count` messages are taken, the replies of at most `longest` bytes, and what was left out.

    Raises InvalidAnswer if the answer may have these members, and cannot be read.
    """
    if not (answer.truncated or answer.coding is not None or may_count(answer.body) or _REPLIES in answer.body):
        return count, (), []
    members = read_object(answer)
    flaws: list[Flaw] = []
    taken = _taken(members.get("accepted"), count, flaws)
    return taken, _replies(members.get("replies"), longest, flaws), flaws


def may_count(body: bytes) -> bool:
    """Say if the body of an answer may say how many messages are taken, however JSON spells that: with escapes, or in
    UTF-16, which has a NUL beside each ASCII character.
    """
    return _ACCEPTED in body or b"\\" in body or b"\0" in body


def _taken(accepted: Any, count: int, flaws: list[Flaw]) -> int:
    if accepted is None:
        return count
    if type(accepted) is Number and accepted.isdigit() and len(accepted) < 10 and int(accepted) <= count:
        return int(accepted)
    flaws.append(Flaw("accepted", 0, f"{_spelt(accepted)}: it is a number from 0 to {count}; all count as accepted"))
    return count


def _spelt(value: Any) -> str:
    return value[:20] if type(value) is Number else shown(value)


def _replies(replies: Any, longest: int, flaws: list[Flaw]) -> tuple[Frame, ...]:
    if replies is None:
        return ()
    if not isinstance(replies, list):
        flaws.append(
            Flaw("replies", 0, f'{shown(replies)}: replies are a list of {{"text": ...}} or {{"binary": ...}}')
        )
        return ()
    frames: list[Frame] = []
    left_out = LeftOut()
    for reply in replies:
        if len(frames) == MAX_REPLIES:
            left_out.add("a reply", f"an answer has at most {MAX_REPLIES}")
            continue
        try:
            frame = _frame(reply)
            if len(frame.payload) > longest:
                raise InvalidAnswer("it is over MAX_MESSAGE_SIZE")
            frames.append(frame)
        except InvalidAnswer as error:
            left_out.add("a reply", str(error))
    left_out.into(flaws, "replies")
    return tuple(frames)


def _frame(reply: Any) -> Frame:
    """Read one reply. Raises InvalidAnswer."""
    text = reply.get("text") if isinstance(reply, dict) else None
    binary = reply.get("binary") if isinstance(reply, dict) else None
    if type(text) is str and binary is None:
        try:
            return Frame(text.encode(), binary=False)
        except UnicodeEncodeError:
            raise InvalidAnswer("its text has half of a surrogate pair") from None
    if type(binary) is str and text is None:
        try:
            return Frame(b64decode(binary, validate=True), binary=True)
        except (binascii.Error, ValueError):
            raise InvalidAnswer("its binary is not base64") from None
    raise InvalidAnswer('it has neither "text" nor "binary", or both')
