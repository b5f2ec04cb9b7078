"""The defences of TLS, each with the edits that take it away."""

from __future__ import annotations

from tests.thorough.defences.model import Defence, Edit, without

CERTIFICATES = "wsaas/net/certificates.py"
PROXY_HEADER = "wsaas/net/proxy_protocol.py"
RELOAD = "wsaas/service/reload.py"
TLS = "wsaas/net/tls_endpoint.py"

OLD = "Old versions"
NOBODY = "A client without a certificate"
RELOADED = "A bad certificate at a reload"
PROXY = "A PROXY header"

_MINIMUM = "context.set_min_proto_version(settings.minimum)"
_CIPHERS = "context.set_cipher_list(CIPHERS)"
_RELOADED = "self._context, self._identity, self._warnings = _context(self._settings)\n        self.log_certificate()"

DEFENCES = [
    without(OLD, TLS, _MINIMUM, "pass", "unit.net.test_tls_endpoint.HandshakeTests.test_versions"),
    Defence(  # OpenSSL speaks the oldest versions only at its lowest level
        OLD,
        (
            Edit(TLS, _MINIMUM, "context.set_min_proto_version(SSL.TLS1_VERSION)"),
            Edit(TLS, _CIPHERS, 'context.set_cipher_list(b"ALL:@SECLEVEL=0")'),
        ),
        (
            "unit.net.test_tls_endpoint.HandshakeTests.test_versions",
            "unit.net.test_tls_endpoint.HandshakeTests.test_ciphers",
        ),
    ),
    without(OLD, TLS, _CIPHERS, "pass", "unit.net.test_tls_endpoint.HandshakeTests.test_ciphers"),
    without(OLD, TLS, "SSL.OP_NO_COMPRESSION | ", "", "unit.net.test_tls_endpoint.HandshakeTests.test_compression"),
    without(  # OpenSSL 3 refuses it by default, so it must be allowed: SSL_OP_ALLOW_CLIENT_RENEGOTIATION is 1 << 8
        OLD, TLS, "SSL.OP_NO_RENEGOTIATION", "1 << 8", "unit.net.test_tls_endpoint.HandshakeTests.test_renegotiation"
    ),
    without(NOBODY, TLS, "SSL.VERIFY_PEER | SSL.VERIFY_FAIL_IF_NO_PEER_CERT", "SSL.VERIFY_PEER"),
    without(NOBODY, TLS, "context.set_verify(settings.verify)", "pass"),
    without(NOBODY, TLS, "context.set_verify(settings.verify)", "context.set_verify(settings.verify, lambda *_: True)"),
    without(RELOADED, RELOAD, "self._log.error(", "self._log.debug("),
    Defence(  # one that is no good ends the reload
        RELOADED,
        (
            Edit(RELOAD, "except ValueError as", "except KeyError as"),
            Edit(RELOAD, "except Exception:", "except KeyError:"),
        ),
    ),
    without(  # the old one is gone before the new one is known to be good
        RELOADED,
        TLS,
        _RELOADED,
        f"self._context = SSL.Context(SSL.TLS_SERVER_METHOD)\n        {_RELOADED}",
    ),
    Defence(  # those who came with the old one are sent away
        RELOADED,
        (
            Edit(
                TLS,
                "return SSL.Connection(self._context)",
                "self.made = [*getattr(self, 'made', []), SSL.Connection(self._context)]\n        return self.made[-1]",
            ),
            Edit(TLS, _RELOADED, f"[each.set_shutdown(3) for each in getattr(self, 'made', [])]\n        {_RELOADED}"),
        ),
        ("system.test_tls_reload.ReloadTests.test_live_connections",),
    ),
    Defence(  # what is wrong with a key only OpenSSL finds, and nobody puts it into words
        RELOADED,
        (
            Edit(CERTIFICATES, "if certificates[0].public_key() != public:", "if False:"),
            Edit(
                TLS,
                "        context.use_privatekey(own.key)\n        context.check_privatekey()\n    except SSL.Error",
                "        context.use_privatekey(own.key)\n    except KeyError",
            ),
        ),
    ),
    without(
        PROXY,
        PROXY_HEADER,
        "            self.abortConnection()\n",
        "",
        "unit.net.test_tls_endpoint.ProxyTests.test_bad",
    ),
    without(PROXY, PROXY_HEADER, "        if len(data) >= MAX_V1:\n", "        if False:\n"),
    without(PROXY, PROXY_HEADER, " or size > MAX_V2:", ":"),
    without(PROXY, PROXY_HEADER, "    except struct.error:", "    except KeyError:"),
    without(
        PROXY,
        PROXY_HEADER,
        "if not known or port > 65535:",
        "if not known:",
        "unit.net.test_tls_endpoint.ProxyTests.test_bad",
    ),
    without(  # a connection without a header is taken for one of the balancer's own
        PROXY,
        PROXY_HEADER,
        'raise ValueError("no PROXY header")',
        "return Header(0)",
        "unit.net.test_tls_endpoint.ProxyTests.test_bad",
    ),
]
