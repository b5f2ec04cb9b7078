"""The standard streams of a process that was started without some of them, as by `>&-`, or by a service manager."""

from __future__ import annotations

import os
import sys


def open_standard_streams() -> None:
    """Open /dev/null in the place of each standard stream with which the process was not started.

    It has to be called early: the descriptor of such a stream is free, and what is opened first gets it. (A daemon of
    twistd opens /dev/null over the first three descriptors, whatever they are by then: sockets, the reactor's own.)
    """
    for stream, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, stream) is None:
            # The lowest free descriptor is that of the stream, unless something has been opened there since.
            setattr(sys, stream, open(os.devnull, mode, encoding="utf-8"))
