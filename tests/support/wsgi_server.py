"""An HTTP server in a thread for backends of examples: each test puts another application into it."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable
from typing import Any

from werkzeug.serving import BaseWSGIServer, make_server


class WsgiServer:
    """Serves `application` on a port of loopback, each request in a thread of its own."""

    def __init__(self, port: int) -> None:
        logging.getLogger("werkzeug").setLevel(logging.ERROR)
        self.application: Callable[..., Iterable[bytes]] | None = None
        self._server: BaseWSGIServer = make_server("127.0.0.1", port, self._serve, threaded=True)
        threading.Thread(target=self._server.serve_forever, name="examples", daemon=True).start()

    def _serve(self, environ: Any, start_response: Any) -> Iterable[bytes]:
        assert self.application is not None
        return self.application(environ, start_response)

    def stop(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()
