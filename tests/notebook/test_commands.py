"""``%llm`` asks llmkit itself: models, keys, money, the tape, the cache."""

from __future__ import annotations

from pathlib import Path

import pytest

from llmkit.notebook.commands import COMMANDS

QUICK = "sim/swift"


def shown(kernel, line):
    ran = kernel.run(f"%llm {line}")
    assert ran.status == "ok", ran.messages
    (output,) = ran.outputs
    return output["text/plain"]


def test_use_sets_the_model_of_cells_that_name_none(kernel):
    assert shown(kernel, "use swift") == "Cells that name no model now ask sim/swift."
    kernel.run("%%llm -q --no-history\nhi")
    assert kernel.value("_llm.model") == "sim/swift"
    assert "UnknownProvider" in kernel.run("%llm use nobody/knows").error["ename"]
    assert shown(kernel, "use") == "Cells that name no model ask sim/swift."
    kernel.run("%config LLMKit.model = ''")


def test_models_are_filtered(kernel):
    lines = shown(kernel, "models sim swift").splitlines()
    assert lines[1].startswith("sim/swift")
    assert lines[1].split()[-2:] == ["free", "free"]
    assert len(lines) == 2
    assert "No known model" in shown(kernel, "models nothing-like-it")


def test_usage_is_by_model_and_marks_what_is_simulated(kernel):
    kernel.run(f"%%llm {QUICK} -q --no-history\nhi")
    (line,) = [line for line in shown(kernel, "usage").splitlines() if line.startswith("sim/swift")]
    assert line.endswith("(simulated)")


def test_usage_needs_no_pandas(kernel):
    with_pandas = shown(kernel, "usage")
    kernel.run("import sys\nhidden = sys.modules.get('pandas')\nsys.modules['pandas'] = None")
    try:
        assert shown(kernel, "usage") == with_pandas
        assert "sim/swift" in with_pandas
    finally:
        kernel.run(
            "if hidden is None:\n    del sys.modules['pandas']\nelse:\n    sys.modules['pandas'] = hidden"
        )


def test_a_command_between_backticks_is_code_on_a_page(kernel):
    (output,) = kernel.run("%llm keys").outputs
    assert "<code>%llm keys set PROVIDER</code>" in output["text/html"]
    assert "`%llm keys set PROVIDER`" in output["text/plain"]


def test_a_replay_adds_no_tokens_and_no_line_of_its_own(kernel):
    def line():
        return next(
            line.split() for line in shown(kernel, "usage").splitlines() if line.startswith("sim/json")
        )

    kernel.run("llmkit.ask('hi', model='sim/json', cache=True)")
    before = line()
    kernel.run("llmkit.ask('hi', model='sim/json', cache=True)")
    assert (before[1], line()[1]) == ("1", "2")
    assert line()[2:] == before[2:]


def test_a_budget_is_set_shown_and_lifted(kernel):
    assert "day" in shown(kernel, "budget 2/day")
    assert "Simulated calls don't count" in shown(kernel, "budget")
    assert kernel.value("[str(b.limit) for b in llmkit.default_session().budgets]") == ["2"]
    assert "session" in shown(kernel, "budget 5 per session")
    shown(kernel, "budget off session")
    assert shown(kernel, "budget off day") == "No budget is set."
    assert kernel.run("%llm budget lots").error["ename"] == "BadRequest"


def test_the_tape_goes_in_and_out(kernel, tmp_path):
    assert "mode record" in shown(kernel, f"tape {tmp_path}/t.llm.jsonl --mode record")
    assert shown(kernel, "tape off") == "No tape is in."
    assert "Usage: %llm tape" in kernel.run("%llm tape x --mode never").stderr


def test_the_cache_goes_on_and_off(kernel):
    assert shown(kernel, "cache on").startswith("The cache is on")
    assert shown(kernel, "cache off") == "The cache is off."


def test_config_and_help_list_what_there_is(kernel):
    assert "max_tokens" in shown(kernel, "config")
    assert "%llm models" in shown(kernel, "help")


@pytest.mark.parametrize("command", sorted(COMMANDS))
def test_every_command_has_help_and_stands_in_the_documentation(kernel, command):
    told = shown(kernel, f"help {command}").splitlines()
    assert told[0].startswith(f"%llm {command}")
    assert len(told) >= 3
    assert all(told[:3])
    assert f"%llm {command}" in (Path(__file__).parents[2] / "docs" / "cell.md").read_text("utf-8")


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("use nobody/knows", "nobody"),
        ("usage everything", "takes no 'everything'"),
        ("budget lots", "lots"),
        ("budget off nobody", "nobody"),
        ("tape x --mode never", "Usage: %llm tape"),
        ("tape x --speed 2", "Usage: %llm tape"),
        ("cache maybe", "on or off"),
        ("chat export", "Usage: %llm chat"),
        ("chat a.b", "Usage: %llm chat"),
        ("reset nobody", "no conversation 'nobody'"),
        ("bg all", "takes no 'all'"),
        ("stop 7", "Usage: %llm stop"),
        ("stop all now", "takes no 'now'"),
        ("config model", "takes no 'model'"),
        ("help modles", "did you mean 'models'"),
        ("confg", "Did you mean %llm config?"),
    ],
)
def test_a_bad_argument_is_told_and_nothing_is_sent(kernel, line, says):
    before = kernel.value("len(llmkit.usage(simulated=True))")
    ran = kernel.run(f"%llm {line}")
    assert ran.status == "error"
    assert says in ran.stderr + "\n".join(line for error in ran.of("error") for line in error["traceback"])
    assert kernel.value("len(llmkit.usage(simulated=True))") == before
