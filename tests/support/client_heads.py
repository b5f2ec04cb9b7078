"""Heads of opening handshakes as clients, proxies and agents are known to send them: all of them must be let in.

Those marked "captured" were taken from the wire, the others are put together from sources and bug reports. Every head
asks for /room/7?a=1 unless it says so; `\\xNN` stands for a byte.
"""

from __future__ import annotations

KEY = "dGhlIHNhbXBsZSBub25jZQ=="

_CORE = f"Upgrade: websocket\nConnection: Upgrade\nSec-WebSocket-Key: {KEY}\nSec-WebSocket-Version: 13"
_START = f"GET /room/7?a=1 HTTP/1.1\nHost: gateway.example\n{_CORE}"

CLIENTS: dict[str, str] = {
    "Chromium, captured": f"""GET /room/7?a=1 HTTP/1.1
Host: gateway.example:8080
Connection: Upgrade
Pragma: no-cache
Cache-Control: no-cache
User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 Safari/537.36
Upgrade: websocket
Origin: https://app.example
Sec-WebSocket-Version: 13
Accept-Encoding: gzip, deflate, br, zstd
Accept-Language: en-US,en;q=0.9
Cookie: sid=1; theme=dark
Sec-WebSocket-Key: {KEY}
Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits
Sec-WebSocket-Protocol: v1, v2""",
    "Chromium, a page from a file, captured": f"{_START}\nOrigin: null\nSec-WebSocket-Protocol: v1, v2",
    "Firefox": f"""GET /room/7?a=1 HTTP/1.1
Host: gateway.example
User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0
Accept: */*
Accept-Language: en-US,en;q=0.5
Accept-Encoding: gzip, deflate, br, zstd
Sec-WebSocket-Version: 13
Origin: https://app.example
Sec-WebSocket-Protocol: v1
Sec-WebSocket-Extensions: permessage-deflate
Sec-WebSocket-Key: {KEY}
DNT: 1
Sec-GPC: 1
Connection: keep-alive, Upgrade
Sec-Fetch-Dest: websocket
Sec-Fetch-Mode: websocket
Sec-Fetch-Site: same-site
Pragma: no-cache
Cache-Control: no-cache
Upgrade: websocket""",
    "Safari": f"{_START}\nOrigin: https://app.example\nSec-WebSocket-Extensions: permessage-deflate\n"
    "Pragma: no-cache\nCache-Control: no-cache\nUser-Agent: Version/17.1 Safari/605.1.15",
    "Safari before 2016": f"{_START}\nOrigin: http://app.example\nSec-WebSocket-Extensions: x-webkit-deflate-frame",
    "iOS, URLSessionWebSocketTask": f"{_START}\nAccept: */*\nSec-WebSocket-Extensions: permessage-deflate\n"
    "User-Agent: App/1 CFNetwork/1485 Darwin/23.1.0\nAccept-Language: en-GB,en;q=0.9\nAccept-Encoding: gzip, deflate",
    "iOS, Starscream": f"{_START}\nOrigin: https://gateway.example\n"
    "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits; server_max_window_bits=15",
    "Capacitor on iOS": f"{_START}\nOrigin: capacitor://localhost",
    "Ionic on iOS": f"{_START}\nOrigin: ionic://localhost",
    "Electron, a scheme of its own": f"{_START}\nOrigin: app://",
    "Electron, a file": f"{_START}\nOrigin: file://",
    "Tauri": f"{_START}\nOrigin: tauri://localhost",
    "VS Code": f"{_START}\nOrigin: vscode-file://vscode-app",
    "an extension of Chrome": f"{_START}\nOrigin: chrome-extension://aapbdbdomjkkjkaonfhkkikfgjllcleb",
    "an extension of Firefox": f"{_START}\nOrigin: moz-extension://b0e1c1a6-0c0e-4a8e-9c39-0f3e1d6f6a5b",
    "React Native on Android": f"{_START}\norigin: http://gateway.example\nUser-Agent: okhttp/4.9.2",
    "OkHttp": f"GET /room/7?a=1 HTTP/1.1\nUpgrade: websocket\nConnection: Upgrade\nSec-WebSocket-Key: {KEY}\n"
    "Sec-WebSocket-Version: 13\nSec-WebSocket-Extensions: permessage-deflate\nHost: gateway.example\n"
    "Accept-Encoding: gzip\nUser-Agent: okhttp/4.12.0",
    "JDK, captured": f"GET /room/7?a=1 HTTP/1.1\nConnection: Upgrade\nContent-Length: 0\nHost: gateway.example:9911\n"
    "Upgrade: websocket\nUser-Agent: Java-http-client/17.0.15\nAuthorization: Bearer x\n"
    f"Sec-WebSocket-Key: {KEY}\nSec-WebSocket-Protocol: v1, v2\nSec-WebSocket-Version: 13",
    "Tyrus": f"{_START}\nOrigin: gateway.example:8080",
    "Jetty": f"{_START}\nAccept-Encoding: gzip\nUser-Agent: Jetty/12.0.5\nPragma: no-cache\n"
    "Sec-WebSocket-Extensions: permessage-deflate, fragment, @identity",
    "Netty": f"GET /room/7?a=1 HTTP/1.1\nupgrade: websocket\nconnection: upgrade\nsec-websocket-key: {KEY}\n"
    "host: gateway.example:80\norigin: http://gateway.example:80\nsec-websocket-protocol: v1\n"
    "sec-websocket-version: 13",
    "Java-WebSocket": f"{_START}\nSec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover",
    "Node ws, captured": f"GET /room/7?a=1 HTTP/1.1\nCookie: a=b\nSec-WebSocket-Version: 13\nSec-WebSocket-Key: {KEY}\n"
    "Connection: Upgrade\nUpgrade: websocket\nSec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\n"
    "Sec-WebSocket-Protocol: v1,v2\nHost: gateway.example:9911",
    "Node, its own WebSocket, captured": "GET /room/7?a=1 HTTP/1.1\nhost: gateway.example:9911\nconnection: upgrade\n"
    f"upgrade: websocket\nsec-websocket-key: {KEY}\nsec-websocket-version: 13\nsec-websocket-protocol: v1, v2\n"
    "sec-websocket-extensions: permessage-deflate; client_max_window_bits\naccept: */*\naccept-language: *\n"
    "sec-fetch-mode: websocket\nuser-agent: node\npragma: no-cache\ncache-control: no-cache\n"
    "accept-encoding: gzip, deflate",
    "faye-websocket, captured": f"{_START}",
    "Python websockets, captured": f"{_START}\nSec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\n"
    "Sec-WebSocket-Protocol: v1, v2\nUser-Agent: Python/3.11 websockets/17.4",
    "Python websocket-client, captured": "GET /room/7?a=1 HTTP/1.1\nUpgrade: websocket\nHost: gateway.example:9911\n"
    f"Origin: http://gateway.example:9911\nSec-WebSocket-Key: {KEY}\nSec-WebSocket-Version: 13\nConnection: Upgrade\n"
    "Sec-WebSocket-Protocol: v1,v2\nX-A: b\nCookie: sid=1",
    "aiohttp, captured": f"{_START}\nSec-WebSocket-Protocol: v1,v2\nAccept: */*\nAccept-Encoding: gzip, deflate\n"
    "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\nUser-Agent: aiohttp/3.14.5\nCookie: a=b",
    "Tornado, captured": f"GET /room/7?a=1 HTTP/1.1\nUpgrade: websocket\nConnection: Upgrade\n"
    f"Sec-Websocket-Key: {KEY}\n"
    "Sec-Websocket-Version: 13\nSec-Websocket-Extensions: permessage-deflate; client_max_window_bits\n"
    "Host: gateway.example:9911\nUser-Agent: Tornado/6.6.1\nAccept-Encoding: gzip",
    "Autobahn|Python": f"GET /room/7?a=1 HTTP/1.1\nUser-Agent: AutobahnPython/24.4.2\nHost: gateway.example:9000\n"
    f"Upgrade: WebSocket\nConnection: Upgrade\nPragma: no-cache\nCache-Control: no-cache\nSec-WebSocket-Key: {KEY}\n"
    "Sec-WebSocket-Version: 13",
    "Go, gorilla": "GET /room/7?a=1 HTTP/1.1\nHost: gateway.example\nUser-Agent: Go-http-client/1.1\n"
    f"Connection: Upgrade\nSec-WebSocket-Key: {KEY}\nSec-WebSocket-Version: 13\nUpgrade: websocket\n"
    "Sec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover; client_no_context_takeover",
    "Go, coder": f"{_START}\nSec-WebSocket-Extensions: permessage-deflate; client_no_context_takeover; "
    "server_no_context_takeover\nUser-Agent: Go-http-client/1.1\nAccept-Encoding: gzip",
    "Go, x/net": f"{_START}\nOrigin: http://localhost/",
    ".NET": f"{_START}\n"
    "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits; server_max_window_bits=14",
    ".NET Framework": "GET /room/7?a=1 HTTP/1.1\nConnection: Upgrade,Keep-Alive\nUpgrade: websocket\n"
    f"Sec-WebSocket-Key: {KEY}\nSec-WebSocket-Version: 13\nHost: gateway.example",
    "websocket-sharp": f"{_START}\nUser-Agent: websocket-sharp/1.0\n"
    "Sec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover; client_no_context_takeover",
    "curl --ws": f"GET /room/7?a=1 HTTP/1.1\nHost: gateway.example\nUser-Agent: curl/8.5.0\nAccept: */*\n{_CORE}",
    "curl by way of a proxy, captured": "GET http://gateway.example/room/7?a=1 HTTP/1.1\nHost: gateway.example\n"
    f"User-Agent: curl/7.88.1\nAccept: */*\nProxy-Connection: Keep-Alive\n{_CORE}",
    "Dart": f"GET /room/7?a=1 HTTP/1.1\nuser-agent: Dart/3.2 (dart:io)\nconnection: Upgrade\ncache-control: no-cache\n"
    "accept-encoding: gzip\ncontent-length: 0\nsec-websocket-version: 13\nhost: gateway.example\n"
    f"sec-websocket-extensions: permessage-deflate; client_max_window_bits\nsec-websocket-key: {KEY}\n"
    "upgrade: websocket",
    "Postman": f"GET /room/7?a=1 HTTP/1.1\nSec-WebSocket-Version: 13\nSec-WebSocket-Key: {KEY}\nConnection: Upgrade\n"
    "Upgrade: websocket\nSec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\nHost: gateway.example",
    "Rust, tungstenite": f"GET /room/7?a=1 HTTP/1.1\nHost: gateway.example\nConnection: Upgrade\nUpgrade: websocket\n"
    f"Sec-WebSocket-Version: 13\nSec-WebSocket-Key: {KEY}",
    "Erlang, gun": f"GET /room/7?a=1 HTTP/1.1\nconnection: upgrade\nupgrade: websocket\nsec-websocket-version: 13\n"
    f"sec-websocket-key: {KEY}\nhost: gateway.example:8080\nuser-agent: gun/2.0.1",
    "Perl, Mojolicious": f"{_START}\nContent-Length: 0\nUser-Agent: Mojolicious (Perl)\nAccept-Encoding: gzip",
    "Swift, websocket-kit": f"{_START}\ncontent-length: 0",
    "PHP, Pawl": f"{_START}\nUser-Agent: Ratchet-Pawl/0.4.1",
    "libwebsockets": f"{_START}\nPragma: no-cache\nOrigin: gateway.example\nSec-WebSocket-Protocol: v1\n"
    "Sec-WebSocket-Extensions: permessage-deflate; client_no_context_takeover; client_max_window_bits",
    "Arduino": f"{_START}\nSec-WebSocket-Protocol: arduino\nOrigin: file://\nUser-Agent: arduino-WebSocket-Client",
    "ESP32": f"{_START}\nUser-Agent: ESP32 Websocket Client",
    "a charging station": f"{_START}\nAuthorization: Basic Q1A6c2VjcmV0\nSec-WebSocket-Protocol: ocpp1.6, ocpp1.5",
    "AWS IoT": f"{_START}\nSec-WebSocket-Protocol: mqtt, mqttv3.1",
    "a Java client that knows two versions": _START.replace("Version: 13", "Version: 13, 8, 7"),
    "names in capitals": _START.replace("Host:", "HOST:").replace("Sec-WebSocket-", "SEC-WEBSOCKET-"),
    "no white space": _START.replace(": ", ":"),
    "an address of IPv6": _START.replace("gateway.example", "[2001:db8::1]:8080"),
    "an empty Host": _START.replace(" gateway.example", ""),
}

