"""Every place where a ``%%llm`` may stand, on every kernel that is asked for.

The installed ipykernel is always tried. ``make kernels`` makes environments with other versions (and other
Pythons that are here) and names their folder in ``LLMKIT_KERNELS``.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import nbformat
import pexpect
import pytest
from kernel import LAUNCH, ROOT, Kernel
from nbclient import NotebookClient

from llmkit.notebook.live import STOPPED

QUICK = "sim/bench:tokens=40,rate=0,ttft=0"
STEADY = "sim/bench:tokens=120,rate=150,ttft=0"
ENDLESS = "sim/bench:tokens=100000,rate=100,ttft=0"
STATIC = {"text/plain", "text/markdown", "text/html"}

#: Read when tests are collected, because every test runs without the developer's settings.
FOLDER = os.environ.get("LLMKIT_KERNELS", "")
PYTHONS = {"installed": sys.executable} | {
    place.parent.parent.name: str(place) for place in sorted(Path(FOLDER).glob("*/bin/python")) if FOLDER
}


@pytest.fixture(
    scope="module", params=[pytest.param(name, marks=pytest.mark.xdist_group(name)) for name in PYTHONS]
)
def python(request):
    """The Python of one kernel."""
    return PYTHONS[request.param]


@pytest.fixture(scope="module")
def kernel(python, kernel_environment):
    """That kernel, with llmkit loaded."""
    running = Kernel(kernel_environment, python)
    loaded = running.run("import llmkit, sys, ipykernel\n%load_ext llmkit")
    assert loaded.status == "ok", loaded.error
    yield running
    running.close()


#: How it stands, what it shows in how many outputs, and an expression that is true afterwards.
PLACES = {
    "plain cell": (f"%%llm {STEADY}\nHello?", 1, "_llm.complete and _ is _llm"),
    "line": (f"%llm -m {QUICK} Hello?", 1, "_llm.complete"),
    "assigned": (f"r = %llm -m {QUICK} Hello?", 1, "r is _llm and r.complete"),
    "loop": (f"for at in range(3):\n    %llm -m {QUICK} Number {{{{ at }}}}", 3, "_llm.complete"),
    "function": (
        f"def ask(x):\n    reply = %llm -m {QUICK} Tell me\n    return reply\nfirst, second = ask(1), ask(2)",
        2,
        "first.complete and second is _llm",
    ),
    "%%time": (f"%%time\nr = %llm -m {STEADY} Hello", 1, "r.complete"),
    "with await": (
        f"import asyncio\nawait asyncio.sleep(0)\nr = %llm -m {QUICK} Hello",
        1,
        "r.complete",
    ),
    "after await in a task": (
        f"async def ask():\n    await asyncio.sleep(0)\n    return get_ipython().run_line_magic('llm', '-m {QUICK} Hi')\nr = await ask()",
        1,
        "r.complete",
    ),
}


@pytest.mark.parametrize("place", PLACES)
def test_it_runs_wherever_a_magic_may_stand(kernel, place):
    code, outputs, holds = PLACES[place]
    kernel.run("_llm = None; import asyncio")
    ran = kernel.run(code)
    assert ran.status == "ok", ran.error
    assert [set(shown) for shown in ran.outputs] == [STATIC] * outputs
    assert ran.stderr == ""
    assert kernel.value(f"bool({holds})") is True


def test_captured_it_is_captured_once(kernel):
    ran = kernel.run(f"%%capture got\nr = %llm -m {STEADY} Hello")
    assert (ran.status, ran.outputs) == ("ok", [])
    assert kernel.value("[sorted(o.data) for o in got.outputs if o.data]") == [sorted(STATIC)]


def test_queued_cells_all_run_and_each_shows_its_own(kernel):
    cells = [
        f"%%llm {STEADY} -o a\nOne.",
        "b = a.text",
        f"c = %llm -m {QUICK} {{{{ b }}}}",
        "print(c.complete)",
    ]
    ran = [kernel.finish(cell) for cell in [kernel.send(code) for code in cells]]
    assert [one.status for one in ran] == ["ok"] * 4
    assert [len(one.outputs) for one in ran] == [1, 0, 1, 0]
    assert ran[3].stdout == "True\n"


def test_an_interrupt_keeps_what_came_in_one_line_and_stops_what_waits(kernel):
    cell = kernel.send(f"%%llm {ENDLESS} -o part\nGo on.")
    waiting = kernel.send("went_on = True")
    kernel.wait_for(cell, "update_display_data", "writing")
    kernel.interrupt()
    ran = kernel.finish(cell)
    assert ran.status == "error"
    assert ran.error["traceback"] == ["■ Interrupted. The partial answer is in part and _llm."]
    assert len(str(ran.error)) < 1000
    assert "■ Interrupted" in ran.outputs[0]["text/plain"]
    assert kernel.reply_to(waiting)["status"] == "aborted"
    assert kernel.value("part.complete, bool(part.text), 'went_on' in globals()") == (False, True, False)


def test_stop_comes_through_where_the_kernel_can_hear_it_and_is_not_offered_elsewhere(kernel):
    hears = kernel.value("ipykernel.version_info[0] >= 7")
    subshell = kernel.subshell() if hears else None
    if not hears:
        ran = kernel.run("%%llm sim/bench:tokens=80,rate=100,ttft=0\nHello?", cell="cell-1")
        assert ran.of("comm_open", "comm_msg") == []
        return
    cell = kernel.send(f"%%llm {ENDLESS}\nGo on.", cell="cell-2")
    pane = kernel.wait_for(cell, "comm_open")["comm_id"]
    shown = ""
    while pane not in shown:  # a page says it until it is heard
        kernel.say(pane, {"say": "hello"}, subshell)
        shown = str(kernel.wait_for(cell, "update_display_data"))
    kernel.wait_for(cell, "comm_msg", "quick brown")
    kernel.say(pane, {"say": "stop"}, subshell)
    ran = kernel.finish(cell)
    assert ran.status == "ok"
    (shown,) = ran.outputs
    assert set(shown) == STATIC
    assert STOPPED in shown["text/plain"]
    assert len(ran.of("comm_close")) == 1


def test_a_program_runs_the_notebook_and_keeps_each_answer_once(
    python, kernel_environment, tmp_path, monkeypatch
):
    spec = {"argv": [python, *LAUNCH], "display_name": "asked", "language": "python"}
    (tmp_path / "kernels" / "asked").mkdir(parents=True)
    (tmp_path / "kernels" / "asked" / "kernel.json").write_text(json.dumps(spec))
    for name, value in {**kernel_environment, "PYTHONPATH": str(ROOT), "JUPYTER_PATH": str(tmp_path)}.items():
        monkeypatch.setenv(name, value)
    book = nbformat.v4.new_notebook()
    sources = [
        "%load_ext llmkit",
        f"%%llm {STEADY}\nHello?",
        f"for _ in 'ab':\n    r = %llm -m {QUICK} Hi",
        "import sys\n(sys.executable, r.complete)",
    ]
    book.cells = [nbformat.v4.new_code_cell(source) for source in sources]
    NotebookClient(book, kernel_name="asked", timeout=120).execute()
    outputs = [cell.outputs for cell in book.cells]
    assert [len(shown) for shown in outputs] == [0, 1, 2, 1]
    assert all(set(shown.data) == STATIC for shown in [*outputs[1], *outputs[2]])
    assert outputs[3][0].data["text/plain"] == f"({python!r}, True)"
    assert "widgets" not in book.metadata


TOOL = """import llmkit.sim
from llmkit.sim import Say
def look(city: str) -> str: return f'21 °C in {city}'
call = Say(tools=[("look", {"city": "Oslo"})])
llmkit.sim.default().script([call, "Warm.", call, call]);"""


def test_a_tool_asks_and_a_question_ends_with_its_answer(kernel):
    kernel.run(TOOL)
    cell = kernel.send("%%llm sim/sage --no-history -t look\nThe weather?", stdin=True)
    assert kernel.asked().startswith('Run look(city="Oslo")?')
    kernel.answer("y")
    assert kernel.finish(cell).status == "ok"
    assert kernel.value("_llm.text") == "Warm."
    for line, way in (("", kernel.interrupt), ("--timeout 6", lambda: None)):
        cell = kernel.send(f"%%llm sim/sage --no-history -t look {line}\nThe weather?", stdin=True)
        kernel.asked()
        way()
        assert kernel.finish(cell).status == "error"
        assert kernel.value("_llm.complete") is False
    assert kernel.run("llmkit.sim.default().reset()").status == "ok"


def test_in_a_terminal_it_is_text_and_control_c_stops_it(python, kernel_environment):
    options = ["--simple-prompt", "--no-banner", "--no-confirm-exit", "--colors=nocolor"]
    environment = {**kernel_environment, "PYTHONPATH": str(ROOT), "TERM": "dumb"}
    shell = pexpect.spawn(
        python, ["-m", "IPython", *options], env=environment, cwd=ROOT, encoding="utf-8", timeout=60, dimensions=(50, 200)
    )  # fmt: skip
    try:
        shell.expect("In \\[1\\]: ")
        shell.sendline("%load_ext llmkit")
        shell.expect("In \\[2\\]: ")
        shell.sendline("r = %llm -m sim/swift Why is the sky blue?")
        shell.expect("— sim/swift · .* · simulated")
        shell.expect("In \\[3\\]: ")
        shell.sendline(f"%llm -m {ENDLESS} Go on")
        shell.expect("quick brown")
        shell.sendintr()
        shell.expect("■ Interrupted. The partial answer is in _llm.")
        shell.expect("In \\[4\\]: ")
        assert "Traceback" not in shell.before
    finally:
        shell.close(force=True)


@pytest.mark.skipif(bool(FOLDER), reason="the kernels of LLMKIT_KERNELS are being tried")
def test_other_kernels_too():
    pytest.skip("other versions of ipykernel and of Python are tried by `make kernels`")
