"""A notebook's outputs without what the clock, the machine and the day put into them: what two runs share."""

from __future__ import annotations

import json
import re
from typing import Any

#: What the clock says, what is guessed, and the blanks and lines that make columns of it.
_CHANGING = (
    (r"\d[\d.]* s\b", "TIME s"),
    (r"[\d,]+ tok/s", "PACE tok/s"),
    (r" {2,}", "  "),
    ("─{2,}", "──"),
    (r'style=\\"[^"]*\\"', "STYLE"),  # how it looks is tried elsewhere
    (r"(tokens in: \d|cost: at least ~\$)[^\\]*", "GUESSED"),  # which gets better with every call
)
#: What IPython says where an extension is loaded for a second time.
_LOADED = re.compile(r"The llmkit extension is already loaded\. To reload it, use:\n  %reload_ext llmkit\n")


def timeless(shown: list[dict[str, Any]]) -> str:
    """A cell's outputs, whatever the clock said; of an error its words, of a picture that there is one."""
    kept = []
    for output in shown:
        data = {
            kind: value for kind, value in output.get("data", {}).items() if not kind.startswith("image/")
        }
        text = _LOADED.sub("", output.get("text", ""))
        if data or text or output.get("ename"):
            kept.append((output["output_type"], data, text, output.get("ename"), output.get("evalue")))
    words = json.dumps(kept, sort_keys=True, ensure_ascii=False)
    for pattern, word in _CHANGING:
        words = re.sub(pattern, word, words)
    return words


def is_compared(cell: Any) -> bool:
    """Some outputs say what is so on this machine, or what the catalogue knows today."""
    return "nbval-ignore-output" not in cell.metadata.get("tags", ())
