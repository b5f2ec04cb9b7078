"""Parsers: from the text of one setting to its value. ValueError says what would be valid, and never shows a secret."""

from __future__ import annotations

import base64
import binascii
import os
import re
from collections.abc import Callable
from ipaddress import IPv6Address
from typing import TYPE_CHECKING, NoReturn
from urllib.parse import urlsplit

from wsaas.net import pem
from wsaas.net.http_grammar import DEFAULT_PORTS, MEDIA_TYPE, PATH, REG_NAME

if TYPE_CHECKING:
    from wsaas.net.engine_address import EngineAddress

SWITCH = {**dict.fromkeys(("on", "yes", "true", "1"), True), **dict.fromkeys(("off", "no", "false", "0"), False)}


def whole(lowest: int, highest: int) -> Callable[[str], int]:
    """Return a parser of whole numbers between two bounds, both included."""

    def parse(text: str) -> int:
        # int() alone would accept "1_000", "+5" and the digits of every script.
        if re.fullmatch(r"[0-9]{1,18}", text) and lowest <= (number := int(text)) <= highest:
            return number
        raise ValueError(f"must be a whole number from {lowest} to {highest}")

    return parse


def port(text: str) -> int:
    """Parse a TCP port; 0 stands for any free port."""
    if re.match(r"(?:tcp|udp|sctp)://", text):
        raise ValueError(
            "must be a port; Kubernetes sets this variable for a service of that name: "
            "give the pod enableServiceLinks: false"
        )
    return whole(0, 65535)(text)


def word(*words: str, **synonyms: str) -> Callable[[str], str]:
    """Return a parser of one of these words, in upper or lower case. A synonym's value is the word that it names."""

    def parse(text: str) -> str:
        lower = text.lower()
        if lower in words:
            return lower
        if lower in synonyms:
            return synonyms[lower]
        raise ValueError(f"must be {', '.join(words[:-1])} or {words[-1]}")

    return parse


def switch(text: str) -> bool:
    """Parse on or off; yes, true, 1, no, false and 0 are synonyms."""
    try:
        return SWITCH[text.lower()]
    except KeyError:
        raise ValueError("must be on or off") from None


def address(lowest_port: int = 1) -> Callable[[str], str]:
    """Return a parser of http and https URLs to which a path can be added.

    The value has no trailing slash; scheme and host are in lower case.
    """

    in_brackets = "a host in brackets must be an IPv6 address"

    def wrong(why: str) -> NoReturn:
        raise ValueError(f"must be a URL like http://host:3000/path; {why}")

    def parse(text: str) -> str:
        # urlsplit would silently drop line ends and tabs.
        if not re.fullmatch(r"[!-~]+", text):
            wrong("only ASCII characters and no spaces are allowed (percent-encode others; write hosts in punycode)")
        scheme, colon, _ = text.partition("://")
        if not colon or scheme.lower() not in DEFAULT_PORTS:
            wrong("it must begin with http:// or https://")
        if "?" in text or "#" in text:
            wrong("it must have no query and no fragment")
        try:
            url = urlsplit(text)
        except ValueError:
            wrong(in_brackets)
        try:
            host, port = url.hostname, url.port
        except ValueError:
            host, port = url.hostname, -1
        if "@" in url.netloc:
            wrong("it must hold no user name and no password")
        if not host:
            wrong("it must name a host")
        if port is not None and port < lowest_port:
            wrong(f"its port must be from {lowest_port} to 65535")
        if "[" in url.netloc and "%" not in host:  # no zone identifiers: they are names of local interfaces
            try:
                host = f"[{IPv6Address(host)}]"
            except ValueError:
                wrong(in_brackets)
        elif not re.fullmatch(REG_NAME, host):
            wrong("its host has characters that no host name has")
        if not re.fullmatch(PATH, url.path):
            wrong("its path has characters that must be percent-encoded")
        where = host if port is None else f"{host}:{port}"
        return f"{scheme.lower()}://{where}{url.path.rstrip('/')}"

    return parse


