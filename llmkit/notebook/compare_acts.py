"""What the page of a living comparison may ask for: stop, retry, another model, a vote, a difference …

Each is a function of the page and of what was said; none of them waits for a model, for they are called by the
thread that listens to pages. What a page says is looked at before it is used: it names panes by their place, never
cells or code.
"""

from __future__ import annotations

import keyword
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from llmkit.core.errors import LLMKitError
from llmkit.engine.whereabouts import kernel_shell
from llmkit.jobs.words import Diff
from llmkit.notebook.safe import to_text

if TYPE_CHECKING:
    from llmkit.notebook.compare_page import ComparePage

Said = Mapping[str, Any]
_LONGEST_PROMPT = 1_000_000
_LONGEST_NAME = 200


def act(page: ComparePage, what: str, said: Said) -> bool:
    """Do what the page asks for. Does what the notebook keeps look different now?"""
    done = _ACTS.get(what)
    if done is None:
        return False
    page.note = ""
    try:
        return done(page, said)
    except LLMKitError as error:
        secret = any(row.hidden for row in page.rows)  # an error may name the model
        told = ("That can't be done.",) if secret else (error.what, error.hint)
        page.note = to_text(" ".join(part for part in told if part))
        return False


def _stop(page: ComparePage, said: Said) -> bool:
    if pane := page.pane(said):
        pane.cell.stop()
    return False


def _stop_all(page: ComparePage, _: Said) -> bool:
    for cell in page.comparison.cells:  # one by one: what is asked afterwards is not stopped with them
        if not cell.errand.over:
            cell.stop()
    return False


def _retry(page: ComparePage, said: Said) -> bool:
    if pane := page.pane(said):
        page.begun()
        page.comparison.retry(pane.cell, block=False)
    return False


def _missing(page: ComparePage, _: Said) -> bool:
    page.begun()
    missing = [cell for cell in page.comparison.cells if cell.errand.over and cell.status != "ok"]
    page.comparison.retry(*missing, block=False)
    return False


def _ask(page: ComparePage, said: Said) -> bool:
    prompt = said.get("prompt")
    if isinstance(prompt, str) and len(prompt) <= _LONGEST_PROMPT:
        page.begun()
        page.comparison.ask(prompt, instead_of=page.row.panes[0].cell, block=False)
    return False


def _add(page: ComparePage, said: Said) -> bool:
    name = said.get("model")
    if isinstance(name, str) and len(name) <= _LONGEST_NAME:
        page.begun()
        page.comparison.add(name.strip(), block=False)
    return False


def _remove(page: ComparePage, said: Said) -> bool:
    place, models = said.get("model"), page.comparison.models
    if not isinstance(place, int) or isinstance(place, bool) or not 0 <= place < len(models):
        return False
    if to_text(models[place]) == said.get("name"):  # else the page has not yet heard of another change
        page.comparison.remove(models[place])
    return True


def _show(page: ComparePage, said: Said) -> bool:
    row = said.get("row")
    if isinstance(row, int) and not isinstance(row, bool):
        page.at = max(0, min(row, len(page.rows) - 1))
    return False


def _vote(page: ComparePage, said: Said) -> bool:
    row = page.row
    if not row.votable or not all(pane.cell.errand.over for pane in row.panes):
        page.note = "Every answer must be there before there can be a vote."
        return False
    pane, kind = page.pane(said), said.get("kind")
    if kind in ("tie", "skip"):
        page.comparison.vote(kind, of=row.panes[0].cell, blind=row.hidden)
    elif pane is not None and pane.cell.text:
        page.comparison.vote(pane.cell, blind=row.hidden)
    elif pane is not None:
        page.note = "There is no answer to vote for."
    return True


def _blind(page: ComparePage, said: Said) -> bool:
    page.comparison.blind = bool(said.get("on"))
    return True


def _diff(page: ComparePage, said: Said) -> bool:
    one, other = page.pane(said, "a"), page.pane(said, "b")
    if one is not None and other is not None:
        diff = Diff.of(one.cell.text, other.cell.text, one.heading, other.heading)
        page.answer(diff={"html": diff._repr_html_(), "a": said.get("a"), "b": said.get("b")})
    return False


def _copy(page: ComparePage, said: Said) -> bool:
    if pane := page.pane(said):
        page.answer(copied={"text": pane.cell.text, "id": said.get("id")})
    return False


def _pin(page: ComparePage, said: Said) -> bool:
    pane, name = page.pane(said), said.get("name")
    shell = kernel_shell()
    if pane is None or not isinstance(name, str) or shell is None:
        return False
    if not name.isidentifier() or keyword.iskeyword(name) or name.startswith("_"):
        page.note = f"{to_text(name[:60])!r} is no name for a variable."
    elif pane.cell.reply is None:
        page.note = "There is no answer to keep."
    else:
        shell.user_ns[name] = pane.cell.reply
        page.note = f"{to_text(pane.heading)} is in {name}: {name}.text, {name}.usage …"
    return False


_ACTS: dict[str, Callable[[ComparePage, Said], bool]] = {
    "stop": _stop,
    "stop_all": _stop_all,
    "retry": _retry,
    "missing": _missing,
    "ask": _ask,
    "add": _add,
    "remove": _remove,
    "show": _show,
    "vote": _vote,
    "blind": _blind,
    "diff": _diff,
    "copy": _copy,
    "pin": _pin,
}
