"""What the outputs of a notebook have in common to look at: lines, shades and panels, as styles in place.

Colours come from the page (JupyterLab's variables, with a grey that does on light and dark where there are none).
"""

from __future__ import annotations

LINE = "var(--jp-border-color2,rgba(127,127,127,.35))"
AMBER = "var(--jp-warn-color1,#d98200)"
QUIET = "font-size:.82em;opacity:.72"
PANEL = f"margin:.4em 0;padding:.35em .7em;border:1px solid {LINE};border-radius:6px"
CODE = "margin:.3em 0 0;white-space:pre-wrap;overflow-wrap:anywhere;background:none"
