"""The kernel's side of a living comparison: what its page is to show, sent as what has changed since.

The page shows one row of answers at a time; of the others it knows how they stand. Whatever is to be seen is a few
named parts of plain data (and of HTML that was made safe); a part is sent when it differs from what was sent
last, and a growing answer as what was added. What the page may ask for is ``compare_acts.py``'s business, when
something is sent ``compare.py``'s, and what the page makes of it that of the files in ``compare_js/``.
"""

from __future__ import annotations

import time
import uuid
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from llmkit.core.errors import ConfigError
from llmkit.jobs.blind import letter
from llmkit.notebook.compare_growing import Growing
from llmkit.notebook.compare_layout import Pane, Row, layout
from llmkit.notebook.compare_static import STATUS, answer_parts, brief, figures, money, what_is_wrong
from llmkit.notebook.incremental import Incremental
from llmkit.notebook.pane import (
    close_comm,
    listen,
    may_have_a_page,
    open_comm,
    page_cell,
    shared,
    units,
    widget_state,
)
from llmkit.notebook.safe import to_text
from llmkit.notebook.static import name_of

if TYPE_CHECKING:
    from llmkit.jobs.compare import Comparison
    from llmkit.jobs.pump import Errand

#: The page's script, put together in this order, and its style.
SCRIPTS = ("dom.js", "pane.js", "matrix.js", "controls.js", "page.js")
_STYLE = "compare.css"
#: So many comparisons of a kernel stay alive; the oldest goes back to its static form.
_ALIVE = 12
_alive: deque[ComparePage] = deque()

Parts = dict[str, Any]


