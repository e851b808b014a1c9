"""``%%llm`` and ``%llm``: a cell that talks to a model, shows the answer as it comes, and can be stopped.

Only the way from a cell to a stream and back lives here. Options are ``options.py``'s, interpolation is
``prompt.py``'s, what is shown is ``live.py``'s.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from IPython.core.magic import Magics, line_cell_magic, magics_class, no_var_expand
from IPython.core.magic_arguments import argument, magic_arguments
from traitlets import Enum, Float, Integer, Unicode

from llmkit.core.errors import Aborted, ConfigError
from llmkit.core.signal import Signal
from llmkit.engine.session import default_session
from llmkit.notebook.live import MODES, LiveAnswer, answer_for, has_something, reason
from llmkit.notebook.options import (
    THINK,
    Line,
    level,
    positive,
    read_line,
    read_prompt_line,
    usage_error,
    whole,
)
from llmkit.notebook.prompt import fill
from llmkit.notebook.visible import to_text

if TYPE_CHECKING:
    from llmkit.core.reply import Reply
    from llmkit.engine.stream import Stream

_DRAIN = 10  # looks at a stream that was closed, for its last word


class Interrupted(KeyboardInterrupt):
    """The kernel was interrupted while an answer came; what came is kept."""

    def __init__(self, partial: Reply, out: str | None = None) -> None:
        super().__init__("interrupted")
        self.partial = partial
        self.out = out

    def _render_traceback_(self) -> list[str]:
        if not has_something(self.partial):
            return ["■ Interrupted before anything came."]
        return [f"■ Interrupted. The partial answer is in {f'{self.out} and ' if self.out else ''}_llm."]


@magics_class
class LLMMagics(Magics):
    """Ask a language model from a cell."""

    model = Unicode("", help="The model when a cell names none (as %%llm takes it).").tag(config=True)
    system = Unicode("", help="The system prompt when a cell gives none.").tag(config=True)
    temperature = Float(None, allow_none=True, help="The temperature when a cell gives none.").tag(
        config=True
    )
    max_tokens = Integer(None, allow_none=True, help="The token limit when a cell gives none.").tag(
        config=True
    )
    display = Enum(
        ["", *MODES],
        default_value="",
        help="live: as it comes; final: once, at the end; none: not at all. Empty: as LLMKIT_DISPLAY says.",
    ).tag(config=True)

    def __init__(self, shell: Any) -> None:
        super().__init__(shell)
        self._ip = shell
        self._shown: tuple[Reply, int] | None = None

    @no_var_expand
    @magic_arguments()
    @argument("words", nargs="*", metavar="MODEL", help="in a cell: the model; on a line: the prompt")
    @argument("-m", "--model", help="the model: an alias (sonnet, luna, flash) or provider/model")
    @argument("-s", "--system", help="the system prompt")
    @argument("-o", "--out", metavar="VAR", help="also put the reply into this variable")
    @argument("--temperature", type=float, metavar="F", help="how freely to choose words")
    @argument("--max-tokens", type=whole, metavar="N", help="the longest answer")
    @argument("--think", type=level, metavar="LEVEL", help=f"{', '.join(THINK)}, or a number of tokens")
    @argument("--timeout", type=positive, metavar="S", help="give up after so many seconds")
    @argument("--tag", metavar="T", help="a word to find this call by in usage()")
    @argument("--raw", action="store_true", help="send the prompt as it is: {{ }} means nothing")
    @argument("-q", "--quiet", action="store_true", help="show nothing; the reply is still returned")
    @line_cell_magic
    def llm(self, line: str, cell: str | None = None) -> Any:
        """Ask a model. The cell is the prompt; the answer streams in below it.

        On a line (%llm, also as  answer = %llm ...), options come first, then the prompt.

        {{ expr }} in the prompt becomes the value of that expression over your variables (a DataFrame
        becomes a table); \\{{ stands for the braces themselves.

        The reply is the value of the cell (_), is kept in _llm, and with -o in a variable of yours:
        reply.text, reply.usage, reply.cost, reply.json.  Interrupt the kernel to stop an answer; what
        came is kept.
        """
        if cell is None:
            asked, prompt = read_prompt_line(self.llm.parser, line)
            model, prompt = self._named_in(asked, prompt)
        else:
            asked, prompt = read_line(self.llm.parser, line), cell.removesuffix("\n")
            model = self._model_of(asked)
        if not prompt.strip():
            raise usage_error("The prompt is empty")
        notes: tuple[str, ...] = ()
        if not asked.raw:
            filled = fill(prompt, self._ip.user_ns)
            prompt, notes = filled.text, filled.notes
        answer = answer_for(self._ip, _label(model), "none" if asked.quiet else self.display)
        stream = self._stream(asked, model, prompt)
        if not asked.quiet:
            for note in notes:
                sys.stdout.write(to_text(f"note: {note}\n"))
        return self._follow(stream, answer, asked.out)

    # -- inside -------------------------------------------------------------------------------

    def _model_of(self, asked: Line) -> str | None:
        """The model that a cell's line names, or the configured one."""
        names = [*asked.words, *([asked.model] if asked.model else [])]
        if len(names) > 1:
            raise usage_error(f"One model a cell, not {' and '.join(names)} (the prompt goes below the line)")
        return names[0] if names else self.model or None

    def _named_in(self, asked: Line, prompt: str) -> tuple[str | None, str]:
        """The model for ``%llm``, where the first word may be one if it can be nothing else."""
        first, _, rest = prompt.partition(" ")
        if asked.model is None and "/" in first and self._knows(first):
            return first, rest.lstrip()
        return asked.model or self.model or None, prompt

    def _knows(self, name: str) -> bool:
        try:
            default_session().resolve(name)
        except ConfigError:
            return False
        return True

    def _stream(self, asked: Line, model: str | None, prompt: str) -> Stream:
        options: dict[str, Any] = {
            "temperature": asked.temperature if asked.temperature is not None else self.temperature,
            "max_tokens": asked.max_tokens or self.max_tokens,
            "think": asked.think,
        }
        return default_session().stream(
            prompt,
            model=model,
            system=asked.system or self.system or None,
            signal=Signal.timeout(asked.timeout) if asked.timeout else None,
            tag=asked.tag,
            cell=_cell_id(self._ip),
            **{name: value for name, value in options.items() if value is not None},
        )

    def _follow(self, stream: Stream, answer: LiveAnswer, out: str | None) -> Reply:
        """Show the stream to its end, whatever that is, and keep the reply."""
        try:
            answer.start(stream.stop)
            for batch in stream.batches():
                answer.take(batch)
        except KeyboardInterrupt:
            partial = _last_word(stream)
            self._keep(partial, out)
            answer.end(partial, "Interrupted. This is the answer as far as it came.")
            raise Interrupted(partial, out) from None
        finally:
            stream.close()
        error = stream.error
        reply = stream.partial
        if error is not None and not isinstance(error, Aborted):
            self._keep(reply, out) if has_something(reply) else None
            answer.end(reply, reason(error) if has_something(reply) else "No answer came.")
            raise error
        answer.end(reply, "" if error is None else reason(error))
        self._keep(reply, out)
        self._shown = (reply, self._ip.execution_count)
        return reply

    def _keep(self, reply: Reply, out: str | None) -> None:
        self._ip.user_ns["_llm"] = reply
        if out:
            self._ip.user_ns[out] = reply

    def print_once(self, reply: Reply) -> None:
        """The display hook's turn: a reply that this very cell has just shown is not shown twice.

        Raising ``NotImplementedError`` is IPython's way of saying: show it as you would otherwise.
        """
        shown, self._shown = self._shown, None
        just = shown is not None and shown[0] is reply and shown[1] == self._ip.execution_count
        if not just:
            raise NotImplementedError
        if not hasattr(self._ip, "kernel"):
            sys.stdout.write("↑ (the reply is also in _llm)\n")


def _label(model: str | None) -> str:
    """The model's full name, for the line under an answer that is being written."""
    provider, name = default_session().resolve(model)
    return f"{provider.name}/{name}"


def _last_word(stream: Stream) -> Reply:
    """Close a stream that was left, and read what it still has to say (its usage, its timing)."""
    stream.close()
    for looks, _ in enumerate(stream.batches(0.05)):
        if looks >= _DRAIN:
            break
    partial = stream.partial
    return partial.with_(complete=False) if partial.complete else partial


def _cell_id(shell: Any) -> str | None:
    """JupyterLab's id of the cell that runs, where there is one."""
    parent = getattr(shell, "parent_header", None) or getattr(shell, "get_parent", dict)() or {}
    metadata = parent.get("metadata") or {}
    found = metadata.get("cellId") or metadata.get("cell_id")
    return str(found) if found else None
