"""``%%llm`` where there is no page: an IPython in a terminal."""

from __future__ import annotations

import sys

import pexpect
import pytest
from kernel import ROOT


@pytest.fixture
def terminal(kernel_environment):
    """An IPython on a pseudo terminal."""
    shell = pexpect.spawn(
        sys.executable,
        [
            "-m",
            "IPython",
            "--simple-prompt",
            "--no-banner",
            "--no-confirm-exit",
            "--colors=nocolor",
            "--no-tip",
        ],
        env={**kernel_environment, "PYTHONPATH": str(ROOT), "TERM": "dumb"},
        cwd=ROOT,
        encoding="utf-8",
        timeout=30,
        dimensions=(50, 200),
    )
    shell.expect("In \\[1\\]: ")
    shell.sendline("%load_ext llmkit")
    shell.expect("In \\[2\\]: ")
    yield shell
    shell.close(force=True)


def test_the_answer_is_text_with_one_line_about_it(terminal):
    terminal.sendline("%llm -m sim/swift Why is the sky blue?")
    terminal.expect("— sim/swift · .* · simulated")
    assert "<" not in terminal.before
    assert "sky" in terminal.before
    terminal.expect("In \\[3\\]: ")
    assert "simulated" not in terminal.before
    terminal.sendline("_ is _llm, type(_).__name__")
    terminal.expect("\\(True, 'Reply'\\)")


def test_a_reply_shown_again_is_its_text_and_the_same_line(terminal):
    terminal.sendline("r = %llm -m sim/swift Why is the sky blue?")
    terminal.expect("— sim/swift")
    terminal.expect("In \\[3\\]: ")
    terminal.sendline("r")
    terminal.expect("sky")
    terminal.expect("— sim/swift")


def test_control_c_keeps_the_partial_answer_and_one_line(terminal):
    terminal.sendline("%llm -m sim/bench:tokens=100000,rate=100,ttft=0 Go on")
    terminal.expect("quick brown")
    terminal.sendintr()
    terminal.expect("■ Interrupted. This is the answer as far as it came.")
    terminal.expect("■ Interrupted. The partial answer is in _llm.")
    terminal.expect("In \\[3\\]: ")
    assert "Traceback" not in terminal.before
    terminal.sendline("_llm.complete, len(_llm.text) > 0")
    terminal.expect("\\(False, True\\)")


def test_what_is_wrong_is_told_in_three_lines(terminal):
    terminal.sendline("%llm -m nosuchmodel hi")
    terminal.expect("UnknownModel: ")
    terminal.expect("In \\[3\\]: ")
    assert "Traceback" not in terminal.before
    assert terminal.before.strip().count("\n") <= 2


TOOLS = (
    "def look(city: str) -> str: return f'21 °C in {city}'",
    "import llmkit.sim; from llmkit.sim import Say",
    "call = Say('One moment.', tools=[('look', {'city': 'Oslo'})])",
    "_ = llmkit.sim.default().script([call, 'Warm.', call, 'never'])",
)
ASK = "%llm -m sim/sage -t look The weather?"


def test_a_tool_asks_on_a_line_and_control_c_leaves_the_question(terminal):
    for line in TOOLS:
        terminal.sendline(line)
        terminal.expect("In \\[\\d+\\]: ")
    terminal.sendline(ASK)
    terminal.expect('Run look\\(city="Oslo"\\)\\? .*\\[q\\]uit: ')
    terminal.sendline("y")
    terminal.expect("→ 21 °C in Oslo")
    terminal.expect("Warm.")
    terminal.expect("2 rounds")
    terminal.expect("In \\[\\d+\\]: ")
    terminal.sendline(ASK)
    terminal.expect("\\[q\\]uit: ")
    terminal.sendintr()
    terminal.expect("\r\n■ Interrupted. This is the answer as far as it came.")
    terminal.expect("In \\[\\d+\\]: ")
    terminal.sendline("_llm.text, _llm.complete")
    terminal.expect("\\('One moment.', False\\)")
