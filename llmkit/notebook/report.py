"""A report in a notebook: its sentences and its table, as safe text. What is in it is ``jobs/report.py``'s business."""

from __future__ import annotations

from llmkit.jobs.report import Report
from llmkit.notebook.safe import escape, to_text
from llmkit.notebook.static import LINE

_TD = f"padding:.2em .9em .2em 0;text-align:left;border-bottom:1px solid {LINE}"


def report_bundle(report: Report) -> dict[str, str]:
    """A report in the two forms that front ends know."""
    said = "".join(f'<p style="margin:.25em 0">{escape(sentence)}</p>' for sentence in report.sentences)
    table = ""
    if report.rows:
        head = "".join(f'<th scope="col" style="{_TD}">{escape(name)}</th>' for name in report.head)
        lines = ["".join(f'<td style="{_TD}">{escape(value)}</td>' for value in row) for row in report.rows]
        rows = "".join(f"<tr>{line}</tr>" for line in lines)
        table = (
            '<div style="overflow-x:auto"><table style="margin:.7em 0 0;border-collapse:collapse;font-size:.92em">'
            f"<thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>"
        )
    return {
        "text/plain": to_text(str(report)),
        "text/html": (
            '<div class="llmkit-report tex2jax_ignore mathjax_ignore" style="overflow-wrap:anywhere">'
            f"<strong>{escape(report.title)}</strong>{said}{table}</div>"
        ),
    }
