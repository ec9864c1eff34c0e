"""The name under which a process holds leases, and telling whether such a process is gone."""

import os
import socket
from pathlib import Path
from typing import Final

PROCESSES: Final = Path("/proc")
PARTS: Final = 3
# In /proc/PID/stat, after the name in parentheses: the moment the process began, in ticks since boot.
START_FIELD: Final = 19


def this_process() -> str:
    """Return `machine/pid/start` of this process, which no other process ever shares."""
    pid = os.getpid()
    return f"{_machine()}/{pid}/{_started(pid)}"


def is_dead(holder: str) -> bool:
    """Tell whether `holder` was a process of this machine that is certainly gone.

    False when it lives, and whenever it cannot be told: then its lease has to expire.
    """
    parts = holder.rsplit("/", PARTS - 1)
    if os.name != "posix" or len(parts) != PARTS or parts[0] != _machine() or not parts[1].isdigit():
        return False
    pid = int(parts[1])
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return _started(pid) != parts[2]


def _machine() -> str:
    # Two containers may have one host name; their process numbers then belong to different namespaces.
    try:
        namespace = (PROCESSES / "self/ns/pid").readlink().name.strip("pid:[]")
    except OSError:
        namespace = "0"
    return f"{socket.gethostname()[:60]}/{namespace}"


def _started(pid: int) -> str:
    try:
        stat = (PROCESSES / str(pid) / "stat").read_text()
    except OSError:
        return "0"
    return stat.rpartition(")")[2].split()[START_FIELD]
