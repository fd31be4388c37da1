"""A process that imports this and calls `block()` can talk to its own machine only.

Standard library only: `sitecustomize.py` beside it brings it into any Python process
whose PYTHONPATH begins with this folder.
"""

import ipaddress
import socket
from typing import Any


class Refused(OSError):
    """A connection that would leave the machine."""


def _is_here(host: Any) -> bool:
    host = host.decode() if isinstance(host, bytes) else host
    if host in (None, "", "localhost"):
        return True
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    return address.is_loopback or address.is_unspecified


def block() -> None:
    """Refuse connections, datagrams and name look-ups that leave the machine (once; a second call does nothing)."""
    if getattr(socket.socket, "loopback_only", False):
        return

    def guarded(name: str, where: int) -> None:
        original = getattr(socket.socket, name)

        def method(self: socket.socket, *args: Any) -> Any:
            address = args[where]
            if isinstance(address, tuple) and not _is_here(address[0]):
                raise Refused(f"{name} to {address[0]!r} would leave this machine")
            return original(self, *args)

        setattr(socket.socket, name, method)

    guarded("connect", 0)
    guarded("connect_ex", 0)
    guarded("sendto", -1)
    look_up = socket.getaddrinfo

    def getaddrinfo(host: Any, *args: Any, **kwargs: Any) -> Any:
        if not _is_here(host):
            raise socket.gaierror(socket.EAI_NONAME, f"looking up {host!r} would leave this machine")
        return look_up(host, *args, **kwargs)

    socket.getaddrinfo = getaddrinfo
    socket.socket.loopback_only = True  # type: ignore[attr-defined]
