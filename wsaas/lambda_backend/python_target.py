"""Handlers in Python, `module:function`: called in a thread, and loaded again when a file of theirs changes."""

from __future__ import annotations

import importlib
import os
import sys
import time
from collections.abc import Callable
from threading import Lock
from types import ModuleType
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.threads import deferToThreadPool
from twisted.logger import Logger
from twisted.python.reflect import safe_str
from twisted.python.threadpool import ThreadPool

from wsaas.lambda_backend.targets import Call, HandlerFailed, hear_within

MEMORY = 128
"""Megabytes that the context tells. Nothing is limited here."""


class LambdaContext:
    """The second argument of a handler, as the Lambda runtime for Python gives it."""

    function_version = "$LATEST"
    memory_limit_in_mb = str(MEMORY)
    identity = None
    client_context = None

    def __init__(self, name: str, request_id: str, timeout: float) -> None:
        self.function_name = name
        self.aws_request_id = request_id
        self.invoked_function_arn = f"arn:aws:lambda:local:000000000000:function:{name}"
        self.log_group_name = f"/aws/lambda/{name}"
        self.log_stream_name = "local"
        self._ends = time.monotonic() + timeout

    def get_remaining_time_in_millis(self) -> int:
        """Return the milliseconds that are left of the timeout."""
        return max(0, round((self._ends - time.monotonic()) * 1000))


class Modules:
    """The modules below one directory, loaded again once a file of one of them has changed. For several threads."""

    def __init__(self, directory: str) -> None:
        self._directory = os.path.join(os.path.realpath(directory), "")
        self._lock = Lock()
        self._seen: dict[str, int] = {}
        """The times of change of the files, by the names of the modules."""

    def function(self, module: str, name: str) -> Callable[..., Any]:
        """Return a function of a module. Raises what its import raises."""
        with self._lock:
            if any(_changed_at(sys.modules.get(each)) != changed for each, changed in self._seen.items()):
                for each in self._seen:
                    sys.modules.pop(each, None)
                self._seen.clear()
                importlib.invalidate_caches()
            try:
                found: Callable[..., Any] = getattr(importlib.import_module(module), name)
            finally:
                self._notice()
            return found

    def _notice(self) -> None:
        for name, module in list(sys.modules.items()):
            file = getattr(module, "__file__", None)
            if name != "__main__" and name not in self._seen and file is not None:
                if os.path.realpath(file).startswith(self._directory) and "site-packages" not in file:
                    self._seen[name] = _changed_at(module)


def _changed_at(module: ModuleType | None) -> int:
    try:
        return os.stat(getattr(module, "__file__", None) or "").st_mtime_ns
    except OSError:
        return 0


class PythonTarget:
    """One function. `pool` bounds the calls at once; a call that takes too long goes on in its thread, unheard."""

    _log = Logger()

    def __init__(self, text: str, modules: Modules, pool: ThreadPool, reactor: Any) -> None:
        self._module, _, self._function = text.partition(":")
        self._modules = modules
        self._pool = pool
        self._reactor = reactor

    def preload(self) -> None:
        """Load the function, and log why if it cannot be: it is tried again at the next event."""
        try:
            self._modules.function(self._module, self._function)
        except BaseException:
            self._log.failure("{module}:{function} cannot be loaded", module=self._module, function=self._function)

    def call(self, call: Call) -> Deferred[Any]:
        """Call the function in a thread: Target."""
        heard, over = hear_within(self._reactor, call.timeout, f"the handler took longer than {call.timeout:g} s")
        deferToThreadPool(self._reactor, self._pool, self._run, call).addBoth(over)
        return heard

    def _run(self, call: Call) -> Any:
        try:
            function = self._modules.function(self._module, self._function)
            return function(call.event, LambdaContext(self._function, call.request_id, call.timeout))
        except BaseException as error:  # SystemExit of a handler must not end a thread of the pool, either
            self._log.failure("the handler {module}:{function} failed", module=self._module, function=self._function)
            raise HandlerFailed(f"{type(error).__name__}: {safe_str(error)}") from None
