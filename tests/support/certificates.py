"""Certificates for tests: an authority, perhaps an intermediate one, and what they issue, all PEM bytes."""

from __future__ import annotations

import datetime
import ipaddress
import ssl
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

_DAY = datetime.timedelta(days=1)


@dataclass(frozen=True)
class Authority:
    """An issuer of certificates. `chain` is sent by a server beside its own certificate; it is empty for a root."""

    name: x509.Name
    key: ec.EllipticCurvePrivateKey
    certificate: bytes
    chain: bytes = b""


@dataclass(frozen=True)
class Issued:
    """A certificate and its key. `certificate` holds the intermediate ones behind it, as a fullchain.pem does."""

    certificate: bytes
    key: bytes

    @property
    def together(self) -> bytes:
        """Key and certificates in one file."""
        return self.key + self.certificate


def authority(name: str = "Test Authority") -> Authority:
    """A root."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = _name(name)
    certificate = _sign(_builder(subject, key).add_extension(_CA, critical=True), subject, key)
    return Authority(subject, key, certificate)


def intermediate(parent: Authority, name: str = "Test Intermediate") -> Authority:
    """An authority below another."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = _name(name)
    builder = _builder(subject, key).add_extension(_CA, critical=True)
    certificate = _sign(builder, parent.name, parent.key)
    return Authority(subject, key, certificate, certificate + parent.chain)


def issue(by: Authority, names: list[str], *, expired: bool = False, client: bool = False, days: int = 1) -> Issued:
    """A certificate for host names and IP literals, good for so many days; `client` makes it one for clients, `expired`
    one of last week.
    """
    key = ec.generate_private_key(ec.SECP256R1())
    purpose = ExtendedKeyUsageOID.CLIENT_AUTH if client else ExtendedKeyUsageOID.SERVER_AUTH
    builder = (
        _builder(_name(names[0]), key, ends=-_DAY if expired else days * _DAY)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName([_general_name(name) for name in names]), critical=False)
        .add_extension(x509.ExtendedKeyUsage([purpose]), critical=False)
    )
    certificate = _sign(builder, by.name, by.key)
    return Issued(certificate + by.chain, _pem(key))


_CA = x509.BasicConstraints(ca=True, path_length=None)


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _general_name(text: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(text))
    except ValueError:
        return x509.DNSName(text)


def _builder(
    subject: x509.Name, key: ec.EllipticCurvePrivateKey, ends: datetime.timedelta = _DAY
) -> x509.CertificateBuilder:
    now = datetime.datetime.now(datetime.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - 7 * _DAY)
        .not_valid_after(now + ends)
    )


def _sign(builder: x509.CertificateBuilder, issuer: x509.Name, key: ec.EllipticCurvePrivateKey) -> bytes:
    certificate = builder.issuer_name(issuer).sign(key, hashes.SHA256())
    return certificate.public_bytes(serialization.Encoding.PEM)


def _pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def write(directory: Path, name: str, data: bytes) -> str:
    directory.mkdir(parents=True, exist_ok=True)
    (directory / name).write_bytes(data)
    return str(directory / name)


def trusting(root: Authority) -> ssl.SSLContext:
    """A client's context that trusts this authority and no other."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(cadata=root.certificate.decode())
    return context
