"""The live pane: a small widget that takes an answer in pieces and has a Stop button.

It is offered, never imposed. A front end is trusted to have widgets only once its page has said so: the pane is
made unseen, its page says hello *while the cell runs*, and only then does the answer move into it. Where no
hello comes (no widgets, no subshells, no page at all) the answer goes on as HTML and nothing is seen of the
offer. At the end the static form takes the pane's place, so that a saved notebook knows nothing of it.

What the page runs is ``pane.js`` and ``pane.css``. Front and back speak the protocol of anywidget; the comm is
made directly, for importing the Python package would hold up the first answer. What is written into the page
was made safe before; when it is sent is ``live.py``'s business.
"""

from __future__ import annotations

import sys
import time
from collections import deque
from collections.abc import Callable, Mapping
from functools import lru_cache
from importlib.resources import files
from typing import Any

VIEW = "application/vnd.jupyter.widget-view+json"
_PROTOCOL = "2.1.0"
#: The first ipykernel that can hear a page while a cell runs.
_HEARING_KERNEL = 7
#: A page that had so long to say hello, and so often did not, is not asked again.
_PATIENCE, _CHANCES = 3.0, 2

_unanswered = 0
_retired: deque[Any] = deque()
_RETIRED = 8


class Pane:
    """One answer's pane, from its offer to its end.

    ``answered`` turns true when a page has shown that it has widgets and can be heard; until then nothing is to
    be sent. Messages come in on another thread, which only sets flags and calls ``stop``.
    """

    def __init__(self, comm: Any, stop: Callable[[], object]) -> None:
        self._comm = comm
        self._stop = stop
        self._offered = time.monotonic()
        self._sent = 0  # messages
        self._frozen = 0  # characters of finished blocks that the page has
        self._seen: dict[str, str] = {}
        self._whole = True
        self.answered = False
        listen(comm, _state, self._hear)

    @property
    def bundle(self) -> dict[str, object]:
        """The output that shows the pane."""
        view = {"version_major": 2, "version_minor": 0, "model_id": self._comm.comm_id}
        return {VIEW: view, "text/plain": "…"}

    def start_over(self) -> None:
        """The words begin anew: what was sent of them is forgotten."""
        self._whole = True

    def send(self, *, frozen: str, tail: str, head: str, line: str, before: str = "") -> None:
        """Send what is new: finished blocks, what of the tail differs, and the others where they have changed.

        All of it is safe HTML, but for ``line`` (text). The page puts the tail together before it shows it.
        """
        whole, self._whole = self._whole, False
        if whole or len(frozen) < self._frozen:
            self._frozen, self._seen, whole = 0, {}, True
        patch: dict[str, object] = {"n": self._sent}
        if whole:
            patch["whole"] = True
        if len(frozen) > self._frozen:
            patch["add"] = frozen[self._frozen :]
        now = {"before": before, "tail": tail, "head": head, "line": line}
        patch.update({name: value for name, value in now.items() if self._seen.get(name) != value})
        if "tail" in patch and (same := shared(self._seen.get("tail", ""), tail)):
            patch["tail"], patch["keep"] = tail[same:], units(tail[:same])
        self._frozen, self._seen = len(frozen), now
        self._sent += 1
        self._comm.send({"method": "custom", "content": patch})

    def hush(self) -> None:
        """Have the page take back the question that stands in the cell: nobody waits for its answer."""
        self._comm.send({"method": "custom", "content": {"hush": True}})

    def close(self) -> None:
        """Take the pane away. What its page says after that falls on deaf ears."""
        close_comm(self._comm, answered=self.answered, offered=self._offered)

    def _hear(self, what: str, _: Mapping[str, Any]) -> None:
        if what == "hello":  # also from a page that was loaded again, or that missed something
            self._whole = self.answered = True
        elif what == "stop":
            self._stop()


