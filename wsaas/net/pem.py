"""The reader of PEM files (RFC 7468).

Every flaw raises a ValueError whose one line names the file and the remedy.
"""

from __future__ import annotations

import re
from typing import Any

MAX_SIZE = 4 * 1024 * 1024
"""Maximum bytes of a file. A bundle of all public authorities has a quarter of a megabyte."""

_BEGIN, _END = b"-----BEGIN CERTIFICATE-----", b"-----END CERTIFICATE-----"
# PKCS #8 (RFC 5958) marks an encrypted key by its label, OpenSSL's older forms by a header (RFC 1421, 4.6.1.1).
_ENCRYPTED = re.compile(rb"-----BEGIN ENCRYPTED PRIVATE KEY-----|^Proc-Type: *4, *ENCRYPTED", re.MULTILINE)


def certificates(file: str) -> list[Any]:
    """Return all certificates in a file, at least one, as objects of `cryptography`."""
    from OpenSSL import crypto  # here: the command line reads the table of settings without it

    blocks = certificates_in(_read(file))
    if not blocks:
        raise ValueError(f"{file} holds no PEM certificate (-----BEGIN CERTIFICATE-----)")
    found = []
    for number, block in enumerate(blocks, 1):
        try:
            found.append(crypto.load_certificate(crypto.FILETYPE_PEM, block).to_cryptography())
        except (crypto.Error, ValueError):
            raise ValueError(f"{file}: certificate {number} is damaged; get a new file from its authority") from None
    return found


def certificates_in(data: bytes) -> list[bytes]:
    """Return the certificates' blocks in order, each from its BEGIN line to its END line; without END it is dropped."""
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
    from OpenSSL import crypto

    data = _unencrypted(file)
    try:
        return crypto.load_privatekey(crypto.FILETYPE_PEM, data).to_cryptography_key()
    except (crypto.Error, ValueError, TypeError):
        raise ValueError(f"{file} holds no PEM private key; name the file that holds it") from None


def has_block(file: str, label: str) -> bool:
    """Return whether the file has a block whose label ends with `label`: PRIVATE KEY finds EC PRIVATE KEY, too.

    The blocks are not parsed. ValueError if the file cannot be read or holds an encrypted key.
    """
    return re.search(rb"-----BEGIN ([A-Z0-9]+ )*%b-----" % label.encode("ascii"), _unencrypted(file)) is not None


def _unencrypted(file: str) -> bytes:
    data = _read(file)
    if _ENCRYPTED.search(data):  # OpenSSL would ask for the passphrase on the terminal
        raise ValueError(
            f"the key in {file} is encrypted; it must have no passphrase, as from: openssl pkey -in {file}"
        )
    return data


def _read(file: str) -> bytes:
    try:
        with open(file, "rb") as opened:
            data = opened.read(MAX_SIZE + 1)
    except OSError as error:
        raise ValueError(f"cannot read {file}: {error.strerror}") from None
    except ValueError:
        raise ValueError(f"cannot read {file}: a path must not hold a null byte") from None
    if not data.strip():
        raise ValueError(f"{file} is empty: it must hold PEM blocks")
    if len(data) > MAX_SIZE:
        raise ValueError(f"{file} is longer than {MAX_SIZE} bytes: it must be a PEM file")
    return data
