"""``%llm chat`` and ``%llm reset``: look at a conversation, keep it in a file, fork it, begin again."""

from __future__ import annotations

import difflib
import json
from pathlib import Path
from typing import TYPE_CHECKING

from llmkit.core.errors import BadRequest
from llmkit.engine.wholefile import write_whole
from llmkit.notebook import conversation
from llmkit.notebook.conversation import Conversation
from llmkit.notebook.listing import Listing, short
from llmkit.notebook.options import is_name, usage_error

if TYPE_CHECKING:
    from llmkit.notebook.magics import LLMMagics

USAGE = "%llm chat [NAME | export FILE [NAME] | load FILE [NAME] | fork NAME [TURNS]]"
VERBS = ("export", "load", "fork")
#: More than anybody has said in a notebook; pictures and documents are in it.
_LARGEST = 200_000_000


def chat(magics: LLMMagics, words: list[str]) -> Listing:
    """Show a conversation, or do something with it."""
    match words:
        case []:
            return show(magics, magics.conversation)
        case ["export", file]:
            return export(magics, file, magics.conversation)
        case ["export", file, name] if is_name(name):
            return export(magics, file, name)
        case ["load", file]:
            return load(magics, file, magics.conversation)
        case ["load", file, name] if is_name(name):
            return load(magics, file, name)
        case ["fork", name] if is_name(name):
            return fork(magics, name, None)
        case ["fork", name, count] if is_name(name) and count.isdigit():
            return fork(magics, name, int(count))
        case [name] if name not in VERBS and is_name(name):
            return show(magics, name)
        case _:
            raise usage_error(f"%llm chat {' '.join(words)} is not understood", USAGE)


def reset(magics: LLMMagics, words: list[str]) -> Listing:
    """Forget a conversation."""
    name = words[0] if words else magics.conversation
    if words and name not in magics.conversations:
        near = difflib.get_close_matches(name, magics.conversations, n=1)
        raise BadRequest(
            f"There is no conversation {name!r}.",
            why=f"Did you mean {near[0]!r}?" if near else "",
            hint="Nothing was forgotten; %llm chat shows what there is.",
        )
    gone = _turns(magics.conversations.pop(name, Conversation()))
    return Listing((), (), (f"{_called(name)} starts over ({gone} forgotten).",))


def show(magics: LLMMagics, name: str) -> Listing:
    """Its turns, and the cost of each."""
    talk = magics.conversations.get(name)
    others = sorted(other for other in magics.conversations if other != name)
    also = (f"Others: {', '.join(_called(other) for other in others)}.",) if others else ()
    if talk is None or not talk.turns:
        return Listing((), (), (f"{_called(name)} has no turns yet.", *also))
    rows = []
    for number, turn in enumerate(talk.turns, 1):
        usage, mark = turn.reply.usage, "" if turn.reply.complete else "■ "
        tokens = " → ".join("?" if n is None else f"{n:,}" for n in (usage.total_input, usage.output))
        rows.append(
            (
                str(number),
                short(turn.asked.text, 48),
                mark + short(turn.reply.text or turn.reply.refusal or "", 48),
                turn.model,
                tokens,
                conversation.cost_of(turn),
            )
        )
    unpriced = sum(not t.reply.cost.known for t in talk.turns if not t.reply.simulated)
    total = f"{_called(name)}: {_turns(talk)}, ${talk.cost:.4g}"
    total += f" and {unpriced} unpriced." if unpriced else "."
    return Listing(("", "question", "answer", "model", "tokens", "cost"), tuple(rows), (total, *also))


def export(magics: LLMMagics, file: str, name: str) -> Listing:
    """Write it as JSON (to be loaded again) or as Markdown (to be read)."""
    talk = magics.conversations.get(name) or Conversation()
    if not talk.turns:
        raise BadRequest(f"{_called(name)} has no turns yet.", hint="Nothing was written.")
    path = Path(file).expanduser()
    match path.suffix.lower():
        case ".json":
            text = json.dumps(conversation.to_json(talk), ensure_ascii=False, indent=1) + "\n"
        case ".md" | ".markdown":
            text = conversation.to_markdown(talk, name or "Conversation")
        case other:
            raise BadRequest(
                f"A conversation can't be written as {other or 'a file without an ending'!r}.",
                hint="Name a file that ends in .json (to load it again) or .md (to read).",
            )
    try:
        write_whole(path, text)
    except OSError as error:
        raise BadRequest(
            f"{file} can't be written.", why=error.strerror or "", hint="Name another file."
        ) from None
    return Listing((), (), (f"{_called(name)}: {_turns(talk)} written to {file}.",))


def load(magics: LLMMagics, file: str, name: str) -> Listing:
    """Go on with a conversation that was exported as JSON. It takes nobody's place: a name that has turns is refused."""
    path = Path(file).expanduser()
    try:
        if not path.is_file() or path.stat().st_size > _LARGEST:
            raise BadRequest(f"{file} is no file of a conversation.", hint="Name a file that was exported.")
        plain = json.loads(path.read_text("utf-8"))
    except OSError as error:
        raise BadRequest(
            f"{file} can't be read.", why=error.strerror or "", hint="Name a file that was exported."
        ) from None
    except (ValueError, RecursionError):
        raise BadRequest(
            f"{file} is not JSON.", hint="Only what was exported as .json can be loaded."
        ) from None
    talk = conversation.from_json(plain)
    _check_free(magics, name)
    magics.conversations[name] = talk
    return Listing((), (), (f"{_called(name)}: {_turns(talk)} read from {file}.",))


def fork(magics: LLMMagics, name: str, count: int | None) -> Listing:
    """Begin another conversation with the first turns of this one."""
    talk = magics.conversations.get(magics.conversation) or Conversation()
    if name == magics.conversation:
        raise BadRequest("A conversation can't be forked into itself.", hint="Give the fork another name.")
    if not talk.turns:
        raise BadRequest(
            f"{_called(magics.conversation)} has no turns yet.", hint="There is nothing to fork."
        )
    _check_free(magics, name)
    kept = talk if count is None else talk.first(count)
    magics.conversations[name] = kept
    return Listing((), (), (f"{_called(name)} begins with {_turns(kept)}; go on with -c {name}.",))


def _check_free(magics: LLMMagics, name: str) -> None:
    """Turns that nobody has exported are not written over."""
    there = magics.conversations.get(name)
    if there is not None and there.turns:
        raise BadRequest(
            f"{_called(name)} has {_turns(there)} already.",
            why="They would be lost.",
            hint=f"Give it another name, or forget them first: %llm reset {name}".rstrip() + ".",
        )


def _called(name: str) -> str:
    return f"Conversation {name!r}" if name else "This notebook's conversation"


def _turns(talk: Conversation) -> str:
    return "1 turn" if len(talk.turns) == 1 else f"{len(talk.turns)} turns"
