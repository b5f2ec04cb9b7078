"""TARGET_ADDRESS, and how it is reached: the client endpoint, with TLS where the address says https.

The backend's certificate is always verified, its chain and its name; there is no setting that turns it off.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from OpenSSL import SSL, crypto
from service_identity.exceptions import CertificateError, VerificationError
from service_identity.hazmat import DNS_ID, IPAddress_ID, verify_service_identity
from service_identity.pyopenssl import extract_patterns
from twisted.internet.abstract import isIPAddress, isIPv6Address
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ClientEndpoint, TCP6ClientEndpoint
from twisted.internet.interfaces import (
    IOpenSSLClientConnectionCreator,
    IProtocol,
    IProtocolFactory,
    IStreamClientEndpoint,
)
from twisted.internet.ssl import (
    Certificate,
    CertificateOptions,
    KeyPair,
    PrivateCertificate,
    TLSVersion,
    platformTrust,
    trustRootFromCertificates,
)
from twisted.logger import Logger
from twisted.protocols.tls import TLSMemoryBIOFactory, TLSMemoryBIOProtocol
from twisted.python.failure import Failure
from zope.interface import implementer

from wsaas.http_client.exchange import NotSent
from wsaas.http_client.resolver import NamedEndpoint
from wsaas.net.http_grammar import DEFAULT_PORTS
from wsaas.net.pem import certificates_in

if TYPE_CHECKING:
    from wsaas.settings.table import Settings

# Seconds for one address to answer. The pool ends the attempt as a whole earlier.
ADDRESS_TIMEOUT = 10.0


@dataclass(frozen=True, slots=True)
class Target:
    """Where webhooks go. `url` is the whole address without a slash at its end; `origin` its beginning, without path.

    `host` is the Host header's value, `base_path` what every request's path begins with (empty for the root). `tls`
    is there for https.
    """

    endpoint: IStreamClientEndpoint
    url: str
    origin: bytes
    host: bytes
    base_path: bytes
    tls: Verifier | None = None


def target(reactor: Any, settings: Settings) -> Target:
    """How to reach settings.target_address; ValueError, naming the setting, if a certificate file is no good."""
    url = urlsplit(settings.target_address)
    if url.scheme not in DEFAULT_PORTS or url.hostname is None:
        raise ValueError("TARGET_ADDRESS must be an http or https URL")
    default_port = DEFAULT_PORTS[url.scheme]
    port = default_port if url.port is None else url.port
    endpoint = _tcp(reactor, url.hostname, port)
    tls = None
    if url.scheme == "https":
        tls = Verifier(partial(_options, settings.target_ca, settings.target_cert, settings.target_key), url.hostname)
        endpoint = TlsEndpoint(reactor, endpoint, tls)
    shown = f"[{url.hostname}]" if ":" in url.hostname else url.hostname
    host = shown if port == default_port else f"{shown}:{port}"
    path = url.path.rstrip("/")
    origin = f"{url.scheme}://{host}"
    return Target(endpoint, origin + path, origin.encode("ascii"), host.encode("ascii"), path.encode("ascii"), tls)


def _tcp(reactor: Any, host: str, port: int) -> IStreamClientEndpoint:
    if isIPAddress(host):
        return TCP4ClientEndpoint(reactor, host, port, ADDRESS_TIMEOUT)
    if isIPv6Address(host):
        return TCP6ClientEndpoint(reactor, host, port, ADDRESS_TIMEOUT)
    return NamedEndpoint(reactor, host, port, ADDRESS_TIMEOUT)


@implementer(IStreamClientEndpoint)
class TlsEndpoint:
    """TLS over another endpoint, without the turn of the reactor that twisted.internet.endpoints.wrapClientTLS waits
    for more to write: a request is written in one piece.
    """

    def __init__(self, reactor: Any, endpoint: IStreamClientEndpoint, creator: IOpenSSLClientConnectionCreator) -> None:
        self._reactor = reactor
        self._endpoint = endpoint
        self._creator = creator

    def connect(self, protocolFactory: IProtocolFactory) -> Deferred[IProtocol]:
        """IStreamClientEndpoint. Fires when the connection is there, and the handshake under way."""
        factory = TLSMemoryBIOFactory(self._creator, True, protocolFactory, clock=self._reactor)
        factory.protocol = TLSMemoryBIOProtocol
        return self._endpoint.connect(factory).addCallback(_inner)


def _inner(wrapper: IProtocol) -> IProtocol:
    assert isinstance(wrapper, TLSMemoryBIOProtocol)
    inner = wrapper.wrappedProtocol
    assert inner is not None
    return inner


@implementer(IOpenSSLClientConnectionCreator)
class Verifier:
    """Makes TLS connections that are broken off, with a reason that says why, unless the peer proves to be `host`.

    twisted.internet.ssl.optionsForClientTLS does the same but for the reason: with it "expired", "unknown authority"
    and "not yet valid" all read "certificate verify failed".

    `read()` makes the options of files; it is called again by `reload`.
    """

    _log = Logger()

    def __init__(self, read: Callable[[], CertificateOptions], host: str) -> None:
        self._read = read
        self._options = read()
        self._host = host
        self._is_address = isIPAddress(host) or isIPv6Address(host)
        try:
            self._service = IPAddress_ID(host) if self._is_address else DNS_ID(host)
        except ValueError:
            raise ValueError(f"TARGET_ADDRESS: no certificate can be valid for the host name {host}") from None

    def reload(self) -> None:
        """Take the files as they are now, for new connections; ValueError, and nothing changed, if they are no good."""
        self._options = self._read()
        self._log.info("TARGET_CA, TARGET_CERT and TARGET_KEY are reloaded")

    def clientConnectionForTLS(self, tlsProtocol: TLSMemoryBIOProtocol) -> SSL.Connection:
        """IOpenSSLClientConnectionCreator."""
        connection = self._options.clientConnectionForTLS(tlsProtocol)
        if not self._is_address:  # RFC 6066, 3: never for addresses
            connection.set_tlsext_host_name(self._host.encode("ascii"))
        protocols = [tlsProtocol]

        def verify(_: SSL.Connection, certificate: crypto.X509, error: int, depth: int, ok: int) -> bool:
            # An exception must not get into OpenSSL, and the connection must not keep its protocol alive.
            flaw = None if ok else f"certificate verify failed: {_FLAWS.get(error, f'OpenSSL error {error}')}"
            if flaw is None and depth == 0:
                try:
                    verify_service_identity(extract_patterns(certificate), [self._service], [])
                except (VerificationError, CertificateError):
                    flaw = f"certificate verify failed: host name mismatch, it is not for {self._host}"
                except Exception as failed:
                    flaw = f"certificate verify failed: {type(failed).__name__}"
            if flaw is not None and protocols:
                failure = Failure(NotSent(f"TLS: {flaw}"))
                protocols.pop().failVerification(failure)
            elif depth == 0:
                protocols.clear()
            return flaw is None

        connection.set_verify(SSL.VERIFY_PEER | SSL.VERIFY_FAIL_IF_NO_PEER_CERT, verify)
        return connection


# Of the X509_V_ERR_ codes, those that one meets.
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


def _options(ca: str | None, certificate: str | None, key: str | None) -> CertificateOptions:
    if ca is None:
        trust = platformTrust()
    else:
        trust = trustRootFromCertificates(_certificates("TARGET_CA", ca))
    if certificate is None:
        if key is not None:
            raise ValueError("TARGET_KEY is of no use without TARGET_CERT")
        return CertificateOptions(trustRoot=trust, raiseMinimumTo=TLSVersion.TLSv1_2)
    leaf, *chain = _certificates("TARGET_CERT", certificate)
    pair = _key("TARGET_CERT", certificate) if key is None else _key("TARGET_KEY", key)
    try:
        own = PrivateCertificate.fromCertificateAndKeyPair(leaf, pair)
    except Exception:
        raise ValueError("TARGET_CERT and TARGET_KEY do not belong together") from None
    return CertificateOptions(
        trustRoot=trust,
        privateKey=own.privateKey.original,
        certificate=own.original,
        extraCertChain=[each.original for each in chain],
        raiseMinimumTo=TLSVersion.TLSv1_2,
    )


def _read(setting: str, path: str) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError as error:
        raise ValueError(f"{setting}: cannot read {path}: {error.strerror}") from None


def _certificates(setting: str, path: str) -> list[Certificate]:
    """All certificates in a PEM file."""
    blocks = certificates_in(_read(setting, path))
    try:
        found = [Certificate.loadPEM(block) for block in blocks]
    except (crypto.Error, ValueError):
        raise ValueError(f"{setting}: a certificate in {path} is damaged") from None
    if not found:
        raise ValueError(f"{setting}: {path} holds no PEM certificate")
    return found


def _key(setting: str, path: str) -> KeyPair:
    data = _read(setting, path)
    if b"ENCRYPTED" in data:  # OpenSSL would ask on the terminal
        raise ValueError(f"{setting}: the key in {path} is encrypted; it must be without passphrase")
    try:
        return KeyPair.load(data, crypto.FILETYPE_PEM)
    except (crypto.Error, ValueError):
        raise ValueError(f"{setting}: {path} holds no PEM private key") from None
