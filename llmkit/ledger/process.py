"""Which process wrote a row, and is it still alive? No database here.

A process id alone is not enough: ids are used again, machines restart, containers count their own.
"""

from __future__ import annotations

import functools
import os
import platform
import sys
from dataclasses import dataclass
from pathlib import Path

#: A row of a machine or container that can't be asked is given up after this many seconds.
OUT_OF_REACH_AFTER = 24 * 3600.0


@dataclass(frozen=True, slots=True)
class ProcessMark:
    """One process, told apart from all others.

    ``host`` names the machine (its name, boot and process-id namespace); ``process`` is the moment
    the process began, in the kernel's own ticks, or "" where the system doesn't tell.
    """

    pid: int
    host: str
    process: str


def this_process() -> ProcessMark:
    """The mark of the running process (right also after a fork)."""
    pid = os.getpid()
    return ProcessMark(pid, this_host(), began(pid))


@functools.cache
def this_host() -> str:
    """``name/boot/namespace``, each "" where the system doesn't tell."""
    boot = _first_line(Path("/proc/sys/kernel/random/boot_id"))
    try:
        namespace = str(Path("/proc/self/ns/pid").readlink())
    except OSError:
        namespace = ""
    return f"{platform.node()}/{boot}/{namespace}"


def began(pid: int) -> str:
    """When that process began, as text that only has to be compared."""
    fields = _stat(pid)
    return fields[19] if len(fields) > 19 else ""


def is_dead(mark: ProcessMark, age: float) -> bool:
    """Is the writer of a row that was begun ``age`` seconds ago surely gone?"""
    here = this_host()
    if mark.host != here:
        name, boot, _ = _split(mark.host)
        my_name, my_boot, _ = _split(here)
        restarted = name == my_name and boot not in (my_boot, "") and my_boot != ""
        return restarted or age > OUT_OF_REACH_AFTER
    if not _exists(mark.pid) or _stat(mark.pid)[:1] in (["Z"], ["X"]):  # ended, and not yet buried
        return True
    if mark.process and (now := began(mark.pid)):
        return now != mark.process
    return age > OUT_OF_REACH_AFTER


def _stat(pid: int) -> list[str]:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(errors="replace")
    except OSError:
        return []
    # The name in brackets may hold blanks and brackets itself: count from the last one.
    return stat.rpartition(")")[2].split()


def _split(host: str) -> tuple[str, str, str]:
    name, _, rest = host.partition("/")
    boot, _, namespace = rest.partition("/")
    return name, boot, namespace


def _exists(pid: int) -> bool:
    if pid <= 0:
        return False
    if sys.platform == "win32":  # os.kill would end it there
        return _exists_on_windows(pid)
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        return True
    return True


def _exists_on_windows(pid: int) -> bool:
    import ctypes

    kernel = getattr(ctypes, "windll").kernel32  # noqa: B009 - absent elsewhere, mypy would object
    query_limited_information = 0x1000
    handle = kernel.OpenProcess(query_limited_information, False, pid)
    if not handle:
        return False
    kernel.CloseHandle(handle)
    return True


def _first_line(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ""
