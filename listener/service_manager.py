"""How the node stands in; systemd told so out, where it asks to be (sd_notify(3)); nothing anywhere else."""

import contextlib
import os
import socket
from enum import StrEnum


class Standing(StrEnum):
    """What systemd is told."""

    STARTING = "EXTEND_TIMEOUT_USEC=60000000"
    """Another minute from now."""
    SERVING = "READY=1"
    ALIVE = "WATCHDOG=1"
    STOPPING = "STOPPING=1"


def tell(standing: Standing) -> None:
    """Say it without waiting: a manager that does not listen holds up nobody."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address:
        return
    if address.startswith("@"):  # the abstract namespace (unix(7))
        address = f"\0{address[1:]}"
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as line:
        line.setblocking(False)
        line.sendto(standing.encode(), address)
