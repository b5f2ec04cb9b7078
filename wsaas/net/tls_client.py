"""TLS for outgoing connections. The server's certificate is always verified: its chain and its name.

No setting turns the verification off.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from OpenSSL import SSL, crypto
from service_identity.exceptions import CertificateError, VerificationError
from service_identity.hazmat import DNS_ID, IPAddress_ID, verify_service_identity
from service_identity.pyopenssl import extract_patterns
from twisted.internet.abstract import isIPAddress, isIPv6Address
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import (
    IOpenSSLClientConnectionCreator,
    IProtocol,
    IProtocolFactory,
    IStreamClientEndpoint,
)
from twisted.internet.ssl import Certificate, CertificateOptions, TLSVersion, platformTrust, trustRootFromCertificates
from twisted.logger import Logger
from twisted.protocols.tls import TLSMemoryBIOFactory, TLSMemoryBIOProtocol
from twisted.python.failure import Failure
from zope.interface import implementer

from wsaas.net import pem


class CertificateRefused(Exception):
    """The server's certificate failed verification; the text says why."""


@implementer(IStreamClientEndpoint)
class TlsEndpoint:
    """TLS over another endpoint. `protocol` is the class of the TLS connections.

    twisted.internet.endpoints.wrapClientTLS delays each write by a turn of the reactor, to join it with further writes.
    A request is written in one piece, so this endpoint does not wait.
    """

    def __init__(
        self,
        reactor: Any,
        endpoint: IStreamClientEndpoint,
        creator: IOpenSSLClientConnectionCreator,
        protocol: type[TLSMemoryBIOProtocol] = TLSMemoryBIOProtocol,
    ) -> None:
        self._reactor = reactor
        self._protocol = protocol
        self._endpoint = endpoint
        self._creator = creator

    def connect(self, protocolFactory: IProtocolFactory) -> Deferred[IProtocol]:
        """Connect: IStreamClientEndpoint. Fires when TCP is connected; the TLS handshake may still be running."""
        factory = TLSMemoryBIOFactory(self._creator, True, protocolFactory, clock=self._reactor)
        factory.protocol = self._protocol
        return self._endpoint.connect(factory).addCallback(_wrapped)


def _wrapped(wrapper: IProtocol) -> IProtocol:
    assert isinstance(wrapper, TLSMemoryBIOProtocol)
    wrapped = wrapper.wrappedProtocol
    assert wrapped is not None
    return wrapped


@dataclass(frozen=True, slots=True)
class ClientFiles:
    """The PEM files of a TLS client.

    `ca`: trusted authorities; None for the system's. `certificate`: the client's certificate, then its chain. `key`:
    its key; None if `certificate` holds the key as well. Errors name the setting: `prefix` with CA, CERT, KEY or
    ADDRESS.
    """

    ca: str | None = None
    certificate: str | None = None
    key: str | None = None
    prefix: str = "TARGET_"

    def options(self) -> CertificateOptions:
        """Read the files. ValueError if they cannot be used."""
        trust = platformTrust()
        if self.ca is not None:
            trust = trustRootFromCertificates([Certificate(each) for each in self._certificates("CA", self.ca)])
        if self.certificate is None:
            if self.key is not None:
                raise ValueError(f"{self.prefix}KEY is of no use without {self.prefix}CERT")
            return CertificateOptions(trustRoot=trust, raiseMinimumTo=TLSVersion.TLSv1_2)
        leaf, *chain = self._certificates("CERT", self.certificate)
        key = self._key("CERT", self.certificate) if self.key is None else self._key("KEY", self.key)
        if leaf.to_cryptography().public_key() != key.public_key():
            raise ValueError(f"{self.prefix}CERT and {self.prefix}KEY do not belong together")
        return CertificateOptions(
            trustRoot=trust,
            privateKey=crypto.PKey.from_cryptography_key(key),
            certificate=leaf,
            extraCertChain=chain,
            raiseMinimumTo=TLSVersion.TLSv1_2,
        )

    def _certificates(self, name: str, file: str) -> list[crypto.X509]:
        try:
            return [crypto.X509.from_cryptography(each) for each in pem.certificates(file)]
        except ValueError as flaw:
            raise ValueError(f"{self.prefix}{name}: {flaw}") from None

    def _key(self, name: str, file: str) -> Any:
        try:
            return pem.private_key(file)
        except ValueError as flaw:
            raise ValueError(f"{self.prefix}{name}: {flaw}") from None