class ComparePage:
    """What one page knows of a comparison. Its methods are called one at a time (``compare.py`` sees to that)."""

    def __init__(
        self,
        comparison: Comparison,
        comm: Any,
        place: str,
        growing: Callable[[Pane], Growing],
        cell: tuple[str | None, int],
    ) -> None:
        self.comparison = comparison
        self.answered = False
        #: The class of the element in the cell's output that the page takes over.
        self.place = place
        self.cell = cell
        #: Which row is shown.
        self.at = 0
        self.rows: list[Row] = []
        self.note = ""
        self._comm = comm
        self._growing = growing
        self._offered = self._begun = time.monotonic()
        self._sent = 0
        self._version = 0
        self._whole = True
        self._closed = False
        self._seen: Parts = {}
        self._panes: list[_Sent] = []
        self._known: tuple[str, ...] = ()
        self._marks: dict[Errand, tuple[object, list[Any]]] = {}

    def listen(self, hear: Callable[[str, Mapping[str, Any]], object]) -> None:
        """``hear(what, with)`` is called, on whatever thread, with all that the page says."""
        listen(self._comm, lambda: _state(self.place), hear)

    def again(self) -> None:
        """The page knows nothing (any more): the next push holds everything."""
        self.answered = self._whole = not self._closed

    def begun(self) -> None:
        """Time counts from here."""
        self._begun = time.monotonic()

    def pane(self, said: Mapping[str, Any], name: str = "pane") -> Pane | None:
        """The pane that the page means, unless it means one that is no longer there."""
        place = said.get(name)
        row = self.row
        if said.get("v") != self._version or not isinstance(place, int) or isinstance(place, bool):
            return None
        return row.panes[place] if 0 <= place < len(row.panes) else None

    @property
    def row(self) -> Row:
        """The row that is shown."""
        if not self.rows:
            self.rows = layout(self.comparison)
        self.at = max(0, min(self.at, len(self.rows) - 1))
        return self.rows[self.at]

    def push(self) -> int:
        """Send what is new; how many characters of HTML that was."""
        self.rows = layout(self.comparison)
        whole, self._whole = self._whole, False
        now = self._parts()
        key = [(pane.cell, pane.title, pane.note) for pane in self.row.panes]
        if whole or key != [sent.key for sent in self._panes]:
            self._panes = [_Sent(pane) for pane in self.row.panes]
            self._version += 1
        if whole:
            self._seen = {}
        message: Parts = {name: part for name, part in now.items() if self._seen.get(name) != part}
        before = self._seen.get("marks", [])
        if before and len(message.get("marks", ())) == len(before):
            message["marked"] = {n: mark for n, mark in enumerate(message.pop("marks")) if mark != before[n]}
        self._seen = now
        size = 0
        panes: Parts = {}
        for place, (sent, pane) in enumerate(zip(self._panes, self.row.panes, strict=True)):
            if patch := sent.patch(self.comparison, pane, self._growing(pane)):
                panes[str(place)] = patch
                size += sum(len(part) for part in patch.values() if isinstance(part, str))
        if panes:
            message["p"] = panes
        if whole:
            message["whole"] = True
        if message:
            self._send(message | {"v": self._version, "panes": len(self._panes)})
        return size

    def answer(self, **parts: Any) -> None:
        """Something that the page asked for."""
        self._send({**parts, "v": self._version, "panes": len(self._panes)})

    def close(self) -> None:
        """The page goes back to what the output holds, which follows the comparison by itself from here on."""
        if self._closed:
            return
        answered, self.answered, self._closed = self.answered, False, True
        close_comm(self._comm, answered=answered, offered=self._offered)
        if self in _alive:
            _alive.remove(self)

    # -- inside -------------------------------------------------------------------------------

    def _send(self, message: Parts) -> None:
        if self._closed:  # just now, by another comparison
            return
        self._comm.send({"method": "custom", "content": {"n": self._sent, **message}})
        self._sent += 1

    def _parts(self) -> Parts:
        comparison, row = self.comparison, self.row
        asked = row.panes[0].cell.question
        hidden = any(each.hidden for each in self.rows)
        vote = comparison.vote_on(row.panes[0].cell)
        winner = next((n for n, pane in enumerate(row.panes) if comparison.voted(pane.cell) == "won"), None)
        many = len(self.rows) > 1
        return {
            "top": self._top(hidden),
            "rows": [to_text(each.label) for each in self.rows] if many else [],
            "columns": self._columns(hidden) if many else [],
            "marks": [self._mark(pane) for each in self.rows for pane in self._under(each, hidden)]
            if many
            else [],
            "at": self.at,
            "vote": {
                "may": row.votable and len(row.panes) > 1,
                "ready": all(pane.cell.errand.over for pane in row.panes),
                "kind": None if vote is None else vote.kind,
                "winner": winner,
                "hidden": row.hidden,
            },
            "prompt": {
                "text": to_text(asked.label),
                "may": isinstance(asked.prompt, str),
                "system": asked.system,
            },
            "models": [] if hidden else [to_text(name) for name in comparison.models],
            "note": self.note,
            "known": () if hidden else self._names(),
        }

    def _top(self, hidden: bool) -> Parts:
        cells = self.comparison.cells
        over = [cell for cell in cells if cell.errand.over]
        bad = sum(cell.status in ("error", "refused") for cell in over)
        going = len(over) < len(cells)
        told = [f"{len(over):,} of {len(cells):,} answers" if going else f"{len(cells):,} answers"]
        told += [f"{bad:,} failed"] if bad else []
        told += [] if hidden else money(cell.reply for cell in over)
        told += [f"{time.monotonic() - self._begun:.0f} s"] if going else []
        votes = [vote for vote in self.comparison.votes if vote.kind != "skip"]
        told += [f"{len(votes)} of {len(self.rows)} voted"] if votes and len(self.rows) > 1 else []
        missing = sum(cell.status != "ok" for cell in over)
        return {
            "line": " · ".join(told),
            "preview": str(self.comparison.preview or "") if going and not hidden else "",
            "done": len(over),
            "all": len(cells),
            "going": going,
            "missing": 0 if going else missing,
            "blind": self.comparison.blind,
            "may_blind": len(self.comparison.models) > 1,
        }

    def _columns(self, hidden: bool) -> list[str]:
        return [
            f"Answer {letter(n)}" if hidden else to_text(pane.heading)
            for n, pane in enumerate(self._widest.panes)
        ]

    def _under(self, row: Row, hidden: bool) -> Sequence[Pane]:
        """A question's answers as they stand in the matrix: under their names, though each was shuffled by itself."""
        if hidden:
            return row.panes
        places = {pane.cell.model: n for n, pane in enumerate(self._widest.panes)}
        return sorted(row.panes, key=lambda pane: places.get(pane.cell.model, len(places)))

    @property
    def _widest(self) -> Row:
        return max(self.rows, key=lambda row: len(row.panes))

    def _mark(self, pane: Pane) -> list[Any]:
        """How one answer stands, for the matrix: status, sign, word, a few figures, its vote."""
        cell = pane.cell
        voted = self.comparison.voted(cell)
        key = (cell.status, cell.errand.reply, pane.hidden, voted)
        if (made := self._marks.get(cell.errand)) is not None and made[0] == key:
            return made[1]
        sign, _, word = STATUS[cell.status]
        told = cell.status in ("ok", "cancelled") and not pane.hidden
        figures = brief(cell.reply) if told else ""
        self._marks[cell.errand] = (key, [cell.status, sign, word, figures, voted])
        return self._marks[cell.errand][1]

    def _names(self) -> tuple[str, ...]:
        if not self._known:
            from llmkit.models.aliases import ALIASES
            from llmkit.models.catalogue import known_models

            self._known = (*ALIASES, *known_models())
        return self._known


