"""The server endpoint `wsaas-tls:`: TLS with certificates from PEM files, which can be reloaded while it listens.

    wsaas-tls:443:certificate=/etc/ssl/fullchain.pem:key=/etc/ssl/privkey.pem
    wsaas-tls:443:interface=\\:\\::certificate=both.pem:clientCA=clients.pem:minimumVersion=1.3:proxy=yes
    wsaas-tls:endpoint=unix\\:/run/wsaas.socket:certificate=both.pem

A plugin registers it with Twisted, so that it works in every endpoint string. The listening port has a method `reload`.
"""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from OpenSSL import SSL, crypto
from twisted.internet.abstract import isIPAddress, isIPv6Address
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ServerEndpoint, TCP6ServerEndpoint
from twisted.internet.interfaces import (
    IAddress,
    IListeningPort,
    IOpenSSLServerConnectionCreator,
    IProtocolFactory,
    IStreamServerEndpoint,
)
from twisted.logger import Logger
from twisted.protocols.tls import TLSMemoryBIOProtocol
from zope.interface import implementer

from wsaas.internals.accepting import accept_quickly
from wsaas.internals.tls_transport import tls_server_factory
from wsaas.net.certificates import Identity, load_authorities, load_identity
from wsaas.net.endpoints import server_endpoint
from wsaas.net.proxy_protocol import ProxiedFactory

# TLS 1.2: only ciphers with forward secrecy and authenticated encryption. All ciphers of TLS 1.3 have both.
CIPHERS = (
    b"ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:"
    b"ECDHE-RSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305"
)
# TLS 1.3: OpenSSL's own ciphers, but AES-128 first: processors have SHA-256, of which its handshake takes many, in
# hardware, but not the SHA-384 of AES-256.
CIPHERSUITES = b"TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256"
_VERSIONS = {"1.2": SSL.TLS1_2_VERSION, "1.3": SSL.TLS1_3_VERSION}
_CLIENTS = {"required": SSL.VERIFY_PEER | SSL.VERIFY_FAIL_IF_NO_PEER_CERT, "optional": SSL.VERIFY_PEER}
_ANSWERS = {"yes": True, "no": False}
_HTTP = b"http/1.1"


@dataclass(frozen=True, slots=True)
class TlsSettings:
    """The TLS settings of one endpoint.

    Paths are absolute. `verify` is pyOpenSSL's mode for clients' certificates, used if there is a `client_ca`.
    `minimum` is pyOpenSSL's number of the lowest TLS version.
    """

    certificate: str
    key: str
    client_ca: str | None
    verify: int
    minimum: int


@implementer(IOpenSSLServerConnectionCreator)
class ServerCertificate:
    """Certificate and key for new connections, read from files at the start and at each `reload`.

    ValueError if the files cannot be used.
    """

    _log = Logger()

    def __init__(self, settings: TlsSettings) -> None:
        self._settings = settings
        self._context, self._identity, self._warnings = _context(settings)

    def serverConnectionForTLS(self, tlsProtocol: TLSMemoryBIOProtocol) -> SSL.Connection:
        """Make the OpenSSL side of a connection, with the present context: IOpenSSLServerConnectionCreator."""
        return SSL.Connection(self._context)

    def reload(self) -> None:
        """Read the files again: Reloadable.

        Session tickets issued before become invalid, so that every client sees the new certificate.
        """
        self._context, self._identity, self._warnings = _context(self._settings)
        self.log_certificate()

    @property
    def expires_at(self) -> float:
        """The moment at which the certificate ends, in seconds since the epoch."""
        return self._identity.expires_at

    def log_certificate(self) -> None:
        """Log the certificate and its warnings."""
        self._log.info("certificate {file}: {shown}", file=self._settings.certificate, shown=self._identity.description)
        for warning in self._warnings:
            self._log.warn("{problem}", problem=warning)


def _context(settings: TlsSettings) -> tuple[SSL.Context, Identity, tuple[str, ...]]:
    """Return the context, the identity that it shows, and warnings."""
    own = load_identity(settings.certificate, settings.key)
    warnings = own.warnings
    context = SSL.Context(SSL.TLS_SERVER_METHOD)
    context.set_min_proto_version(settings.minimum)
    context.set_options(SSL.OP_NO_COMPRESSION | SSL.OP_NO_RENEGOTIATION | SSL.OP_CIPHER_SERVER_PREFERENCE)
    context.set_mode(SSL.MODE_RELEASE_BUFFERS)  # most connections are idle
    context.set_cipher_list(CIPHERS)
    context.set_tls13_ciphersuites(CIPHERSUITES)
    context.set_alpn_select_callback(_negotiate)
    context.set_session_id(secrets.token_bytes(16))  # without one, clients with certificates cannot resume
    try:
        context.use_certificate(own.certificate)
        for each in own.chain:
            context.add_extra_chain_cert(each)
        context.use_privatekey(own.key)
        context.check_privatekey()
    except SSL.Error as error:
        reason = ", ".join(each[2] for each in error.args[0]) if error.args else "no reason given"
        raise ValueError(
            f"{settings.certificate}: OpenSSL refuses the certificate ({reason}); get one issued with new keys"
        ) from None
    if settings.client_ca is not None:
        trusted, more = load_authorities(settings.client_ca)
        warnings += more
        store = context.get_cert_store()
        assert store is not None
        for each in trusted:
            store.add_cert(crypto.X509.from_cryptography(each))
            context.add_client_ca(each)
        context.set_verify(settings.verify)
    return context, own, warnings