# What they add to, or make of, a client's head.
PROXIES: dict[str, str] = {
    "nginx, captured": "GET /room/7?a=1 HTTP/1.1\nUpgrade: websocket\nConnection: upgrade\nHost: gateway.example\n"
    "X-Real-IP: 203.0.113.9\nX-Forwarded-For: 203.0.113.9\nX-Forwarded-Proto: https\nOrigin: https://app.example\n"
    f"Sec-WebSocket-Key: {KEY}\nSec-WebSocket-Version: 13\nSec-WebSocket-Protocol: v1,v2\nCookie: sid=1",
    "HAProxy, captured": "GET /room/7?a=1 HTTP/1.1\nupgrade: websocket\nhost: gateway.example:9913\n"
    f"origin: http://gateway.example:9913\nsec-websocket-key: {KEY}\nsec-websocket-version: 13\nconnection: Upgrade\n"
    "sec-websocket-protocol: v1,v2\ncookie: sid=1\nx-forwarded-for: 203.0.113.9",
    "Envoy": "GET /room/7?a=1 HTTP/1.1\nhost: gateway.example\nupgrade: websocket\nconnection: Upgrade\n"
    f"sec-websocket-key: {KEY}\nsec-websocket-version: 13\nx-forwarded-proto: https\n"
    "x-request-id: 6d1a6a1c-6f1f-4a86-8b3e-0d1f2b3c4d5e\nx-envoy-expected-rq-timeout-ms: 15000\n"
    "x-envoy-internal: true",
    "Envoy before 1.24": "GET /room/7?a=1 HTTP/1.1\nhost: gateway.example\nupgrade: websocket\nconnection: Upgrade\n"
    f"sec-websocket-key: {KEY}\nsec-websocket-version: 13\nx-forwarded-proto: https\ncontent-length: 0",
    "Istio": f"{_START}\nx-b3-traceid: 0af7651916cd43dd8448eb211c80319c\nx-b3-spanid: b7ad6b7169203331\n"
    "x-b3-sampled: 1\n"
    f"x-envoy-attempt-count: 1\nx-envoy-peer-metadata: {'Q2hNS0RrRlFVRjlEVDA1VQ' * 40}\n"
    "x-forwarded-client-cert: By=a;Hash=b",
    "Traefik": f"{_START}\nX-Forwarded-For: 203.0.113.9\nX-Forwarded-Host: gateway.example\nX-Forwarded-Port: 443\n"
    "X-Forwarded-Proto: wss\nX-Forwarded-Server: 1f5a\nX-Real-Ip: 203.0.113.9",
    "Caddy": f"{_START}\nVia: 1.1 Caddy\nX-Forwarded-For: 203.0.113.9\nX-Forwarded-Host: gateway.example\n"
    "X-Forwarded-Proto: https",
    "Apache httpd": f"{_START}\nX-Forwarded-For: 203.0.113.9\nX-Forwarded-Host: gateway.example\n"
    "X-Forwarded-Server: proxy.example",
    "AWS ALB": f"{_START}\nX-Forwarded-For: 203.0.113.9\nX-Forwarded-Proto: https\nX-Forwarded-Port: 443\n"
    "X-Amzn-Trace-Id: Root=1-67891233-abcdef012345678912345678\nx-amzn-tls-version: TLSv1.3\n"
    f"x-amzn-oidc-data: {'eyJ0eXAiOiJKV1QiLCJraWQiOiI' * 60}",
    "AWS API Gateway": f"{_START}\nForwarded: by=3.5.1.1;for=203.0.113.9;host=x.execute-api.example;proto=https\n"
    "Via: HTTP/1.1 AmazonAPIGateway\nX-Amzn-Trace-Id: Self=1-2-3;Root=1-2-4",
    "CloudFront": f"{_START}\nVia: 1.1 3c7b.cloudfront.net (CloudFront)\nX-Amz-Cf-Id: V_kqL4t8==\n"
    "CloudFront-Viewer-City: Z\xfcrich\nCloudFront-Viewer-Country-Region-Name: \xc3\x85land",
    "Cloudflare": f"{_START}\nCF-RAY: 8a1b2c3d4e5f6789-FRA\nCF-Connecting-IP: 203.0.113.9\nCF-IPCountry: DE\n"
    'CF-Visitor: {"scheme":"https"}\nCDN-Loop: cloudflare; loops=1\nAccept-Encoding: gzip, br',
    "Google's load balancer": f"{_START}\nVia: 1.1 google\nX-Forwarded-For: 203.0.113.9,35.191.0.1\n"
    "X-Cloud-Trace-Context: 0af7651916cd43dd8448eb211c80319c/123;o=1\n"
    "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    "Azure": f"{_START}\nX-ARR-LOG-ID: 1\nX-Original-URL: /room/7?a=1\nDISGUISED-HOST: a.azurewebsites.net\n"
    "CLIENT-IP: 203.0.113.9:51234\nX-Forwarded-For: 203.0.113.9:51234\nMax-Forwards: 10",
    "Heroku": f"{_START}\nConnect-Time: 0\nX-Request-Start: 1700000000000\nTotal-Route-Time: 0\nVia: 1.1 vegur",
    "Squid": f"GET http://gateway.example/room/7?a=1 HTTP/1.1\nHost: gateway.example\n{_CORE}\n"
    "Via: 1.1 squid (squid/5.7)\nX-Forwarded-For: unknown\nCache-Control: max-age=0",
    "Varnish": f"{_START}\nX-Varnish: 32770\nVia: 1.1 varnish (Varnish/7.1)\nTE: trailers",
    "one that keeps alive what it upgrades": _START.replace(": Upgrade", ": Keep-Alive, Upgrade")
    + "\nKeep-Alive: timeout=5, max=100",
    "one that splits a cookie, as HTTP/2 does": f"{_START}\nCookie: a=b\nCookie: c=d\nCookie: e=f",
    "two that each name the client": f"{_START}\nX-Forwarded-For: 203.0.113.9\nX-Forwarded-For: 10.0.0.1\n"
    "X-Forwarded-Proto: https\nX-Forwarded-Proto: http\nVia: 1.1 a\nVia: 1.1 b",
    "two that each ask for the upgrade": _START.replace("Upgrade: websocket", "Upgrade: websocket\nUpgrade: websocket")
    + "\nConnection: keep-alive",
    "one that repeats the version": f"{_START}\nSec-WebSocket-Version: 13",
    "one that splits lists": f"{_START}\nSec-WebSocket-Protocol: v1\nSec-WebSocket-Protocol: v2\n"
    "Sec-WebSocket-Extensions: x-webkit-deflate-frame\nSec-WebSocket-Extensions: permessage-deflate",
}

