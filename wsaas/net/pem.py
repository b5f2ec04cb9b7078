"""PEM files (RFC 7468): the one place where they are read.

Every flaw is a ValueError of one line that names the file and says what to do about it.
"""

from __future__ import annotations

import re
from typing import Any

from OpenSSL import crypto

MAX_SIZE = 4 * 1024 * 1024
"""Bytes of a file. A bundle of all public authorities has a quarter of a megabyte."""

_BEGIN, _END = b"-----BEGIN CERTIFICATE-----", b"-----END CERTIFICATE-----"
# PKCS #8 (RFC 5958) says it in the label; the older forms of OpenSSL in a header (RFC 1421, 4.6.1.1).
_ENCRYPTED = re.compile(rb"-----BEGIN ENCRYPTED PRIVATE KEY-----|^Proc-Type: *4, *ENCRYPTED", re.MULTILINE)


def certificates(file: str) -> list[Any]:
    """Return all certificates in a file, at least one, as objects of `cryptography`."""
    blocks = certificates_in(_read(file))
    if not blocks:
        raise ValueError(f"{file} holds no PEM certificate (-----BEGIN CERTIFICATE-----)")
    found = []
    for number, block in enumerate(blocks, 1):
        try:
            found.append(crypto.load_certificate(crypto.FILETYPE_PEM, block).to_cryptography())
        except (crypto.Error, ValueError):
            raise ValueError(f"{file}: certificate {number} is damaged; get the file anew from its authority") from None
    return found


def certificates_in(data: bytes) -> list[bytes]:
    """Return the blocks of certificates in order, each from its first line to its last; one without an end is none."""
    found = []
    begin = data.find(_BEGIN)
    while begin >= 0:
        end = data.find(_END, begin)
        if end < 0:
            break
        found.append(data[begin : end + len(_END)])
        begin = data.find(_BEGIN, end)
    return found


def private_key(file: str) -> Any:
    """Return the private key in a file, as an object of `cryptography`."""
    data = _unencrypted(file)
    try:
        return crypto.load_privatekey(crypto.FILETYPE_PEM, data).to_cryptography_key()
    except (crypto.Error, ValueError, TypeError):
        raise ValueError(f"{file} holds no PEM private key; if another file does, name that one") from None


def holds(file: str, label: str) -> bool:
    """Say if the file has a block whose label ends so (PRIVATE KEY is the end of EC PRIVATE KEY, too).

    ValueError if it cannot be read, or has an encrypted key. The blocks are not parsed.
    """
    return re.search(rb"-----BEGIN ([A-Z0-9]+ )*%b-----" % label.encode("ascii"), _unencrypted(file)) is not None


def _unencrypted(file: str) -> bytes:
    data = _read(file)
    if _ENCRYPTED.search(data):  # OpenSSL would ask for the passphrase on the terminal
        raise ValueError(
            f"the key in {file} is encrypted; it must be without passphrase, as from: openssl pkey -in {file}"
        )
    return data


def _read(file: str) -> bytes:
    try:
        with open(file, "rb") as opened:
            data = opened.read(MAX_SIZE + 1)
    except OSError as error:
        raise ValueError(f"cannot read {file}: {error.strerror}") from None
    except ValueError:
        raise ValueError(f"cannot read {file}: no path has a null byte in it") from None
    if not data.strip():
        raise ValueError(f"{file} is empty: it must hold PEM blocks")
    if len(data) > MAX_SIZE:
        raise ValueError(f"{file} is longer than {MAX_SIZE} bytes: it must be a PEM file")
    return data
