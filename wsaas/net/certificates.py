"""A server's certificate, read from PEM files and checked before a client sees it.

Every flaw raises a ValueError whose one line names the file and the remedy.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from OpenSSL import crypto

from wsaas.net import pem

_ALTERNATIVE_NAMES = "2.5.29.17"  # RFC 5280, 4.2.1.6


@dataclass(frozen=True, slots=True)
class Identity:
    """A server's certificate, the chain of its issuers, and its key, each an object of `cryptography`.

    `description` is for the log: subject, names, expiry. `warnings` name flaws that make some clients fail.
    `expires_at` is when the certificate ends, in seconds since the epoch.
    """

    certificate: Any
    chain: tuple[Any, ...]
    key: Any
    description: str
    warnings: tuple[str, ...]

    @property
    def expires_at(self) -> float:
        return float(self.certificate.not_valid_after_utc.timestamp())


def load_identity(certificate_file: str, key_file: str) -> Identity:
    """Read the certificate and its chain from one file, and the key from another file or the same."""
    certificates = pem.certificates(certificate_file)
    key = pem.private_key(key_file)
    public = key.public_key()
    if certificates[0].public_key() != public:
        if any(each.public_key() == public for each in certificates):
            raise ValueError(f"{certificate_file}: the certificate of the key must be the first, its issuers follow")
        raise ValueError(
            f"the key in {key_file} does not belong to the certificate in {certificate_file} "
            f"({_subject(certificates[0])}): name a key and its certificate"
        )
    warnings = _expired(certificate_file, certificates)
    path = _path(certificates)
    if len(path) < len(certificates):
        warnings = (*warnings, f"{certificate_file} holds certificates that are no part of the chain")
    elif path != certificates:
        order = ", ".join(_subject(each) for each in path)
        raise ValueError(f"{certificate_file}: each certificate must be followed by its issuer; the order is {order}")
    return Identity(certificates[0], tuple(certificates[1:]), key, _describe(certificates[0]), warnings)


def load_authorities(file: str) -> tuple[list[Any], tuple[str, ...]]:
    """Return all certificates in a file, and warnings about expired ones."""
    found = pem.certificates(file)
    return found, _expired(file, found)


def _path(certificates: list[Any]) -> list[Any]:
    """Return the chain that begins with the first certificate: each is followed by its issuer, if the list has it."""
    path, left = certificates[:1], certificates[1:]
    while issuers := [each for each in left if _issued(each, path[-1])]:
        path.append(issuers[0])
        left.remove(issuers[0])
    return path


def _issued(issuer: Any, certificate: Any) -> bool:
    try:
        certificate.verify_directly_issued_by(issuer)
    except Exception:  # a wrong name, a wrong signature, a kind of key that cannot sign
        return False
    return True


def _expired(file: str, certificates: list[Any]) -> tuple[str, ...]:
    return tuple(
        f"{file}: the certificate {_subject(each)} expired on {each.not_valid_after_utc:%Y-%m-%d %H:%M} UTC; renew it"
        for each in certificates
        if crypto.X509.from_cryptography(each).has_expired()
    )


def _subject(certificate: Any) -> str:
    return str(certificate.subject.rfc4514_string()) or "without subject"


def _describe(certificate: Any) -> str:
    extensions = [each for each in certificate.extensions if each.oid.dotted_string == _ALTERNATIVE_NAMES]
    names = ", ".join(str(name.value) for each in extensions for name in each.value) or "no name"
    return f"{_subject(certificate)}, for {names}, valid until {certificate.not_valid_after_utc:%Y-%m-%d %H:%M} UTC"