# What agents and pages put in beside.
AGENTS: dict[str, str] = {
    "Datadog": f"{_START}\nx-datadog-trace-id: 9532127138774266268\nx-datadog-parent-id: 887\n"
    "x-datadog-sampling-priority: 1\nx-datadog-tags: _dd.p.dm=-0,_dd.p.tid=67\ntracestate: dd=s:1;t.dm:-0\n"
    "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    "OpenTelemetry": f"{_START}\ntraceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00\ntracestate:\n"
    "baggage: userId=al%C3%AFce,serverNode=DF%2028;isProduction=false",
    "a page's and a proxy's trace": f"{_START}\n"
    "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\n"
    "traceparent: 00-1af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    "a trace that is none": f"{_START}\ntraceparent: {{{{traceparent}}}}",
    "Zipkin": f"{_START}\nb3: 80f198ee56343ba864fe8b2a57d3eff7-e457b5a2e4d86bd1-1-05e3ac9a4f6e3b90",
    "Jaeger": f"{_START}\nuber-trace-id: 80f198ee56343ba8:e457b5a2e4d86bd1:0:1",
    "New Relic": f"{_START}\nnewrelic: eyJ2IjpbMCwxXSwiZCI6eyJ0eSI6IkFwcCJ9fQ==",
    "Sentry": f"{_START}\nsentry-trace: 771a43a4192642f0b136d5159a501700-b7ad6b7169203331-1\n"
    "baggage: sentry-release=1,a=",
    "Dynatrace": f'{_START}\nX-dynaTrace: FW4;1;2;3;4;5;6;7\nsingularityheader: notxdetect=true*ctrlguid="1"',
    "a cookie of Cyrillic": f"{_START}\nCookie: name=\xd1\x85\xd0\xbe",
    "a cookie of Swedish": f"{_START}\nCookie: name=\xc3\xa5; other=\xe5",
    "a cookie of emoji": f"{_START}\nCookie: mood=\xf0\x9f\x98\x85",
    "no cookie but the header": f"{_START}\nCookie:",
    "white space around": f"{_START}\nX-A:  \t a b \t \nX-B: \t",
    "a user agent of quotes and bars": f'{_START}\nUser-Agent: "A" (b|c) [d] {{e}} \\ ^ `',
}

HEADS = {**CLIENTS, **PROXIES, **AGENTS}


def head(text: str) -> bytes:
    """The head as bytes, with its empty line."""
    return text.replace("\n", "\r\n").encode("latin-1") + b"\r\n\r\n"
