"""The one simulator of the process, started when it is first needed. Used where no key is set."""

from __future__ import annotations

import atexit
import os
import threading
from typing import Literal, cast

from llmkit.sim import server
from llmkit.sim.server import Simulator

_lock = threading.Lock()
_shared: Simulator | None = None


def default() -> Simulator:
    """The process's own simulator, listening. A forked child gets one of its own.

    ``LLMKIT_SIM_PACE`` sets its pace: ``model`` (as where nothing is said), ``instant`` or a factor.
    """
    global _shared
    with _lock:
        if _shared is None:
            pace = os.environ.get("LLMKIT_SIM_PACE") or "model"  # the simulator reads a factor as text, too
            _shared = Simulator(journal=200, pace=cast("Literal['model', 'instant']", pace)).start()
            atexit.register(_close)
        return _shared


def _close() -> None:
    global _shared
    with _lock:
        if _shared is not None:
            _shared.stop()
            _shared = None


def _forget() -> None:
    global _shared, _lock
    _lock = threading.Lock()  # the parent's may have been held while it forked
    _shared = None


server.after_fork.append(_forget)
