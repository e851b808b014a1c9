"""Health: is everything in place for a call, and where it isn't, what is to be done. The findings and their report.

What is looked at is in ``checks.py``, the questions to providers in ``probing.py``. No model is asked, and no key is
sent unless ``check=True``.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Any, Literal

from llmkit.core.errors import ConfigError, MissingPackage
from llmkit.providers.keys import mask

if TYPE_CHECKING:
    import pandas as pd

    from llmkit.engine.session import Session

State = Literal["ok", "note", "problem"]
_SIGNS: dict[State, str] = {"ok": "ok", "note": "note", "problem": "PROBLEM"}
_COLOURS: dict[State, str] = {
    "ok": "var(--jp-success-color1,#388e3c)",
    "note": "inherit",
    "problem": "var(--jp-error-color1,#d32f2f)",
}
_CELL = "text-align:left;vertical-align:top;padding:.15em 1.2em .15em 0"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at: how it is and, where it should be otherwise, what to do."""

    area: str
    name: str
    state: State
    said: str
    todo: str = ""


@dataclass(frozen=True, slots=True)
class Report:
    """All findings. Its text is for a terminal, its HTML for a page; keys are in neither.

    >>> print(Report((Finding("ledger", "file", "problem", "It is broken.", "Mend it."),)))
    ledger
      PROBLEM  file  It is broken.
                     -> Mend it.
    1 problem.
    """

    findings: tuple[Finding, ...]

    @property
    def ok(self) -> bool:
        """Is there no problem? (A note is none.)"""
        return not self.problems

    @property
    def problems(self) -> tuple[Finding, ...]:
        """What stands in the way of a call."""
        return tuple(found for found in self.findings if found.state == "problem")

    @property
    def df(self) -> pd.DataFrame:
        """One row for each finding."""
        try:
            import pandas as pd
        except ImportError:
            raise MissingPackage(
                "A table of the findings needs pandas.",
                why="It is not installed.",
                hint='`pip install "llmkit[data]"`; `print(report)` needs nothing.',
            ) from None
        return pd.DataFrame(self.to_json(), columns=["area", "name", "state", "said", "todo"])

    def to_json(self) -> list[dict[str, Any]]:
        """The findings as plain JSON values."""
        return [
            {
                "area": f.area,
                "name": _clean(f.name),
                "state": f.state,
                "said": _clean(f.said),
                "todo": _clean(f.todo),
            }
            for f in self.findings
        ]

    def __str__(self) -> str:
        return "\n".join([*self._lines(), self._verdict()])

    __repr__ = __str__

    def _repr_html_(self) -> str:
        rows = []
        for area, found in self._areas():
            rows.append(f'<tr><th colspan="3" style="{_CELL};padding-top:.6em">{escape(area)}</th></tr>')
            for one in found:
                todo = f'<div style="opacity:.8">→ {_marked(one.todo)}</div>' if one.todo else ""
                rows.append(
                    f'<tr><td style="{_CELL};color:{_COLOURS[one.state]}">{_SIGNS[one.state]}</td>'
                    f'<td style="{_CELL}">{escape(_clean(one.name))}</td>'
                    f'<td style="{_CELL}">{escape(_clean(one.said))}{todo}</td></tr>'
                )
        return (
            f'<div class="tex2jax_ignore mathjax_ignore"><table style="margin:0">{"".join(rows)}</table>'
            f"<div><b>{escape(self._verdict())}</b></div></div>"
        )

    def _areas(self) -> Iterator[tuple[str, list[Finding]]]:
        for area in dict.fromkeys(found.area for found in self.findings):
            yield area, [found for found in self.findings if found.area == area]

    def _lines(self) -> Iterator[str]:
        names = max((len(_clean(found.name)) for found in self.findings), default=0)
        signs = max((len(_SIGNS[found.state]) for found in self.findings), default=0)
        for area, found in self._areas():
            yield area
            for one in found:
                yield f"  {_SIGNS[one.state]:{signs}}  {_clean(one.name):{names}}  {_clean(one.said)}".rstrip()
                if one.todo:
                    yield f"{'':{signs + names + 6}}-> {_clean(one.todo)}"

    def _verdict(self) -> str:
        if self.ok:
            return "All is well."
        return f"{len(self.problems)} problem{'' if len(self.problems) == 1 else 's'}."


def doctor(*, check: bool = False, session: Session | None = None) -> Report:
    """Look at everything a call needs: configuration, providers, keys, clock, proxies, packages, the ledger.

    ``check=True`` also tries each key, by the cheapest request there is (a list of models, which costs nothing).

    >>> llmkit.doctor().ok  # doctest: +SKIP
    True
    """
    from llmkit.engine import checks, probing

    session, first = _session(session)
    asked = probing.begin(checks.askable(session), check_key=check)
    answers = {name: answer.result() for name, answer in asked.items()}
    return Report((*first, *checks.findings(session, answers, check=check)))


async def examine(session: Session, *, check: bool = False) -> Report:
    """The same for code that must not wait: ``await registry.health()``."""
    from llmkit.engine import checks, probing

    asked = probing.begin(checks.askable(session), check_key=check)
    waiting = await asyncio.gather(*map(asyncio.wrap_future, asked.values()))
    answers = dict(zip(asked, waiting, strict=True))
    found: Sequence[Finding] = await asyncio.to_thread(checks.findings, session, answers, check=check)
    return Report(tuple(found))


def _session(given: Session | None) -> tuple[Session, list[Finding]]:
    """The session to look at. A configuration that can't be read is a finding, and no reason to see nothing."""
    from llmkit.engine.session import Session, default_session

    if given is not None:
        return given, []
    try:
        return default_session(), []
    except ConfigError as error:
        said = Finding(
            "configuration",
            "llmkit.yaml",
            "problem",
            f"{error.what} {error.why}",
            "`llmkit config check` shows all of it.",
        )
        return Session({}), [said]


def _marked(text: str) -> str:
    """The same for a page, where what stands between backticks is code."""
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(_clean(text)))


def _clean(text: str) -> str:
    """One line, without keys and without what a terminal obeys."""
    return mask("".join(c if c.isprintable() else " " for c in text)).strip()
