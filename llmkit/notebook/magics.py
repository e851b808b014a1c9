"""``%%llm`` and ``%llm``: a cell that talks to a model, shows the answer as it comes, and can be stopped.

Only the way from a cell to a stream and back lives here. Options are ``options.py``'s, interpolation is
``prompt.py``'s, what is shown is ``live.py``'s.
"""

from __future__ import annotations

import re
import sys
import threading
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from IPython.core.magic import Magics, line_cell_magic, magics_class, no_var_expand
from IPython.core.magic_arguments import argument, magic_arguments

from llmkit.core.errors import Aborted, BadRequest
from llmkit.core.messages import Message, Part, TextPart
from llmkit.engine.session import default_session
from llmkit.engine.structured import Shape
from llmkit.engine.tool_loop import DEFAULT_ROUNDS
from llmkit.engine.toolbox import Toolbox
from llmkit.engine.whereabouts import cell_id
from llmkit.notebook import background, routes, several
from llmkit.notebook.attach import attach
from llmkit.notebook.commands import read_command
from llmkit.notebook.consent import Desk, Trust, can_ask, nobody_to_ask
from llmkit.notebook.conversation import Conversation, Turn, worth_keeping
from llmkit.notebook.defaults import LLMKit
from llmkit.notebook.fix import is_model
from llmkit.notebook.formats import FORMATS, shape_of, value_of
from llmkit.notebook.inquiry import Inquiry
from llmkit.notebook.interrupted import Interrupted
from llmkit.notebook.live import LiveAnswer, answer_for, has_something, reason
from llmkit.notebook.options import (
    THINK,
    Line,
    count,
    dollars,
    heat,
    level,
    models,
    positive,
    read_line,
    read_prompt_line,
    rounds,
    settled,
    usage_error,
    whole,
)
from llmkit.notebook.prompt import fill
from llmkit.notebook.tools import names_in, tools_named
from llmkit.notebook.trouble import NoTrouble, Witness
from llmkit.notebook.visible import to_text

if TYPE_CHECKING:
    from llmkit.core.reply import Reply
    from llmkit.engine.stream import Stream
    from llmkit.jobs.compare import Comparison
    from llmkit.notebook.background import Background

#: What an error says to those who caught it; a cell has a variable instead.
_PARTIAL = re.compile(r"(?:What (?:arrived|came)|The answer) is (?:kept )?in `error\.partial`\.")
_DRAIN = 10  # looks at a stream that was closed, for its last word