@implementer(IOpenSSLClientConnectionCreator)
class Verifier:
    """Makes TLS connections that fail with CertificateRefused unless the server's certificate is valid for `host`.

    twisted.internet.ssl.optionsForClientTLS verifies the same, but reports every flaw as "certificate verify failed":
    an expired certificate, an unknown authority, one that is not yet valid.
    """

    _log = Logger()

    def __init__(self, files: ClientFiles, host: str) -> None:
        self._files = files
        self._options = files.options()
        self._host = host
        self._is_address = isIPAddress(host) or isIPv6Address(host)
        try:
            self._service = IPAddress_ID(host) if self._is_address else DNS_ID(host)
        except ValueError:
            raise ValueError(f"{files.prefix}ADDRESS: no certificate can be valid for the host name {host}") from None

    def reload(self) -> None:
        """Read the files again, for new connections. ValueError if they cannot be used; the old ones then stay."""
        self._options = self._files.options()
        prefix = self._files.prefix
        self._log.info("{ca}, {certificate} and {key} are reloaded",
                       ca=f"{prefix}CA", certificate=f"{prefix}CERT", key=f"{prefix}KEY")  # fmt: skip

    @property
    def expires_at(self) -> float | None:
        """The moment at which the client's certificate ends, in seconds since the epoch; None without one."""
        own = self._options.certificate
        return None if own is None else float(own.to_cryptography().not_valid_after_utc.timestamp())

    def clientConnectionForTLS(self, tlsProtocol: TLSMemoryBIOProtocol) -> SSL.Connection:
        """Make the OpenSSL side of a connection: IOpenSSLClientConnectionCreator."""
        connection = self._options.clientConnectionForTLS(tlsProtocol)
        if not self._is_address:  # RFC 6066, 3: never for addresses
            connection.set_tlsext_host_name(self._host.encode("ascii"))
        protocols = [tlsProtocol]

        def verify(_: SSL.Connection, certificate: crypto.X509, error: int, depth: int, ok: int) -> bool:
            # No exception may reach OpenSSL, and the connection must not keep its protocol alive.
            flaw = None if ok else f"certificate verify failed: {_FLAWS.get(error, f'OpenSSL error {error}')}"
            if flaw is None and depth == 0:
                try:
                    verify_service_identity(extract_patterns(certificate), [self._service], [])
                except (VerificationError, CertificateError):
                    flaw = f"certificate verify failed: host name mismatch, it is not for {self._host}"
                except Exception as failed:
                    flaw = f"certificate verify failed: {type(failed).__name__}"
            if flaw is not None and protocols:
                failure = Failure(CertificateRefused(flaw))
                protocols.pop().failVerification(failure)
            elif depth == 0:
                protocols.clear()
            return flaw is None

        connection.set_verify(SSL.VERIFY_PEER | SSL.VERIFY_FAIL_IF_NO_PEER_CERT, verify)
        return connection


# The X509_V_ERR_ codes that occur in practice.
_FLAWS = {
    2: "unknown authority",
    7: "bad signature",
    9: "not yet valid",
    10: "expired",
    18: "self-signed, and not trusted",
    19: "unknown authority (self-signed root)",
    20: "unknown authority",
    21: "unknown authority, or an intermediate certificate is missing",
    23: "revoked",
    24: "issued by no authority",
    26: "not meant for servers",
    66: "key too small",
    68: "signed with too weak a hash",
}
_ABOUT_CERTIFICATES = ("certificate", "unknown ca", "decrypt error", "access denied")


def refuses_certificate(failed: BaseException | None) -> bool:
    """Return whether the error is the server's alert that refuses the client's certificate, or the lack of one
    (RFC 8446, 6.2).

    In TLS 1.3 the alert arrives only after the client has finished its handshake and may have sent a request, which the
    server has not read.
    """
    if not isinstance(failed, SSL.Error):
        return False
    reason = tls_reason(failed)
    return "alert" in reason and any(word in reason for word in _ABOUT_CERTIFICATES)


def tls_reason(failed: SSL.Error) -> str:
    """Return OpenSSL's text for an error, such as "wrong version number"."""
    queue = failed.args[0] if failed.args and isinstance(failed.args[0], list) else []
    return ", ".join(reason for _, _, reason in queue) or "failed"
