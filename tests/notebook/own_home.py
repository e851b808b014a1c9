"""A pytest plugin for nbval: each notebook has a home, and so a ledger, of its own. What it says may not depend on
what others did before it. The homes are in the home that the run has, which its caller removes.

    PYTHONPATH=tests/notebook pytest -p own_home --nbval notebooks/*.ipynb
"""

from __future__ import annotations

import os
import tempfile

import pytest

_homes: dict[str, str] = {}


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Before a notebook's kernel is started, which inherits it."""
    name = str(item.path)
    if name not in _homes:
        _homes[name] = tempfile.mkdtemp(dir=os.environ["HOME"])
    os.environ["LLMKIT_HOME"] = _homes[name]