class _Sent:
    """What a page knows of one pane."""

    def __init__(self, pane: Pane) -> None:
        self.key = (pane.cell, pane.title, pane.note)
        self._page: Incremental | None = None
        self._frozen = 0
        self._tail = ""
        self._info: Parts = {}
        self._ended: object = None

    def patch(self, comparison: Comparison, pane: Pane, growing: Growing) -> Parts:
        """What it does not know yet."""
        patch: Parts = {}
        if growing.page is not self._page:
            patch["reset"] = self._page is not None
            self._page, self._frozen, self._tail, self._ended = growing.page, 0, "", None
        frozen, tail = growing.frozen, growing.tail
        if len(frozen) > self._frozen:
            patch["add"] = frozen[self._frozen :]
        if tail != self._tail:
            same = shared(self._tail, tail)
            patch |= {"tail": tail[same:], "keep": units(tail[:same])}
        self._frozen, self._tail = len(frozen), tail
        info = self._told(comparison, pane, growing)
        if news := {name: value for name, value in info.items() if self._info.get(name, "") != value}:
            patch["info"] = news
        self._info = info
        return {name: value for name, value in patch.items() if value is not False}

    def _told(self, comparison: Comparison, pane: Pane, growing: Growing) -> Parts:
        cell = pane.cell
        over = cell.errand.over
        key = (cell.status, cell.errand.reply, pane.hidden, comparison.voted(cell), growing.doing)
        if self._ended == key:  # nothing of it is another now
            return self._info
        self._ended = key
        sign, _, word = STATUS[cell.status]
        before, after = answer_parts(cell.reply) if over else ("", "")
        line = ("" if pane.hidden else figures(cell.reply)) if over else growing.doing
        return {
            "title": to_text(pane.title),
            "note": pane.note,
            "sub": "" if pane.hidden else _served(comparison, pane),
            "status": cell.status,
            "sign": sign,
            "word": word,
            "over": over,
            "line": line,
            "wrong": to_text(what_is_wrong(cell, hidden=pane.hidden)) if over else "",
            "before": before,
            "after": after,
            "vote": comparison.voted(cell) or "",
        }


def _served(comparison: Comparison, pane: Pane) -> str:
    """Provider and model, where they say more than the title."""
    reply = pane.cell.errand.reply
    name = name_of(reply) if reply is not None and reply.provider and reply.model else ""
    if not name:
        try:
            provider, model = comparison.resolve(pane.cell.model)
        except ConfigError:
            return ""
        name = f"{provider}/{model}"
    return "" if name == pane.title else to_text(name)


def offer(comparison: Comparison, shell: Any, growing: Callable[[Pane], Growing]) -> ComparePage | None:
    """A living comparison, made but not seen, where a page may be listening; else nothing."""
    if not may_have_a_page(shell):
        return None
    place = f"llmkit-at-{uuid.uuid4().hex[:12]}"
    comm = open_comm(lambda: _state(place))
    if comm is None:
        return None
    cell = (page_cell(shell), shell.execution_count)
    for old in [page for page in _alive if page.cell[0] == cell[0] and page.cell != cell]:
        old.close()  # its output went when the cell ran again
    while len(_alive) >= _ALIVE:
        _alive[0].close()
    page = ComparePage(comparison, comm, place, growing, cell)
    _alive.append(page)
    return page


def _state(place: str) -> Mapping[str, object]:
    return widget_state("compare", script(), _style()) | {"place": place}


@lru_cache(maxsize=1)
def script() -> str:
    """The page's script, whole."""
    here = files("llmkit.notebook").joinpath("compare_js")
    return "\n".join(here.joinpath(name).read_text("utf-8") for name in SCRIPTS)


@lru_cache(maxsize=1)
def _style() -> str:
    return files("llmkit.notebook").joinpath("compare_js", _STYLE).read_text("utf-8")
