"""``%%llm --bg``: an answer that comes into its cell while other cells run, and the handle to it.

A thread of its own takes the batches and sends the updates. They go to their output by its display id, and the
thread runs in the context of the cell that began it, so that a kernel knows which cell a pane belongs to. The kernel's
interrupt reaches the main thread alone: what runs here goes on. Which answers run is known here, so that they
can be listed and stopped, and are stopped when the kernel ends.
"""

from __future__ import annotations

import atexit
import contextvars
import sys
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from llmkit.core.errors import Aborted, LLMKitError
from llmkit.core.reply import Reply
from llmkit.engine.session import default_session, pending_news
from llmkit.engine.stream import Stream
from llmkit.engine.whereabouts import kernel_shell
from llmkit.notebook.interrupted import Interrupted
from llmkit.notebook.listing import short
from llmkit.notebook.live import LiveAnswer, answer_for, has_something, reason
from llmkit.notebook.pane import page_cell
from llmkit.notebook.static import reply_bundle

if TYPE_CHECKING:
    from llmkit.notebook.inquiry import Inquiry

_LOOK_UP_SECONDS = 0.05
_GOODBYE_SECONDS = 1.0

_running: list[Background] = []


class Background:
    """A running answer, and what has become of it.

    >>> job.done, job.text  # doctest: +SKIP
    (False, 'The sky is')
    >>> job.reply().cost  # doctest: +SKIP
    """

    def __init__(
        self, stream: Stream, answer: LiveAnswer, *, model: str, question: str, keep: Callable[[Reply], None]
    ) -> None:
        self.model = model
        self.question = question
        self._stream = stream
        self._answer: LiveAnswer | None = answer
        self._keep = keep
        self._over = threading.Event()
        self._trouble: Exception | None = None
        self._begun = time.monotonic()
        self._shown_in: int | None = None
        #: Does its cell wait for it?
        self.stays = False

    # -- looking ------------------------------------------------------------------------------

    @property
    def done(self) -> bool:
        """Is it over, one way or another, and shown in its cell?"""
        return self._over.is_set()

    @property
    def text(self) -> str:
        """The words so far."""
        return self._stream.text

    @property
    def error(self) -> LLMKitError | None:
        """What went wrong, once it has."""
        return self._stream.error

    @property
    def state(self) -> str:
        """How it stands: "running", "done", "stopped" or "failed"."""
        if not self.done:
            return "running"
        match self.error:
            case None:
                return "done"
            case Aborted():
                return "stopped"
            case _:
                return "failed"

    @property
    def seconds(self) -> float:
        """How long it has been running."""
        return time.monotonic() - self._begun

    def reply(self, timeout: float | None = None) -> Reply:
        """Wait for the end, and return the reply; a stopped answer is returned as far as it came.

        A failed call raises its error (with what came in ``.partial``), and so does waiting for longer than
        ``timeout`` seconds (a ``TimeoutError``). Interrupting the wait leaves the answer running.
        """
        until = None if timeout is None else time.monotonic() + timeout
        while not self._over.wait(_LOOK_UP_SECONDS):
            if until is not None and time.monotonic() >= until:
                raise TimeoutError(f"The answer is still coming after {timeout:g} s; it goes on.")
        if (error := self.error) is not None and not isinstance(error, Aborted):
            raise error
        return self._stream.partial

    def stop(self) -> None:
        """Stop it. What came is kept. Nothing happens if it is over."""
        self._stream.stop()

    def __repr__(self) -> str:
        said = f": {self.error.what}" if self.error is not None and self.state == "failed" else ""
        unseen = f"; it could not be shown ({self._trouble})" if self._trouble is not None else ""
        return f"<Background {self.model}, {self.state}, {len(self.text)} characters{said}{unseen}>"

    def _ipython_display_(self) -> None:
        """Not twice in one cell: what its cell shows is the answer itself."""
        shown, self._shown_in = self._shown_in, None
        shell = kernel_shell()
        if shell is None or shown != shell.execution_count:
            raise NotImplementedError  # IPython's way of saying: show it as you would otherwise

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        return reply_bundle(self._stream.partial, self._said()) if self.done else {"text/plain": repr(self)}

    # -- running ------------------------------------------------------------------------------

    def start(self, shell: Any) -> None:
        """Show the first sign of it in the running cell, and leave."""
        if not _running:
            atexit.unregister(_goodbye)
            atexit.register(
                _goodbye
            )  # the last to be registered is the first to go: before what it stops needs
        self._shown_in = shell.execution_count
        if self._answer is not None:
            self._answer.start(self.stop)
        _running.append(self)
        context = contextvars.copy_context()
        threading.Thread(target=context.run, args=(self._run,), name="llmkit-bg", daemon=True).start()

    def settle_in(self, out: str | None = None) -> Background:
        """Leave the cell; or, where nobody would see what comes later, stay until it is over.

        Interrupting that stops it.
        """
        try:
            while self.stays and not self._over.wait(_LOOK_UP_SECONDS):
                pass
        except KeyboardInterrupt:
            self.stop()
            self._over.wait(_GOODBYE_SECONDS)
            raise Interrupted.answer(self._stream.partial, out or "its handle") from None
        return self

    def _run(self) -> None:
        try:
            for batch in self._stream.batches():
                self._show(lambda answer, batch=batch: answer.take(batch))  # type: ignore[misc]
            reply = self._stream.partial
            if has_something(reply):
                self._keep(reply)
            shown = reply.with_(notes=(*reply.notes, *pending_news()))
            self._show(lambda answer: answer.end(shown, self._said()))
        finally:
            _running.remove(self)
            self._over.set()

    def _show(self, send: Callable[[LiveAnswer], None]) -> None:
        """An answer that can't be shown (its page is gone) still comes to its end."""
        if self._answer is None:
            return
        try:
            send(self._answer)
        except Exception as error:  # noqa: BLE001  whatever a front end's channel raises; repr() tells
            self._answer, self._trouble = None, error

    def _said(self) -> str:
        error = self.error
        if error is None:
            return ""
        return reason(error) if isinstance(error, Aborted) else f"{type(error).__name__}: {error}"


def begin(shell: Any, inquiry: Inquiry, display: str, keep: Callable[[Reply], None]) -> Background:
    """Ask, and come back at once.

    Only a page that outlives its cell can show what comes later: a notebook that a program runs (nbclient,
    nbval, papermill), a captured cell and ``LLMKIT_DISPLAY=final`` wait for the answer instead, so that it isn't
    lost. A terminal, like ``none``, shows nothing: the answer is in the handle.
    """
    if not hasattr(shell, "kernel"):
        display = "none"
    answer = answer_for(shell, inquiry.model, display)
    job = Background(
        inquiry.send(default_session()),
        answer,
        model=inquiry.model,
        question=short(inquiry.asked.text),
        keep=keep,
    )
    job.stays = answer.mode != "none" and not (answer.mode == "live" and page_stays(shell))
    job.start(shell)
    return job


def page_stays(shell: Any) -> bool:
    """Is there a page that goes on listening when the cell is over? Such pages name the cell they run."""
    if "google.colab" in sys.modules:
        return True
    return page_cell(shell) is not None


def running() -> tuple[Background, ...]:
    """Those that are not over, the oldest first."""
    return tuple(_running)


def _goodbye() -> None:
    """The kernel ends: stop what runs, so that its connection is closed and its row is settled."""
    jobs = running()
    for job in jobs:
        job.stop()
    until = time.monotonic() + _GOODBYE_SECONDS
    for job in jobs:
        job._over.wait(max(0.0, until - time.monotonic()))