def _negotiate(_: SSL.Connection, offered: list[bytes]) -> Any:
    """Choose HTTP/1.1 by ALPN (RFC 7301). A client that offers only other protocols gets no ALPN answer."""
    return _HTTP if _HTTP in offered else SSL.NO_OVERLAPPING_PROTOCOLS


@implementer(IListeningPort)
class TlsPort:
    """A listening port that can reload its certificate."""

    def __init__(self, port: IListeningPort, certificate: ServerCertificate) -> None:
        self._port = port
        self._certificate = certificate

    def startListening(self) -> None:
        self._port.startListening()

    def stopListening(self) -> Deferred[None] | None:
        return self._port.stopListening()

    def getHost(self) -> IAddress:
        return self._port.getHost()

    @property
    def expires_at(self) -> float:
        """The moment at which the certificate ends, in seconds since the epoch."""
        return self._certificate.expires_at

    def reload(self) -> None:
        """Read the files again: Reloadable."""
        self._certificate.reload()


@implementer(IStreamServerEndpoint)
class TlsServerEndpoint:
    """TLS over another endpoint. With `proxied`, each connection begins with a PROXY header, before TLS."""

    def __init__(
        self, reactor: Any, endpoint: IStreamServerEndpoint, certificate: ServerCertificate, proxied: bool
    ) -> None:
        self._reactor = reactor
        self._endpoint = endpoint
        self._certificate = certificate
        self._proxied = proxied

    def listen(self, protocolFactory: IProtocolFactory) -> Deferred[IListeningPort]:
        """Listen: IStreamServerEndpoint. Fires with a TlsPort."""
        factory: Any = tls_server_factory(self._certificate, protocolFactory, self._reactor)
        if self._proxied:
            factory = ProxiedFactory(factory)
        return self._endpoint.listen(factory).addCallback(self._listening)

    def _listening(self, port: IListeningPort) -> IListeningPort:
        self._certificate.log_certificate()
        accept_quickly(port)
        return TlsPort(port, self._certificate)


def endpoint_from(
    reactor: Any,
    port: str | None = None,
    *,
    certificate: str | None = None,
    key: str | None = None,
    clientCA: str | None = None,
    clientCertificate: str | None = None,
    minimumVersion: str = "1.2",
    interface: str = "",
    backlog: str = "1024",
    proxy: str = "no",
    endpoint: str | None = None,
) -> TlsServerEndpoint:
    """Return the endpoint for the arguments of an endpoint string.

    All arguments are checked and the files read. ValueError names the flaw.
    """
    if certificate is None:
        raise ValueError("certificate= must name a PEM file: the certificate, then its issuers")
    if clientCA is None and clientCertificate is not None:
        raise ValueError("clientCertificate= has no effect without clientCA=, the authorities of clients' certificates")
    settings = TlsSettings(
        certificate=os.path.abspath(certificate),
        key=os.path.abspath(key or certificate),
        client_ca=os.path.abspath(clientCA) if clientCA else None,
        verify=_one_of("clientCertificate", _CLIENTS, clientCertificate or "required"),
        minimum=_one_of("minimumVersion", _VERSIONS, minimumVersion),
    )
    proxied = _one_of("proxy", _ANSWERS, proxy)
    if endpoint is None:
        below = _tcp(reactor, port, interface, backlog)
    elif port is not None or interface:
        raise ValueError("endpoint= says where to listen: leave out the port and interface=")
    else:
        try:
            below = server_endpoint(reactor, endpoint)
        except (KeyError, IndexError):  # raised by the parser of systemd:
            raise ValueError(f"endpoint={endpoint}: this process was given no such socket") from None
    return TlsServerEndpoint(reactor, below, ServerCertificate(settings), bool(proxied))


def _tcp(reactor: Any, port: str | None, interface: str, backlog: str) -> IStreamServerEndpoint:
    number = _number(port)
    if number is None or number > 65535:
        raise ValueError("the port must be a number from 0 to 65535, as in wsaas-tls:443:certificate=...")
    waiting = _number(backlog)
    if not waiting:
        raise ValueError("backlog= must be a whole number, 1 or more")
    if isIPv6Address(interface):
        return TCP6ServerEndpoint(reactor, number, waiting, interface)
    if interface and not isIPAddress(interface):
        raise ValueError("interface= must be an IP address; each colon needs a backslash: interface=\\:\\:1")
    return TCP4ServerEndpoint(reactor, number, waiting, interface)


def _number(text: str | None) -> int | None:
    return int(text) if text is not None and re.fullmatch("[0-9]{1,9}", text) else None


def _one_of(name: str, words: Mapping[str, int], word: str) -> int:
    if word not in words:
        raise ValueError(f"{name}= must be {' or '.join(words)}")
    return words[word]
