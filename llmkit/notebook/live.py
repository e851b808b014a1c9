"""An answer growing in its cell: one output, sent again now and then, and swapped for the static form at the end.

The caller's thread does all display calls; nothing is sent per token (``throttle.py``). It begins as HTML that
is sent again whole, and moves into a pane with a Stop button once a page has said that it can (``pane.py``).
What the last form looks like is ``static.py``'s business, what a terminal shows ``terminal.py``'s.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, Protocol, assert_never

from llmkit.core.errors import Aborted, BadRequest, LLMKitError, SchemaError
from llmkit.core.events import (
    Done,
    Event,
    Failed,
    Rerouted,
    Retrying,
    ServerTool,
    Text,
    Thinking,
    ToolCall,
    ToolCallDelta,
    ToolResult,
)
from llmkit.core.reply import Reply
from llmkit.notebook.captured import takes_no_updates
from llmkit.notebook.incremental import LETTERS, Incremental
from llmkit.notebook.pane import Pane, offer
from llmkit.notebook.rounds import Trail, called, on_a_line, used
from llmkit.notebook.safe import escape
from llmkit.notebook.spent import spending
from llmkit.notebook.static import QUIET, reply_bundle, seconds, steps_of, what_is_missing
from llmkit.notebook.terminal import TerminalView, to_stdout
from llmkit.notebook.throttle import Throttle
from llmkit.providers.keys import mask, mask_growing

Mode = Literal["live", "final", "none"]
#: What may be asked for: ``html`` is ``live`` without the pane.
MODES = ("live", "html", "final", "none")
_THINKING_SHOWN = 1_200
_HEARTBEAT = 1.0
#: An answer that is over sooner needs no Stop button.
_OFFER_AFTER = 0.25
#: Patches a second: an answer of four seconds is then well under seventy messages.
_PATCHES_PER_SECOND = 12
_LIVE_LINE = f"{QUIET};margin-top:.5em"

Bundle = Mapping[str, object]
Stop = Callable[[], object]
Offer = Callable[[Stop], Pane | None]


class Output(Protocol):
    """One output of a cell: shown once, then replaced in place."""

    def show(self, bundle: Bundle) -> None:
        """Publish it."""

    def update(self, bundle: Bundle) -> None:
        """Replace it."""


class DisplayOutput:
    """An IPython display with an id."""

    def __init__(self) -> None:
        self._handle: Any = None

    def show(self, bundle: Bundle) -> None:
        """Publish it under a new display id."""
        from IPython.display import DisplayHandle

        self._handle = DisplayHandle()  # there before it is published: an interrupt may come in between
        self._handle.display(dict(bundle), raw=True)

    def update(self, bundle: Bundle) -> None:
        """Replace it wherever that display id is shown."""
        if self._handle is None:
            self.show(bundle)
        else:
            self._handle.update(dict(bundle), raw=True)


class LiveAnswer:
    """Shows one answer while it comes.

    ``live`` sends one output again and again, ``final`` sends it once at the end, ``none`` shows nothing.
    Without a front end that takes rich output (a terminal), ``live`` writes text as it comes.
    """

    def __init__(
        self,
        label: str = "",
        *,
        mode: Mode = "live",
        output: Output | None = None,
        terminal: Callable[[str], object] | None = None,
        offer: Offer | None = None,
        spent: Callable[[Reply], str] = lambda _: "",
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.label = label
        self.mode = mode
        #: Must a tool wait for its user's word?
        self.asks_first = False
        self._asking = False
        self._offer = offer
        self._spent = spent
        self._stop: Stop | None = None
        self._pane: Pane | None = None
        self._in_pane = False
        self._output = output or DisplayOutput()
        self._terminal = TerminalView(terminal) if terminal is not None and mode != "none" else None
        self._clock = clock
        self._throttle = Throttle(clock=clock)
        self._trail = Trail()
        self._page = Incremental()
        self._text: list[str] = []
        self._thinking = ""
        self._thought_words = 0
        self._status = ""
        self._fresh = False
        self._begun = clock()
        self._last_push = self._begun

    @property
    def pushes(self) -> int:
        """How many times the growing answer was sent."""
        return self._throttle.pushes

    @property
    def _sends_frames(self) -> bool:
        return self.mode == "live" and self._terminal is None

    def start(self, stop: Stop | None = None) -> None:
        """The first sign of life, before anything has come. ``stop`` is what a Stop button would do."""
        self._begun = self._last_push = self._clock()
        self._stop = stop
        if self._sends_frames:
            self._output.show(self._frame())

    def take(self, batch: Sequence[Event]) -> None:
        """Some events, or none: a chance to send what has come since."""
        for event in batch:
            self._note(event)
        if not self._sends_frames:
            return
        if batch and isinstance(batch[-1], Done | Failed):
            if self._in_pane and self._fresh:
                self._push()  # cheap, and the last words needn't wait until the whole is rendered
            return
        self._make_offer()
        silent = self._clock() - self._last_push >= _HEARTBEAT
        if (self._fresh or silent or self._may_move) and self._throttle.ready():
            self._push()

    def end(self, reply: Reply, said: str = "") -> None:
        """The last form: the static bundle, in the same place."""
        said = said or what_is_missing(reply)
        if said == STOPPED and not has_something(reply):
            said = "Stopped before anything came."
        if self.mode == "none":
            return
        more = self._spent(reply)
        if self._terminal is not None:
            if self.mode == "final":
                for step in steps_of(reply):
                    self._terminal.text(step.reply.text)
                    for each in used(step.reply.tool_calls, step.results):
                        if each.result is not None:
                            self._terminal.note(each.plain())
            if self._asking:
                self._terminal.leave_question()
            self._terminal.end(reply, said, more)
        elif self.mode == "live":
            if self._pane is not None and self._asking:
                self._pane.hush()
            self._output.update(reply_bundle(reply, said, more))
            if self._pane is not None:
                self._pane.close()
        elif has_something(reply) or reply.complete:
            self._output.show(reply_bundle(reply, said, more))

    def pause(self, call: ToolCall, doing: str, *, asking: bool = False) -> None:
        """What goes on with a call now; it is shown at once, for the cell may be about to wait (``asking``)."""
        self._trail.doing(call, doing)
        self._asking = asking
        self._status = f"{call.name} {doing}"
        if self._sends_frames:
            self._push()

    # -- inside -------------------------------------------------------------------------------

    def _note(self, event: Event) -> None:
        match event:
            case Text(text):
                self._text.append(text)
                self._status = ""
                if self._terminal is not None and self.mode == "live":
                    self._terminal.text(text)
            case Thinking(text):
                before = self._thinking[-1:]  # a word may come in pieces
                self._thought_words += len((before + text).split()) - len(before.split())
                self._thinking = (self._thinking + text)[-4 * _THINKING_SHOWN :]
                self._status = "thinking"
            case ToolCallDelta(_, _, name):
                self._status = f"asking for {name}" if name else self._status
            case ToolCall(_, name, arguments):
                self._close_words()
                self._trail.call(event, "waits" if self.asks_first else "running")
                self._say(on_a_line(mask(called(name, arguments))), f"asking for {name}")
            case ToolResult(_, name, content, is_error):
                self._trail.result(event)
                self._say(
                    f"{'✗' if is_error else '→'} {on_a_line(mask(content))}",
                    f"{name} {'failed' if is_error else 'answered'}",
                )
            case ServerTool(_, name, arguments, state, content):
                if state == "running":
                    self._close_words()
                self._trail.server(event)
                words = on_a_line(mask(called(name, arguments) if state == "running" else content))
                mark = {"running": "", "done": "→ ", "failed": "✗ "}[state]
                self._say(
                    mark + words,
                    {"running": name, "done": f"{name} answered", "failed": f"{name} failed"}[state],
                )
            case Retrying(attempt, delay, error):
                self._say(f"{error.what} Attempt {attempt + 1} in {seconds(delay)}.")
            case Rerouted(origin, target, why, anew):
                self.label = self.label.replace(origin, target)
                if anew:
                    self._begin_anew()
                self._say(f"{origin} → {target}: {why}")
            case Done() | Failed():
                return
            case _:
                assert_never(event)
        self._fresh = True

    def _close_words(self) -> None:
        """A call ends what was being written; words that come later are a new answer below it."""
        thoughts, _ = self._body()
        text = self._text[0] if self._text else ""
        self._trail.words(thoughts + (self._page.finish(mask(text)) if text else ""))
        self._begin_anew()

    def _begin_anew(self) -> None:
        """The words that come are those of another answer."""
        self._text, self._page = [], Incremental()
        self._thinking, self._thought_words = "", 0
        if self._pane is not None:
            self._pane.start_over()

    def _say(self, words: str, status: str = "") -> None:
        self._status = status or words
        if self._terminal is not None:
            self._terminal.note(words)

    @property
    def _may_move(self) -> bool:
        return self._pane is not None and self._pane.answered and not self._in_pane

    def _make_offer(self) -> None:
        late = self._clock() - self._begun >= _OFFER_AFTER
        if late and self._offer is not None and self._stop is not None:
            self._pane, self._offer = self._offer(self._stop), None

    def _push(self) -> None:
        began = self._clock()
        if self._pane and self._pane.answered:
            characters = markup = self._patch(self._pane)
        else:
            markup = self._resend()
            characters = len(self._text[0]) if self._text else 0
        self._last_push = self._clock()
        self._throttle.pushed(characters=characters, markup=markup, seconds=self._last_push - began)
        self._fresh = False

    def _resend(self) -> int:
        frame = self._frame()
        self._output.update(frame)
        return len(frame["text/html"])

    def _patch(self, pane: Pane) -> int:
        """What is new goes into the pane, and the pane, the first time, into the output."""
        head, _ = self._body()
        before = self._trail.html
        pane.send(before=before, head=head, frozen=self._page.frozen, tail=self._page.tail, line=self._line())
        if not self._in_pane:
            self._in_pane = True
            self._throttle = self._throttle.slowed(_PATCHES_PER_SECOND)
            self._output.update(pane.bundle)
        return len(self._page.tail)

    def _body(self) -> tuple[str, str]:
        """The thoughts and the words so far."""
        if len(self._text) > 1:
            self._text = ["".join(self._text)]
        text = self._text[0] if self._text else ""
        return self._thoughts(answering=bool(text)), self._page.update(
            mask_growing(text, LETTERS)
        ) if text else ""

    def _frame(self) -> dict[str, str]:
        """The answer so far. Plain text waits for the end: a page that shows frames shows HTML."""
        head, body = self._body()
        return {
            "text/html": f'<div class="llmkit-reply" style="max-width:56em">{self._trail.html}{head}{body}'
            f'<div class="llmkit-live tex2jax_ignore mathjax_ignore" style="{_LIVE_LINE}">{escape(self._line())}</div></div>',
            "text/plain": f"… {escape(self.label)}".strip(),
        }

    def _line(self) -> str:
        elapsed = self._clock() - self._begun
        doing = self._status or ("writing" if self._text else "waiting")
        told = ["●", *([self.label, "·"] if self.label else []), doing]
        if elapsed >= _HEARTBEAT:
            told += ["·", f"{elapsed:.0f} s"]
            if not (self._pane and self._pane.answered):
                told += ["·", "interrupt (■) stops it"]
        return " ".join(told)

    def _thoughts(self, *, answering: bool) -> str:
        if not self._thinking:
            return ""
        if answering:
            words = f"{self._thought_words:,} word{'' if self._thought_words == 1 else 's'}"
            return f'<div style="{QUIET};margin-bottom:.5em">Thought for {words}</div>'
        thought = mask_growing(self._thinking, LETTERS)
        shown = thought[-_THINKING_SHOWN:]
        if len(shown) < len(thought):
            shown = "… " + shown.partition(" ")[2]
        return (
            '<div class="tex2jax_ignore mathjax_ignore" style="white-space:pre-wrap;font-style:italic;opacity:.7;'
            f'padding-left:.8em;border-left:2px solid rgba(127,127,127,.4)">{escape(shown)}</div>'
        )


def has_something(reply: Reply) -> bool:
    """Is there anything in it to show?"""
    return bool(reply.text or reply.tool_calls or reply.thinking or reply.refusal)


#: An answer that was stopped by its button ends its cell well: it was enough, and the next cell may run.
STOPPED = "Stopped. This is the answer as far as it came."


def reason(error: LLMKitError) -> str:
    """Why an answer ended early, in one line above its footer."""
    if isinstance(error, Aborted):
        return STOPPED
    what = error.what.splitlines()[0] if error.what else type(error).__name__
    whole = isinstance(error, SchemaError)  # it came to its end, and is not what was asked for
    return what if whole else f"{what} This is the answer as far as it came."


def mode_of(configured: str = "") -> Mode:
    """How to show answers: as configured, else as ``LLMKIT_DISPLAY`` says, else live."""
    match wanted(configured):
        case "live" | "html":
            return "live"
        case "final":
            return "final"
        case "none":
            return "none"
        case other:
            raise BadRequest(
                f"There is no display mode {other!r}.",
                why="It comes from LLMKIT_DISPLAY or from %config LLMKit.display.",
                hint=f"Modes are {', '.join(MODES)}.",
            )


def wanted(configured: str = "") -> str:
    """The word for it, whatever it is."""
    return (configured or os.environ.get("LLMKIT_DISPLAY", "") or "live").strip().lower()


def answer_for(shell: Any, label: str, configured: str = "") -> LiveAnswer:
    """The right display for this shell: rich in a kernel, text in a terminal, once where output is captured."""
    mode = mode_of(configured)
    if not hasattr(shell, "kernel"):
        return LiveAnswer(label, mode=mode, terminal=to_stdout, spent=spending.after)
    if mode == "live" and takes_no_updates(shell):
        mode = "final"
    may = mode == "live" and wanted(configured) != "html"
    return LiveAnswer(
        label, mode=mode, offer=(lambda stop: offer(shell, stop)) if may else None, spent=spending.after
    )
