"""Two answers against each other in a notebook: what only one of them says is marked, in safe text.

How they are compared is the business of ``jobs/words.py``.
"""

from __future__ import annotations

from llmkit.jobs.words import Diff
from llmkit.notebook.safe import escape, to_text
from llmkit.notebook.static import LINE, QUIET

#: Marks by more than colour: what is gone is struck out, what is new is underlined.
_MARKS = {
    "same": "{}",
    "removed": '<del style="background:rgba(213,94,0,.18);text-decoration:line-through">{}</del>',
    "added": '<ins style="background:rgba(0,158,115,.2);text-decoration:underline">{}</ins>',
}
_BODY = f"white-space:pre-wrap;overflow-wrap:break-word;border:1px solid {LINE};border-radius:8px;padding:.55em .8em"


def diff_bundle(diff: Diff) -> dict[str, str]:
    """A difference in the two forms that front ends know."""
    head = f"{_MARKS['removed'].format(escape(diff.a))} → {_MARKS['added'].format(escape(diff.b))}"
    told = "no difference" if diff.same else f"{diff.ratio:.0%} the same"
    body = "".join(_MARKS[piece.kind].format(escape(piece.text)) for piece in diff.pieces)
    return {
        "text/plain": f"{to_text(diff.a)} → {to_text(diff.b)}, {told}\n{to_text(diff.text)}",
        "text/html": (
            f'<div class="llmkit-diff tex2jax_ignore mathjax_ignore"><div style="{QUIET};margin-bottom:.4em">{head} · '
            f'{told}</div><div style="{_BODY}">{body}</div></div>'
        ),
    }
