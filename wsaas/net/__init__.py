"""Network code shared by clients, API and backend: TLS, PEM files, PROXY headers, HTTP's grammar, rejections."""
