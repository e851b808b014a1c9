"""``Chat``: a conversation that goes on with every question, whoever answers.

What a conversation is, and its JSON, is ``conversation.py``'s; what is sent of one that is too long
``shortening.py``'s. The only state is the chat's own.
"""

from __future__ import annotations

import json
import os
import weakref
from collections.abc import Callable, Iterable, Mapping
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from llmkit.core.errors import Aborted, BadRequest
from llmkit.core.events import Done, Failed
from llmkit.core.messages import Message, Part
from llmkit.core.reply import Reply
from llmkit.core.request import ToolSpec
from llmkit.core.usage import Cost, Usage, add_costs, add_usages
from llmkit.engine import conversation, shortening, window
from llmkit.engine.conversation import Conversation, Turn
from llmkit.engine.enclosures import opened
from llmkit.engine.inputs import Prompt, as_prompt
from llmkit.engine.session import Session, default_session
from llmkit.engine.shortening import Summary
from llmkit.engine.wholefile import write_whole
from llmkit.engine.window import Trim
from llmkit.providers.keys import mask

if TYPE_CHECKING:
    from llmkit.engine.stream import Stream

#: More than anybody has said; pictures and documents are in it.
_LARGEST = 500_000_000


class Chat:
    """A conversation with a model.

    >>> chat = Chat("sim/swift", system="Be terse.")
    >>> _ = chat.ask("My name is Ada.")
    >>> reply = chat.ask("What is my name?")
    >>> len(chat.turns), chat.cost.source
    (2, 'simulated')

    ``chat.stream(...)`` gives the answer as it is written, ``await chat.stream(...)`` waits without holding up a loop. A
    turn is added once its answer has been read to the end; a call that fails leaves the chat as it was, one that was
    stopped keeps what came.

    ``chat.model = "flash"`` goes on with another model: words, pictures, and calls of tools with their results go along.
    ``options`` are those of ``llmkit.ask``, and hold for every question that doesn't say otherwise.

    ``trim`` says what to do when the conversation no longer fits the model's window: ``"none"`` refuses before sending
    (:class:`ContextOverflow`), ``"oldest"`` leaves out the oldest turns, ``"summarise"`` has the model sum them up (a call
    of its own, counted in ``chat.cost``), a function of the turns and the room gives those to send. All turns stay in
    ``chat.turns``; what was left out is said in ``chat.notes``.
    """

    def __init__(
        self,
        model: str | None = None,
        *,
        system: str | None = None,
        tools: Iterable[ToolSpec | Callable[..., Any] | Mapping[str, Any]] = (),
        trim: Trim = "none",
        session: Session | None = None,
        **options: Any,
    ) -> None:
        self.model = model
        self.system = system
        self.tools = tuple(tools)
        self.trim = window.as_trim(trim)
        self.options = options
        self.session = default_session() if session is None else session
        #: What was left out or summed up before sending, in words.
        self.notes: list[str] = []
        self._talk = Conversation()
        self._summary = Summary()
        self._side: tuple[Reply, ...] = ()  # the calls that made summaries
        self._going: tuple[weakref.ref[Stream], Callable[[Reply], Turn]] | None = None

    # -- asking -------------------------------------------------------------------------------

    def stream(self, prompt: Prompt, *, model: str | None = None, **more: Any) -> Stream:
        """Ask, and get the answer as it is written. Takes what ``llmkit.stream`` takes, for this question."""
        asked = _question(opened(prompt, self.session.notice))
        self._refuse_while_answering()
        wanted = model or self.model
        system = more.pop("system", self.system)
        tools = tuple(more.pop("tools", self.tools))
        options = {**self.options, **more}
        provider, name = self.session.resolve(wanted)
        full = f"{provider.name}/{name}"
        fit = shortening.fit(
            self._talk,
            asked,
            full,
            session=self.session,
            trim=self.trim,
            earlier=self._summary,
            said={"system": system, "tools": tools, **options},
        )
        before, self._summary, self._side = fit.before, fit.summary, (*self._side, *fit.calls)
        for note in fit.notes:
            self.notes.append(note)
            self.session.notice(note)
        if not tools and provider.wire == "anthropic.messages" and (stand_ins := _stand_ins(before)):
            # This API takes earlier calls only beside the tools that were called.
            tools, options = stand_ins, {"tool_choice": "none", **options}
        stream = self.session.stream(
            (*before, asked), model=wanted or full, system=system, tools=tools, **options
        )

        def turn(reply: Reply) -> Turn:
            return Turn(asked, reply, _answered_by(reply, full), system)

        def end(last: Done | Failed) -> None:
            self._going = None
            match last:
                case Done(reply):
                    self._talk = self._talk.then(turn(reply))
                case Failed(Aborted(), partial):
                    self._keep(turn(partial))

        self._going = (weakref.ref(stream), turn)
        return stream.at_end(end)

    def ask(self, prompt: Prompt, **more: Any) -> Reply:
        """Ask, and wait for the whole reply."""
        return self.stream(prompt, **more).reply()

    def edit(self, number: int, prompt: Prompt, **more: Any) -> Reply:
        """Ask turn ``number`` (from 0; -1 is the last) in other words. What followed from it is dropped, once there
        is an answer; ``chat.fork()`` first, to keep both.

        >>> chat = Chat("sim/swift")
        >>> _ = chat.ask("Hello"), chat.edit(0, "Good morning")
        >>> [turn.asked.text for turn in chat.turns]
        ['Good morning']
        """
        self._refuse_while_answering()
        at = range(len(self.turns))[self._at(number)]
        other = self.fork(at)
        reply = other.ask(prompt, **more)
        self._talk, self._summary, self._side = other._talk, other._summary, other._side
        self.notes = other.notes
        return reply

    def replay(self, model: str | None = None, **more: Any) -> Chat:
        """Ask all the questions anew, one after the other: of another model, with another ``system``, other options.
        The result is a chat of its own; this one stays as it is.

        >>> chat = Chat("sim/swift")
        >>> _ = chat.ask("Hello")
        >>> chat.replay("sim/sage").turns[0].model
        'sim/sage'
        """
        again = self.fork(0)
        again.model = model or self.model
        for name in ("system", "tools", "trim"):
            if name in more:
                setattr(again, name, more.pop(name))
        again.options |= more
        for turn in self.turns:
            again.ask(turn.asked)
        return again

    def fork(self, turns: int | None = None) -> Chat:
        """Another chat that begins with the same turns, or the first so many of them."""
        self._settle_last()
        other = Chat(
            self.model,
            system=self.system,
            tools=self.tools,
            trim=self.trim,
            session=self.session,
            **self.options,
        )
        other._talk = self._talk if turns is None else self._talk.first(turns)
        if self._summary.turns <= len(other.turns):
            other._summary = self._summary
        return other

    # -- looking ------------------------------------------------------------------------------

    @property
    def turns(self) -> tuple[Turn, ...]:
        """The questions and their answers: ``turn.asked``, ``turn.reply``, ``turn.model``."""
        self._settle_last()
        return self._talk.turns

    @property
    def cost(self) -> Cost:
        """What all of it cost, summaries too; unknown if that of one turn is. Simulated turns count among their like
        only."""
        replies = self._replies()
        return add_costs([r.cost for r in replies]) if replies else Cost(note="nothing was asked yet")

    @property
    def usage(self) -> Usage:
        """The tokens of all of it."""
        return add_usages([reply.usage for reply in self._replies()])

    def _replies(self) -> list[Reply]:
        all_of_them = [*(turn.reply for turn in self.turns), *self._side]
        return [reply for reply in all_of_them if not reply.simulated] or all_of_them

    def __len__(self) -> int:
        return len(self.turns)

    def __bool__(self) -> bool:
        return True  # also before the first question

    def __repr__(self) -> str:
        count = f"{len(self)} turn{'' if len(self) == 1 else 's'}"
        return f"<Chat with {self.model or 'the default model'}: {count}, {self.cost}>"

    def _repr_html_(self) -> str:
        # The notebook's rooms are above this one; they are asked by name, at display time only.
        page: str = import_module("llmkit.notebook.chatpage").page(self)
        return page

    # -- keeping ------------------------------------------------------------------------------

    def to_json(self) -> dict[str, Any]:
        """As plain JSON values; tools and functions are left out, for they are code."""
        said = {"model": self.model, "system": self.system, "options": _plain(self.options)}
        if isinstance(self.trim, str):
            said["trim"] = self.trim
        if self._summary.turns:
            said["summary"] = {"turns": self._summary.turns, "text": self._summary.text}
        return {**conversation.to_json(self._talk), "chat": said}

    @classmethod
    def from_json(
        cls,
        plain: Any,
        *,
        tools: Iterable[ToolSpec | Callable[..., Any] | Mapping[str, Any]] = (),
        session: Session | None = None,
    ) -> Chat:
        """The inverse of :meth:`to_json`; takes what ``%llm chat export`` wrote as well."""
        talk = conversation.from_json(plain)
        said = plain.get("chat") or {}
        last = talk.turns[-1].model if talk.turns else None
        try:
            options = dict(said.get("options") or {})
            chat = cls(
                said.get("model") or last,
                system=said.get("system", talk.system),
                tools=tools,
                trim=said.get("trim") or "none",
                session=session,
                **options,
            )
            if summary := said.get("summary"):
                chat._summary = Summary(int(summary["turns"]), str(summary["text"]))
        except (TypeError, ValueError, KeyError, AttributeError) as error:
            raise BadRequest(
                "This chat can't be read.", why=f"{type(error).__name__}: {error}", hint="Save it again."
            ) from None
        chat._talk = talk
        return chat

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write it to a JSON file: whole or not at all. Pictures and documents are in it; keys are not.

        >>> chat.save("talk.json")  # doctest: +SKIP
        """
        self._settle_last()
        return write_whole(path, mask(json.dumps(self.to_json(), ensure_ascii=False, indent=1)) + "\n")

    @classmethod
    def load(
        cls,
        path: str | os.PathLike[str],
        *,
        tools: Iterable[ToolSpec | Callable[..., Any] | Mapping[str, Any]] = (),
        session: Session | None = None,
    ) -> Chat:
        """Go on with a chat that was saved, by this version or an earlier one, with any provider. Tools are given anew."""
        file = Path(path).expanduser()
        try:
            if file.stat().st_size > _LARGEST:
                raise BadRequest(
                    f"{file} is too large for a conversation.",
                    why=f"It has more than {_LARGEST:,} bytes.",
                    hint="Name a file that `Chat.save` wrote.",
                )
            plain = json.loads(file.read_text("utf-8"))
        except OSError as error:
            raise BadRequest(
                f"{file} can't be read.", why=error.strerror or "", hint="Name a file that was saved."
            ) from None
        except (ValueError, RecursionError):
            raise BadRequest(f"{file} is not JSON.", hint="Name a file that `Chat.save` wrote.") from None
        return cls.from_json(plain, tools=tools, session=session)

    # -- inside -------------------------------------------------------------------------------

    def _at(self, number: int) -> int:
        if not -len(self) <= number < len(self):
            raise BadRequest(
                f"There is no turn {number}.",
                why=f"There are {len(self)}, counted from 0.",
                hint="Nothing was sent.",
            )
        return number

    def _refuse_while_answering(self) -> None:
        if self._settle_last():
            raise BadRequest(
                "The last question is still being answered.",
                why="What it says would be missing from what is sent with this one.",
                hint="Read it to its end, `.stop()` it, or ask a `chat.fork()`. Nothing was sent.",
            )

    def _keep(self, turn: Turn) -> None:
        """Add what came of an answer that was stopped, if it can be gone on from."""
        if (turn.reply.text or turn.reply.refusal or "").strip():
            self._talk = self._talk.then(turn)

    def _settle_last(self) -> bool:
        """Take in an answer that nobody read to its end: one that was stopped, or left, as far as it came. ``True``
        if one is still being written."""
        if self._going is None:
            return False
        held, turn = self._going
        stream = held()
        if stream is None:  # dropped, and so stopped
            self._going = None
        elif stream.signal.aborted:
            self._going = None
            stream.close()
            self._keep(turn(stream.partial.with_(complete=False)))
        elif stream.settled(0.0):
            for _ in stream.batches():
                pass  # its end takes it in
        else:
            return True
        return False


def _question(prompt: Prompt) -> Message:
    """One message of the user's."""
    if isinstance(prompt, Iterable) and not isinstance(prompt, str | Mapping):
        parts = list(prompt)
        if all(isinstance(part, str | Part) for part in parts):
            prompt = Message.user(*parts)
    messages = as_prompt(prompt)
    if len(messages) != 1 or messages[0].role != "user":
        raise BadRequest(
            "A chat is asked one question at a time.",
            why="Its own turns are sent before it.",
            hint="Give text, parts, or one message of the user's; a whole list goes to llmkit.ask. Nothing was sent.",
        )
    return messages[0]


def _answered_by(reply: Reply, asked: str) -> str:
    """Who wrote it: the model that was asked, unless it was routed elsewhere."""
    provider = asked.partition("/")[0]
    if reply.provider is None or reply.provider == provider:
        return asked
    return f"{reply.provider}/{reply.model or ''}"


def _stand_ins(messages: Iterable[Message]) -> tuple[ToolSpec, ...]:
    """For the tools that were called before and are not here now, something of the same name."""
    names = dict.fromkeys(call.name for message in messages for call in message.tool_calls)
    return tuple(ToolSpec(name, "Not available any more.") for name in names)


def _plain(options: Mapping[str, Any]) -> dict[str, Any]:
    """The options that can be written down."""

    def is_plain(value: Any) -> bool:
        try:
            json.dumps(value)
        except (TypeError, ValueError):
            return False
        return True

    return {name: value for name, value in options.items() if is_plain(value)}
