"""`import llmkit` is light, and `%load_ext llmkit` starts nothing. Each seen from a fresh process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
HEAVY = [
    "IPython",
    "aiohttp",
    "anthropic",
    "genai_prices",
    "google.genai",
    "httpx2",
    "ipywidgets",
    "litellm",
    "markdown_it",
    "openai",
    "pandas",
    "plotly",
    "tiktoken",
    "yaml",
]
#: A few hundredths of a second; the standard library's asyncio alone would be more.
MODULES = 60

IMPORT = """
import json, sys
before = set(sys.modules)
import llmkit
print(json.dumps(sorted(set(sys.modules) - before)))
"""

ERRORS = """
import json, sys
import llmkit.core.errors, llmkit.core.messages, llmkit.core.usage
print(json.dumps(sorted(sys.modules)))
"""

LOAD = """
import json, os, sys, threading
from IPython.core.interactiveshell import InteractiveShell

shell = InteractiveShell.instance()
shell.history_manager.enabled = False

def state():
    places = []
    for number in os.listdir("/proc/self/fd"):
        try:
            places.append(os.readlink(f"/proc/self/fd/{number}"))
        except FileNotFoundError:
            places.append("gone")  # the folder's own handle
    return {
        "threads": sorted(thread.name for thread in threading.enumerate()),
        "sockets": sorted(place for place in places if place.startswith("socket:")),
        "files": len(places),
        "modules": sorted(sys.modules),
    }

before = state()
shell.run_line_magic("load_ext", "llmkit")
after = state()
magics = sorted(shell.magics_manager.magics["cell"])
shell.run_line_magic("reload_ext", "llmkit")
shell.run_line_magic("unload_ext", "llmkit")
print(json.dumps({"before": before, "after": after, "magics": magics, "unloaded": state()}))
"""


def run(code, environment):
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={**environment, "PYTHONPATH": str(ROOT), "IPYTHONDIR": environment["LLMKIT_HOME"]},
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_importing_llmkit_loads_nothing_heavy_and_little_at_all(child_environment):
    loaded = run(IMPORT, child_environment)
    assert [name for name in HEAVY if name in loaded] == []
    assert len(loaded) < MODULES, loaded


def test_the_values_alone_load_nothing_heavy_either(child_environment):
    loaded = run(ERRORS, child_environment)
    assert [name for name in HEAVY if name in loaded] == []


@pytest.fixture(scope="module")
def seen(tmp_path_factory):
    """A real IPython shell before and after `%load_ext llmkit`, and after unloading it again."""
    if sys.platform != "linux":
        pytest.skip("threads and open files are counted in Linux's /proc")
    home = str(tmp_path_factory.mktemp("home"))
    return run(LOAD, {**os.environ, "LLMKIT_HOME": home, "LLMKIT_LEDGER": f"{home}/ledger.sqlite"})


class TestLoadingTheExtension:
    def test_it_starts_no_thread(self, seen):
        assert seen["after"]["threads"] == seen["before"]["threads"]

    def test_it_opens_no_socket_and_no_file(self, seen):
        assert seen["after"]["sockets"] == seen["before"]["sockets"]
        assert seen["after"]["files"] == seen["before"]["files"]

    def test_it_loads_no_sdk(self, seen):
        new = set(seen["after"]["modules"]) - set(seen["before"]["modules"])
        assert [
            name for name in ("openai", "anthropic", "google.genai", "pandas", "plotly") if name in new
        ] == []

    def test_it_brings_the_cell_magic(self, seen):
        assert "llm" in seen["magics"]

    def test_unloading_leaves_nothing_running(self, seen):
        assert seen["unloaded"]["threads"] == seen["before"]["threads"]
        assert seen["unloaded"]["sockets"] == seen["before"]["sockets"]
