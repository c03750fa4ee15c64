"""Ports of the loopback interface: the one that was used before when it is still free, else any."""

from __future__ import annotations

import socket

HOST = "127.0.0.1"


def listen(preferred: int = 0) -> socket.socket:
    """Return a listening socket, on the preferred port unless somebody has taken it."""
    for port in dict.fromkeys((preferred, 0)):
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((HOST, port))
        except OSError:
            listener.close()
            if port == 0:
                raise
            continue
        listener.listen(128)
        return listener
    raise AssertionError


def free(preferred: int = 0) -> int:
    """Return a port that nobody listens on right now."""
    with listen(preferred) as listener:
        return listener.getsockname()[1]
