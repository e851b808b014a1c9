"""The environment as it was before the tests built their walls: the way to a package index may lie in it."""

from __future__ import annotations

import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
import fresh

fresh.OUTSIDE.update(
    {name: value for name, value in os.environ.items() if not name.startswith(("LLMKIT_", "PYTHON"))}
)