def items(text: str) -> list[str]:
    """Split a list at white space and commas. ValueError if it is empty."""
    found = [item for item in re.split(r"[\s,]+", text) if item]
    if not found:
        raise ValueError("must be a list separated by commas or spaces, with at least one item")
    return found


def tokens(text: str) -> tuple[str, ...]:
    """Parse bearer tokens, separated by white space or commas; a token holds neither (RFC 6750, 2.1)."""
    found = tuple(items(text))
    if not all(re.fullmatch(r"[!-~]{16,}", each) for each in found):
        commas = ", without commas, which separate tokens" if "," in text else ""
        raise ValueError(
            f"each token must be 16 or more printable ASCII characters{commas}, as from: openssl rand -hex 32"
        )
    return found


def access_key_id(text: str) -> str:
    """Parse an access key id of AWS's form; a signature's scope and header separate it by slashes and commas."""
    if not re.fullmatch(r"[A-Za-z0-9_.-]{4,128}", text):
        raise ValueError("must be 4 to 128 ASCII letters, digits, underscores, dots and hyphens")
    return text


def secret_access_key(text: str) -> str:
    """Parse a secret access key."""
    if not re.fullmatch(r"[!-~]{16,128}", text):
        raise ValueError("must be 16 to 128 printable ASCII characters, as from: openssl rand -base64 30")
    return text


def webhook_keys(text: str) -> tuple[bytes, ...]:
    """Parse Standard Webhooks secrets, separated by white space or commas. Return their keys."""
    keys = []
    for each in items(text):
        prefix, _, encoded = each.partition("_")
        try:
            key = base64.b64decode(encoded, validate=True) if prefix == "whsec" else b""
        except (binascii.Error, ValueError):
            key = b""
        if not 24 <= len(key) <= 64:
            raise ValueError(
                "each secret must be whsec_ and the base64 of 24 to 64 random bytes, "
                'as from: echo "whsec_$(openssl rand -base64 32)"'
            )
        keys.append(key)
    return tuple(keys)


def pem_file(label: str, what: str) -> Callable[[str], str]:
    """Return a parser of paths of PEM files that hold a block with this label. Its values are absolute paths.

    `what` names the block in the error.
    """

    def parse(text: str) -> str:
        if not pem.has_block(text, label):
            raise ValueError(f"must be a PEM file that holds {what}")
        return os.path.abspath(text)

    return parse


def secret_file(path: str) -> str:
    """Return the text in the file, stripped. ValueError if it cannot be read, is not UTF-8 or is empty.

    At most 64 Ki characters are read.
    """
    try:
        with open(path, encoding="utf-8") as file:
            content = file.read(65536).strip()
    except UnicodeDecodeError:
        raise ValueError("must be a text file that holds the value: it is not UTF-8") from None
    except OSError as error:
        raise ValueError(f"must be a readable file that holds the value: {error.strerror}") from None
    except ValueError:
        raise ValueError("must be the path of a file that holds the value") from None
    if not content:
        raise ValueError("must be a file that holds the value: it is empty")
    return content


def media_type(text: str) -> str:
    """Parse the value of a Content-Type header."""
    if not re.fullmatch(MEDIA_TYPE, text):
        raise ValueError("must be a media type such as application/json or text/plain; charset=utf-8")
    return text


def directory(text: str) -> str | None:
    """Parse the path of a directory, which need not exist yet. Return it as an absolute path; None for `none`."""
    if text.lower() == "none":
        return None
    if re.search(r"^~(?:/|$)|\$[A-Z_{(]", text):
        raise ValueError("must be the path itself: a shell would replace ~ and $NAME, but no shell has read this")
    if "\0" in text or (os.path.exists(text) and not os.path.isdir(text)):
        raise ValueError("must be the path of a directory, or none")
    return os.path.abspath(text)


def engine(text: str) -> EngineAddress | None:
    """Parse the address of the engine; None for `none`."""
    from wsaas.net.engine_address import parse  # a gateway without a cluster does without it

    return None if text.lower() == "none" else parse(text)
