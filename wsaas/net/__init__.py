"""The network as clients, API and backend share it: TLS, PEM files, PROXY headers, HTTP's grammar, rejections."""
