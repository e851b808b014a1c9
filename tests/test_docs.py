"""The documentation tells the truth: its Python runs, its links lead somewhere, its pages are all in the menu."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[1]
PAGES = sorted((ROOT / "docs").glob("*.md"))
BLOCK = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)
WITH_PYTHON = [page for page in PAGES if BLOCK.search(page.read_text("utf-8"))]

#: A reader has keys; here the names of real models stand for simulated ones.
CONFIG = {
    "aliases": {
        **dict.fromkeys(("sonnet", "flash", "openai/gpt-5-mini", "opus", "grok"), "sim/sage"),
        **dict.fromkeys(("luna", "haiku"), "sim/swift"),
    }
}
#: Imports once, then runs each page in a fork of its own. What a reader's notebook has when it comes to a page, it
#: has too: a table, a prompt, a session.
RUNNER = """
import ast, asyncio, json, os, sys, traceback
import pandas as pd
import llmkit
from llmkit.providers import openai
from llmkit.engine import session

def run(number, block, names):
    code = compile(block, f"block {number}", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    if asyncio.iscoroutine(waiting := eval(code, names)):
        asyncio.run(waiting)

def read(page, blocks):
    os.environ["LLMKIT_HOME"] = os.path.join(os.getcwd(), page)
    table = pd.DataFrame({"review": ["Great, would buy again.", "Broke on the second day."]})
    names = {"llmkit": llmkit, "df": table, "prompt": "Why is the sky blue?", "show": print, "asyncio": asyncio}
    names |= {"session": llmkit.default_session()}
    for number, block in enumerate(blocks, 1):
        run(number, block, names)

failed = {}
for page, blocks in json.load(sys.stdin).items():
    said, say = os.pipe()
    if (child := os.fork()) == 0:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        try:
            read(page, blocks)
        except BaseException:
            os.write(say, traceback.format_exc()[-3000:].encode())
            os._exit(1)
        os._exit(0)
    os.close(say)
    why = b"".join(iter(lambda: os.read(said, 4096), b"")).decode()
    if os.waitpid(child, 0)[1]:
        failed[page] = why
print(json.dumps(failed))
"""


def blocks(page):
    return BLOCK.findall(page.read_text("utf-8"))


@pytest.mark.skipif(
    not hasattr(os, "fork"), reason="pages run in forks of one process, and there are none here"
)
def test_the_python_of_every_page_runs_without_a_key(tmp_path):
    config = tmp_path / "llmkit.yaml"
    config.write_text(yaml.safe_dump(CONFIG), "utf-8")
    environment = {
        "PATH": "",
        "PYTHONPATH": str(ROOT),
        "LLMKIT_CONFIG": str(config),
        "LLMKIT_SIM_PACE": "instant",
        "HOME": str(tmp_path),
    }
    ran = subprocess.run(
        [sys.executable, "-c", RUNNER],
        input=json.dumps({page.stem: blocks(page) for page in WITH_PYTHON}),
        capture_output=True,
        text=True,
        env=environment,
        cwd=tmp_path,
        timeout=200,
    )
    assert ran.returncode == 0, ran.stderr[-3000:]
    assert json.loads(ran.stdout.splitlines()[-1]) == {}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_the_links_of(page):
    text = re.sub(r"^```.*?^```$", "", page.read_text("utf-8"), flags=re.MULTILINE | re.DOTALL)
    links = re.findall(r"\]\((?!https?:)([^)#\s]+)", text)
    assert [link for link in links if not (page.parent / link).exists()] == []


def test_every_page_is_in_the_menu():
    menu = yaml.safe_load((ROOT / "mkdocs.yml").read_text("utf-8"))["nav"]
    listed = [page for part in menu for pages in part.values() for page in pages]
    missing = {page.name for page in PAGES} - set(listed)
    assert not missing, f"Put {missing} into `nav:` in mkdocs.yml."
    assert len(listed) == len(set(listed)) == len(PAGES)


def test_every_dialect_is_in_the_table_of_dialects():
    from llmkit.wire import dialects

    table = (ROOT / "docs" / "wires.md").read_text("utf-8")
    assert [one.name for one in dialects._ALL if f"| `{one.name}` |" not in table] == []


def test_every_public_name_is_in_the_reference():
    import llmkit

    told = set()
    for path, members in re.findall(
        r"^::: (\S+)(?:\n    options: \{members: \[([^]]*)\])?",
        (ROOT / "docs/reference.md").read_text(),
        re.MULTILINE,
    ):
        told |= {f"{path}.{name.strip()}" for name in members.split(",")} if members else {path}
    homes = {name: f"{home}.{name}" for name, home in llmkit._HOMES.items() if home}
    # objects: what they can do stands at their classes
    homes |= {"prices": "llmkit.engine.pricebook.PriceBook", "usage": "llmkit.ledger.accounts.Accounts"}
    assert [name for name, path in homes.items() if not {path, path.rpartition(".")[0]} & told] == []
