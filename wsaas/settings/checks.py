"""What is wrong, or doubtful, with settings that are each right by themselves."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from wsaas.settings import values as parse
from wsaas.settings.sources import Given


def contradictions(values: Mapping[str, Any], given: Mapping[str, Given]) -> Iterator[str]:
    """Mistakes that no setting makes alone; `values` lacks those that are wrong by themselves."""

    def known(*names: str) -> bool:
        return all(name in values for name in names)

    for name in ("RECEIVE_BUFFER", "SEND_BUFFER"):
        if known(name, "MAX_MESSAGE_SIZE") and values[name] < values["MAX_MESSAGE_SIZE"]:
            yield given[name].line(f"must be at least MAX_MESSAGE_SIZE, {values['MAX_MESSAGE_SIZE']}")
    by_port = not (given["WS_ENDPOINT"].text or given["HTTP_ENDPOINT"].text)
    if by_port and known("WS_PORT", "HTTP_PORT") and values["WS_PORT"] == values["HTTP_PORT"] != 0:
        yield given["HTTP_PORT"].line("must not be WS_PORT as well")
    if given["TARGET_KEY"].text and not given["TARGET_CERT"].text:
        yield given["TARGET_KEY"].line("must come with TARGET_CERT, its certificate")
    if values.get("TARGET_CERT") and not given["TARGET_KEY"].text:
        if not parse.holds_pem(values["TARGET_CERT"], "PRIVATE KEY"):
            yield given["TARGET_CERT"].line("must hold the private key too, or come with TARGET_KEY")
    if known("FORWARD_HEADERS", "ALLOWED_ORIGINS"):
        if "cookie" in values["FORWARD_HEADERS"] and not values["ALLOWED_ORIGINS"]:
            yield given["FORWARD_HEADERS"].line(
                "must not name Cookie unless ALLOWED_ORIGINS lists who may connect: browsers send cookies from any page"
            )


def doubts(values: Mapping[str, Any], given: Mapping[str, Given]) -> Iterator[str]:
    """What works, but perhaps not as it was meant."""
    if (given["LOG_STYLE"].text or "").lower() == "info":
        yield "LOG_STYLE=info is read as auto; what to log is for LOG_LEVEL to say"
    public = [each for each in values["HTTP_ENDPOINT"] if not parse.is_private(each)]
    if public and not values["API_TOKEN"]:
        yield f"HTTP_ENDPOINT={public[0]}: API_TOKEN is not set, so whoever can reach this may push to every client"
    local = values["LOCAL_ADDRESS"]
    if values["HTTP_ENDPOINT"] and given["LOCAL_ADDRESS"].default:
        yield f"LOCAL_ADDRESS is not set: backends are told {local}, which HTTP_ENDPOINT need not be"
    elif local.startswith("https:") and not values["HTTP_ENDPOINT"]:
        yield f"LOCAL_ADDRESS={local}: the API itself listens without TLS; set HTTP_ENDPOINT unless a proxy adds it"
    for name in ("TARGET_CA", "TARGET_CERT"):
        if values[name] and values["TARGET_ADDRESS"].startswith("http:"):
            yield f"{name} has no effect: TARGET_ADDRESS is not https"