@magics_class
class LLMMagics(Magics):
    """Ask a language model from a cell."""

    def __init__(self, shell: Any) -> None:
        super().__init__(shell)
        self._ip = shell
        self.defaults = LLMKit(parent=shell)
        self._shown: tuple[Reply, int] | None = None
        #: What was asked last, for %llm route.
        self.last: Inquiry | None = None
        #: What remembers the last exception, for {{ Err }} and %llm fix.
        self.witness = Witness()
        #: The conversations of this kernel by name; "" is the notebook's own.
        self.conversations: dict[str, Conversation] = {}
        self._adding = threading.Lock()
        #: The tools that need not ask any more.
        self.trust = Trust()

    @no_var_expand
    @magic_arguments()
    @argument("words", nargs="*", metavar="MODEL", help="in a cell: the model; on a line: the prompt")
    @argument("-m", "--model", help="the model: an alias (sonnet, luna, flash) or provider/model")
    @argument("-s", "--system", help="the system prompt")
    @argument("-o", "--out", metavar="VAR", help="also put the reply into this variable")
    @argument("--temperature", type=heat, metavar="F", help="how freely to choose words")
    @argument("--max-tokens", type=whole, metavar="N", help="the longest answer")
    @argument("--think", type=level, metavar="LEVEL", help=f"{', '.join(THINK)}, or a number of tokens")
    @argument("-a", "--attach", action="append", metavar="FILE|URL|VAR", help="send this along (one or more)")
    @argument(
        "--schema",
        metavar="VAR",
        help='a JSON schema, pydantic model or dataclass to follow, or words: "[city, people int]"',
    )
    @argument(
        "-t",
        "--tool",
        dest="tools",
        action="append",
        metavar="FUNCTION",
        help="let the model call this function of yours; it asks before (one or more)",
    )
    @argument("--yes-tools", action="store_true", help="let tools run without asking")
    @argument("--max-rounds", type=rounds, metavar="N", help="how often tools may run (10)")
    @argument("-f", "--format", choices=FORMATS, help="what the answer is made into: see _llm_value")
    @argument("-c", "--conversation", metavar="NAME", help="go on with the conversation of that name")
    @argument("--new", action="store_true", help="start the conversation over")
    @argument("--no-history", action="store_true", help="ask alone: neither read nor write a conversation")
    @argument("--task", metavar="TASK", help="what it is for (coding, planning, …): llmkit picks the model")
    @argument("--strategy", metavar="STRATEGY", help="how the model is picked: balanced, cost-optimized, …")
    @argument(
        "--fallback",
        type=models,
        metavar="MODEL,MODEL",
        help="asked one after the other if the model fails before its first word",
    )
    @argument(
        "--compare",
        type=models,
        metavar="MODEL,MODEL",
        help="ask these models, and see the answers side by side",
    )
    @argument("--repeat", type=count, metavar="N", help="ask so many times, side by side")
    @argument("--bg", action="store_true", help="return at once; the answer comes while other cells run")
    @argument("--dry-run", action="store_true", help="show what would be sent and its cost; send nothing")
    @argument("--budget", type=dollars, metavar="USD", help="what this call may cost at most")
    @argument("--timeout", type=positive, metavar="S", help="give up after so many seconds")
    @argument("--tag", metavar="T", help="a word to find this call by in usage()")
    @argument("--raw", action="store_true", help="send the prompt as it is: {{ }} means nothing")
    @argument("-q", "--quiet", action="store_true", help="show nothing; the reply is still returned")
    @line_cell_magic
    def llm(self, line: str, cell: str | None = None) -> Any:
        """Ask a model. The cell is the prompt; the answer streams in below it.

        On a line (%llm, also as  answer = %llm ...), options come first, then the prompt.

        A cell goes on from the cells before it (-c, --new, --no-history); a line stands alone.
        %llm help lists what else there is: %llm chat, %llm models, %llm usage ...

        With -t, the model may call a function of yours: type hints and docstring tell it how. You are
        asked before each call: [y]es, [n]o, [a]lways this tool, [q]uit.

        {{ expr }} in the prompt becomes the value of that expression over your variables (a DataFrame
        becomes a table); \\{{ stands for the braces themselves.

        The reply is the value of the cell (_), is kept in _llm, and with -o in a variable of yours:
        reply.text, reply.usage, reply.cost, reply.json.  Interrupt the kernel to stop an answer; what
        came is kept.  With --compare or --repeat it is a Comparison, with --bg a handle: see docs/cell.md.
        """
        if cell is None:
            if (command := read_command(line)) is not None:
                return command[0].run(self, command[1])
            asked, prompt = read_prompt_line(self.llm.parser, line)
            model, prompt = self._named_in(asked, prompt)
        else:
            asked, prompt = read_line(self.llm.parser, line, is_model), cell.removesuffix("\n")
            model = self._model_of(asked)
        if not prompt.strip():
            raise usage_error("The prompt is empty")
        asked = settled(asked, self.defaults.value, on_a_line=cell is None)
        notes: list[str] = []
        parts: tuple[Part, ...] = (TextPart(prompt),)
        if not (asked.raw or self.defaults.value("raw")):
            filled = fill(prompt, {"Err": self.witness.last() or NoTrouble(), **self._ip.user_ns})
            parts, notes = filled.parts, list(filled.notes)
        attached, more = attach(asked.attach, self._ip.user_ns)
        notes += more
        name = self._conversation_of(asked, on_a_line=cell is None)
        talk = Conversation() if name is None else self.conversations.get(name, Conversation())
        before, news = self._before(talk, new=asked.new)
        shape = None if asked.schema is None else shape_of(asked.schema, self._ip.user_ns)
        inquiry = self._inquiry(asked, model, Message.user(*parts, *attached), before)
        box, desk = self._tools(asked)
        inquiry = replace(inquiry, schema=None if shape is None else shape.schema, tools=box)
        named = model is not None and (
            bool(asked.words or asked.model) or model != self.defaults.value("model")
        )
        task, strategy = self._picked(asked, named=named)
        if task is not None or strategy is not None:
            inquiry = routes.fitted(default_session(), inquiry, task, strategy, named=named)
        self.last = inquiry
        inquiries = several.inquiries(inquiry, asked.compare) if asked.several else [inquiry]
        notes += [note for note in (news, *(one.check() for one in inquiries)) if note]
        if asked.dry_run:
            looks = "\n\n".join(one.look(default_session()) for one in inquiries)
            sys.stdout.write(to_text(f"{looks}\n"))
            self._say(notes)
            return None
        quiet = asked.quiet or bool(self.defaults.value("quiet"))
        if not quiet:
            self._say(notes)
        if asked.several:
            return self._compare(inquiries, asked, quiet=quiet)
        wanted = (
            "md" if asked.bg else asked.format or self.defaults.value("format") or ("json" if shape else "md")
        )
        display = "none" if quiet or wanted == "text" else self.defaults.value("display") or ""

        def add(reply: Reply) -> None:
            self._add(name, talk, asked, inquiry, reply)

        if asked.bg:
            if desk is not None:
                raise nobody_to_ask("with --bg")
            return self._leave_running(inquiry, display, asked.out, add)
        if desk is not None and not can_ask(self._ip):
            raise nobody_to_ask()
        answer = answer_for(self._ip, inquiry.label, display)
        answer.asks_first = desk is not None
        reply = self._follow(inquiry.send(default_session(), desk), answer, asked.out, add, desk)
        if wanted != "md":
            self._make(reply, wanted, shape, asked.out, quiet=quiet)
        return reply

    def consult(self, text: str, *, system: str, model: str | None = None) -> Reply:
        """Ask something of llmkit's own making, beside any conversation, and show the answer as it comes."""
        asked = Line(system=system, model=model)
        inquiry = self._inquiry(asked, self._model_of(asked), Message.user(text), Conversation())
        self._say([note for note in (inquiry.check(),) if note])
        answer = answer_for(self._ip, inquiry.model, self.defaults.value("display") or "")
        return self._follow(inquiry.send(default_session()), answer, None, lambda _: None)

    # -- inside -------------------------------------------------------------------------------

    def _model_of(self, asked: Line) -> str | None:
        """The model that a cell's line names, or the configured one."""
        names = [*asked.words, *([asked.model] if asked.model else [])]
        if len(names) > 1:
            raise usage_error(f"One model a cell, not {' and '.join(names)} (the prompt goes below the line)")
        return names[0] if names else self.defaults.value("model")

    def _named_in(self, asked: Line, prompt: str) -> tuple[str | None, str]:
        """The model for ``%llm``, where the first word may be one if it can be nothing else."""
        first, _, rest = prompt.partition(" ")
        if asked.model is None and "/" in first and is_model(first):
            return first, rest.lstrip()
        return asked.model or self.defaults.value("model"), prompt

    def _picked(self, asked: Line, *, named: bool) -> tuple[str | None, str | None]:
        """By which task and strategy the model is picked. The settings are for cells that name no model."""
        if asked.task or asked.strategy:
            return asked.task, asked.strategy
        if named or asked.several:
            return None, None
        return self.defaults.value("task"), self.defaults.value("strategy")

    def _inquiry(self, asked: Line, model: str | None, message: Message, before: Conversation) -> Inquiry:
        model = asked.compare[0] if asked.compare else model
        provider, name = default_session().resolve(model)

        def said(name: str) -> Any:
            given = getattr(asked, name)
            return self.defaults.value(name) if given is None else given

        options = {name: said(name) for name in ("temperature", "max_tokens", "think")}
        rounds = said("max_rounds")
        return Inquiry(
            message,
            provider,
            name,
            written=model,
            fallback=asked.fallback,
            history=before,
            system=asked.system or before.system or self.defaults.value("system"),
            options={name: value for name, value in options.items() if value is not None},
            max_rounds=DEFAULT_ROUNDS if rounds is None else rounds,
            timeout=said("timeout"),
            budget=said("budget"),
            tag=said("tag"),
            cell=cell_id(self._ip),
            run=self._ip.execution_count,
        )

    def _tools(self, asked: Line) -> tuple[Toolbox, Desk | None]:
        """The tools of a cell, and where they have to ask; ``None`` where they need not."""
        if asked.several:  # those of the settings are for cells that can use them
            return Toolbox(), None
        configured = self.defaults.value("tools") or ()
        configured = (configured,) if isinstance(configured, str) else configured
        box = tools_named(names_in(asked.tools or configured), self._ip.user_ns)
        free = asked.yes_tools or self.defaults.value("yes_tools") or self.trust.holds_all(box.tools.values())
        return box, None if free else Desk(box, self.trust)

    # -- the conversation -----------------------------------------------------------------------

    def _conversation_of(self, asked: Line, *, on_a_line: bool) -> str | None:
        """The name of the conversation, or ``None`` for a question that stands alone.

        A line stands alone unless it says otherwise: it may well stand in a loop.
        """
        if asked.conversation is not None:
            return asked.conversation
        if asked.no_history or asked.several or (on_a_line and not asked.new):
            return None
        return self.conversation if self.defaults.value("history") or asked.new else None

    @property
    def conversation(self) -> str:
        """The conversation of cells that name none; "" is the notebook's own."""
        return self.defaults.value("conversation") or ""

    def _before(self, whole: Conversation, *, new: bool) -> tuple[Conversation, str]:
        """What this cell goes on from, and what is to be said about it."""
        if new:
            return Conversation(), ""
        before = whole.before(cell_id(self._ip), self._ip.execution_count)
        dropped = len(whole.turns) - len(before.turns) - 1
        if dropped < 1:
            return before, ""
        turns = (
            "the turn that followed from it is" if dropped == 1 else f"the {dropped} turns that followed are"
        )
        return before, f"This cell's turn is asked anew; {turns} dropped from the conversation."

    def _add(self, name: str | None, talk: Conversation, asked: Line, inquiry: Inquiry, reply: Reply) -> None:
        """Add the turn; ``talk`` is the conversation as it was when the cell began."""
        if name is None or not worth_keeping(reply):
            return
        turn = Turn(
            inquiry.asked,
            reply,
            model=(reply.route and reply.route.model) or inquiry.model,
            system=asked.system or inquiry.history.system,
            cell=inquiry.cell,
            run=inquiry.run,
        )
        with self._adding:  # answers in the background end when they end
            now = self.conversations.get(name, Conversation())
            dropped = talk.turns[len(inquiry.history.turns) :]
            self.conversations[name] = now.without(dropped).then(turn)

    def _say(self, notes: list[str]) -> None:
        for note in notes:
            sys.stdout.write(to_text(f"note: {note}\n"))

    # -- several answers, and answers that come later -----------------------------------------------

    def _compare(self, inquiries: list[Inquiry], asked: Line, *, quiet: bool) -> Comparison:
        display = "none" if quiet else self.defaults.value("display") or ""
        comparison = several.begin(inquiries, asked.repeat or 1, display, block=not asked.bg)
        if asked.out:
            self._ip.user_ns[asked.out] = comparison
        several.follow(comparison, asked.out)
        return comparison

    def _leave_running(
        self, inquiry: Inquiry, display: str, out: str | None, add: Callable[[Reply], None]
    ) -> Background:
        handle = background.begin(self._ip, inquiry, display, add)
        if out:
            self._ip.user_ns[out] = handle
        return handle.settle_in(out)

    # -- the answer -----------------------------------------------------------------------------

    def _follow(
        self,
        stream: Stream,
        answer: LiveAnswer,
        out: str | None,
        add: Callable[[Reply], None],
        desk: Desk | None = None,
    ) -> Reply:
        """Show the stream to its end, whatever that is, and keep the reply."""
        try:
            answer.start(stream.stop)
            for batch in stream.batches():
                answer.take(batch)
                if desk is not None:
                    desk.serve(stream, answer.pause)
        except KeyboardInterrupt:
            partial = _last_word(stream)
            self._keep(partial, out, ends_well=False)
            add(partial)
            came = "Interrupted. This is the answer as far as it came."
            answer.end(partial, came if has_something(partial) else "Interrupted before anything came.")
            raise Interrupted.answer(partial, *([out] if out else []), "_llm") from None
        except BadRequest:  # nobody could be asked
            answer.end(_last_word(stream), "No tool could be allowed.")
            raise
        finally:
            stream.close()
            if desk is not None:
                desk.close()
        error = stream.error
        reply = stream.partial
        if error is not None and not isinstance(error, Aborted):
            if has_something(reply):
                self._keep(reply, out, ends_well=False)
                add(reply)
            answer.end(reply, reason(error) if has_something(reply) else "No answer came.")
            kept = f"What came is in {out or '_llm'}." if has_something(reply) else ""
            error.hint = _PARTIAL.sub(kept, error.hint).strip()
            raise error
        answer.end(reply, "" if error is None else reason(error))
        self._keep(reply, out)
        add(reply)
        self._shown = (reply, self._ip.execution_count)
        return reply

    def _keep(self, reply: Reply, out: str | None, *, ends_well: bool = True) -> None:
        self._ip.user_ns["_llm"] = reply
        if out:
            self._ip.user_ns[out] = reply
        if not ends_well and has_something(reply):  # IPython keeps no value of a cell that ends in an error
            self._ip.displayhook.update_user_ns(reply)

    def _make(self, reply: Reply, wanted: str, shape: Shape | None, out: str | None, *, quiet: bool) -> None:
        """Make the answer into what was wanted: in ``_llm_value``, and beside the variable of ``-o``."""
        value = value_of(reply, wanted, shape)
        self._ip.user_ns["_llm_value"] = value
        if out:
            self._ip.user_ns[f"{out}_value"] = value
        if wanted == "code":
            self._ip.set_next_input(value)
        elif wanted == "text" and not quiet:
            sys.stdout.write(f"{to_text(value)}\n")
        elif wanted == "df" and not quiet:
            from IPython.display import display

            display(value)

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


def _last_word(stream: Stream) -> Reply:
    """Close a stream that was left, and read what it still has to say (its usage, its timing)."""
    stream.close()
    for looks, _ in enumerate(stream.batches(0.05)):
        if looks >= _DRAIN:
            break
    partial = stream.partial
    return partial.with_(complete=False) if partial.complete else partial