def shared(before: str, after: str) -> int:
    """How many characters both begin with."""
    low, high = 0, min(len(before), len(after))
    while low < high:
        middle = (low + high + 1) // 2
        if before[low:middle] == after[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low


def units(text: str) -> int:
    """How long a page thinks that a text is."""
    return len(text) if text.isascii() else len(text.encode("utf-16-le", "surrogatepass")) // 2


def offer(shell: Any, stop: Callable[[], object]) -> Pane | None:
    """A pane, made but not shown, where a page may be listening; else nothing."""
    made = open_comm(_state) if may_have_a_page(shell) else None
    return None if made is None else Pane(made, stop)


def open_comm(state: Callable[[], Mapping[str, object]]) -> Any | None:
    """A comm to the page that runs the cell, which makes of ``state`` what it says; ``None`` where it can't be."""
    try:
        from comm import create_comm

        made = create_comm(
            target_name="jupyter.widget",
            data={"state": dict(state()), "buffer_paths": []},
            metadata={"version": _PROTOCOL},
        )
    except (ImportError, LookupError, OSError, RuntimeError):  # no comms here: it goes on without
        return None
    if hasattr(made, "_reply_subshell_for"):
        # Kernels from 7.4 answer on the shell that made the comm, which is busy with this very cell.
        made._reply_subshell_for = None
    return made


def listen(
    comm: Any, state: Callable[[], Mapping[str, object]], hear: Callable[[str, Mapping[str, Any]], object]
) -> None:
    """``hear(what, with)`` is called, on whatever thread, with all that the page says.

    A page that was loaded again asks for the state first, and makes no widget of anybody's until it has it.
    """

    def on_message(message: Mapping[str, Any]) -> None:
        data = message["content"].get("data") or {}
        if data.get("method") == "request_state":
            comm.send({"method": "update", "state": dict(state()), "buffer_paths": []})
        content = data.get("content") if data.get("method") == "custom" else None
        if isinstance(content, dict) and isinstance(content.get("say"), str):
            hear(content["say"], content)

    comm.on_msg(on_message)


def close_comm(comm: Any, *, answered: bool, offered: float) -> None:
    """Close a comm, and remember whether anybody listened to it, and since when somebody could have."""
    global _unanswered
    if answered:
        _unanswered = 0
    elif time.monotonic() - offered > _PATIENCE:
        _unanswered += 1
    comm.on_msg(None)
    comm.close()
    _keep_quiet(comm)


def may_have_a_page(shell: Any) -> bool:
    """Is it worth asking? Not where pages did not answer before; and only JupyterLab's notebooks (and VS Code's) name
    the cell when they run one, so that a notebook that is run by a program isn't asked, and keeps no widget's state."""
    if _unanswered >= _CHANCES or "google.colab" in sys.modules or not getattr(shell, "kernel", None):
        return False
    if page_cell(shell) is None:
        return False
    ipykernel = sys.modules.get("ipykernel")
    return getattr(ipykernel, "version_info", (0,))[0] >= _HEARING_KERNEL and _anywidget() is not None


def page_cell(shell: Any) -> str | None:
    """The cell that runs, as a page has named it; programs that run notebooks name none."""
    parent: Any = getattr(shell, "get_parent", dict)() or {}
    return (parent.get("metadata") or {}).get("cellId") or None


@lru_cache(maxsize=1)
def _anywidget() -> str | None:
    """Which anywidget the page would be asked for; ``None`` where it isn't installed."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        major, minor, *_ = version("anywidget").split(".")
    except (PackageNotFoundError, ValueError):
        return None
    return f"~{major}.{minor}.*"


@lru_cache(maxsize=1)
def _state() -> dict[str, object]:
    """What the page needs to make the pane."""
    here = files("llmkit.notebook")
    return widget_state(
        "pane", here.joinpath("pane.js").read_text("utf-8"), here.joinpath("pane.css").read_text("utf-8")
    )


def widget_state(name: str, script: str, style: str) -> dict[str, object]:
    """What a page needs to make a widget of ours."""
    version = _anywidget()
    return {
        "_model_module": "anywidget",
        "_model_module_version": version,
        "_model_name": "AnyModel",
        "_view_module": "anywidget",
        "_view_module_version": version,
        "_view_name": "AnyView",
        "_view_count": None,
        "_anywidget_id": f"llmkit.notebook.{name}",
        "_esm": script,
        "_css": style,
    }


def _keep_quiet(comm: Any) -> None:
    """Remember a closed comm for a while: a kernel warns, in some cell, of messages for one it doesn't know.

    Not as a widget: a page that is loaded again would ask for its state, and wait for it before all others.
    """
    from comm import get_comm_manager

    comm.target_name = "llmkit.closed"
    manager: Any = get_comm_manager()
    manager.register_comm(comm)
    _retired.append(comm)
    while len(_retired) > _RETIRED:
        old = _retired.popleft()
        if manager.comms.get(old.comm_id) is old:
            manager.unregister_comm(old)
