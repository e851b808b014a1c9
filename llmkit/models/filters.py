"""How the filters of a table of models are written, in a notebook and on a command line. What they find is
``engine/known.py``'s."""

from __future__ import annotations

from llmkit.models.catalogue import ABILITIES

#: By what a model can do: how each is written, and what it asks for.
FLAGS = {"--" + name.replace("_", "-"): name for name in ABILITIES} | {"--thinking": "thinking"}
SORTS = ("name", "price", "context", "output", "age")
