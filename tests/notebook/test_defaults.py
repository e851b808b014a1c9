"""What cells do where they don't say: who says it, and whose word counts."""

from __future__ import annotations

import pytest

from llmkit.core.errors import ConfigError
from llmkit.notebook import defaults
from llmkit.notebook.defaults import LLMKit, Setting
from llmkit.notebook.formats import FORMATS
from llmkit.notebook.live import MODES
from llmkit.providers import schema


@pytest.fixture
def places(tmp_path, monkeypatch):
    """A user's file, a project's file and a named file; and a session that has read those that are written."""
    from llmkit.engine import session

    user, project = tmp_path / "home", tmp_path / "project"
    user.mkdir()
    project.mkdir()
    monkeypatch.setenv("LLMKIT_HOME", str(user))
    monkeypatch.delenv("LLMKIT_CONFIG", raising=False)
    monkeypatch.chdir(project)

    def written(**texts):
        files = {"user": user, "project": project, "named": tmp_path}
        for name, text in texts.items():
            (files[name] / "llmkit.yaml").write_text(text)
        if "named" in texts:
            monkeypatch.setenv("LLMKIT_CONFIG", str(tmp_path / "llmkit.yaml"))
        monkeypatch.setattr(session, "_default", session.Session())
        return LLMKit()

    return written


def test_the_nearest_word_counts(places):
    cell = "cell:\n  model: {}\n"
    assert places().in_force("model") == Setting("", "built in")
    assert places(user=cell.format("users")).value("model") == "users"
    assert places(project=cell.format("projects")).value("model") == "projects"
    said = places(named=cell.format("named"))
    assert said.value("model") == "named"
    said.put("model", "mine")
    assert said.in_force("model") == Setting("mine", "%config")
    said.put("model", "")
    assert said.value("model") == "named"


def test_files_are_read_together_and_each_value_says_where_it_is_from(places):
    said = places(
        user="cell:\n  history: false\n  tag: home\n", project="cell:\n  tag: here\n  think: 'off'\n"
    )
    assert said.in_force("history").value is False
    assert said.in_force("history").origin.endswith("home/llmkit.yaml")
    assert said.value("tag") == "here"
    assert said.in_force("tag").origin.endswith("project/llmkit.yaml")
    assert said.value("think") == "off"
    said.put("history", True)
    assert said.in_force("history") == Setting(True, "%config")


@pytest.mark.parametrize(
    ("section", "says"),
    [
        ("  modle: x", ["line 2", "modle", "model"]),
        ("  model: luna\n  max_tokens: 0", ["line 3", "max_tokens"]),
        ("  timeout: soon", ["line 2", "timeout"]),
        ("  history: perhaps", ["line 2", "history"]),
        ("  format: yaml", ["line 2", "format"]),
        ("  think: hard", ["line 2", "think"]),
        ("  - model", ["line 1", "cell"]),
        ("  yes_tools: true", ["line 2", "yes_tools"]),
        ("  attach: ~/.ssh/id_rsa", ["line 2", "attach"]),
        ("  repeat: 0", ["line 2", "repeat"]),
    ],
)
def test_what_a_file_can_t_say_is_refused_with_its_line(places, section, says):
    with pytest.raises(ConfigError) as caught:
        places(project=f"cell:\n{section}\n")
    for word in says:
        assert word in str(caught.value)


def test_a_setting_of_config_and_of_a_file_have_one_name():
    assert defaults.names() == sorted(schema.CELL)
    assert schema.CELL["format"] == schema.Text(choices=FORMATS)
    assert schema.CELL["display"] == schema.Text(choices=MODES)


def test_every_option_of_a_cell_that_may_hold_for_all_has_a_default():
    from llmkit.notebook.options import Line

    spelled_otherwise = {"words", "no_history"}  # model, and history = False
    assert {*Line.__dataclass_fields__} - spelled_otherwise - {*defaults.names()} == set()


# -- in a kernel --------------------------------------------------------------------------------


def test_config_shows_each_value_and_where_it_is_from(kernel):
    kernel.run("%config LLMKit.max_tokens = 7")
    rows = kernel.run("%llm config").outputs[0]["text/plain"].splitlines()
    kernel.run("%config LLMKit.max_tokens = None")
    (row,) = [row for row in rows if row.startswith("max_tokens")]
    assert row.split()[1:3] == ["7", "%config"]
    assert "history       True   built in" in "\n".join(rows)


def test_config_refuses_what_can_t_be(kernel):
    for wrong in (
        "temperature = 'hot'",
        "max_tokens = 0",
        "format = 'yaml'",
        "think = 'hard'",
        "history = 2",
    ):
        ran = kernel.run(f"%config LLMKit.{wrong}")
        assert f"'{wrong.split()[0]}' trait" in ran.stderr, wrong
    assert kernel.run("%llm config").outputs[0]["text/plain"].count("%config") == 1  # in the hint alone


def test_a_default_reaches_the_call_and_the_line_wins(kernel):
    for setting in ("system = 'Terse'", "max_tokens = 9", "tag = 'set'", "quiet = True", "model = 'swift'"):
        kernel.run(f"%config LLMKit.{setting}")
    kernel.run("import llmkit.sim")
    assert kernel.run("%%llm --no-history\nhi").outputs == []
    kernel.run("%%llm --no-history --max-tokens 11 --tag line\nhi")
    for name in ("system", "tag", "model"):
        kernel.run(f"%config LLMKit.{name} = ''")
    kernel.run("%config LLMKit.max_tokens = None\n")
    kernel.run("%config LLMKit.quiet = False")
    bodies = kernel.run("[seen.json for seen in llmkit.sim.default().requests[-2:]]").outputs[0]["text/plain"]
    assert bodies.count("Terse") == 2
    assert (bodies.count(": 9"), bodies.count(": 11")) == (1, 1)
    counted = "[len(llmkit.usage(simulated=True, tag=tag)) for tag in ('set', 'line')]"
    assert kernel.value(counted) == [1, 1]


@pytest.mark.parametrize(
    ("setting", "shows"),
    [
        ("out = 'every'", "every is _llm"),
        ("attach = ['extra']", "'the extra words' in str(llmkit.sim.default().requests[-1].json)"),
        ("schema = 'shape'", "isinstance(_llm.json, dict)"),
        ("compare = 'sim/swift,sim/sage'", "len(_.replies) == 2"),
        ("repeat = 2", "len(_.replies) == 2"),
        ("bg = True", "'Background' in type(_).__name__"),
        ("dry_run = True", "len(llmkit.sim.default().requests) == before"),
        (
            "new = True",
            "len(get_ipython().magics_manager.registry['LLMMagics'].conversations['c'].turns) == 1",
        ),
    ],
)
def test_what_holds_for_one_cell_can_be_set_for_all(kernel, setting, shows):
    kernel.run("import llmkit.sim\nextra = 'the extra words'\nshape = {'type': 'object', 'properties': {}}")
    name = setting.split()[0]
    line = "-c c" if name == "new" else ""
    kernel.run("%config LLMKit.model = 'sim/swift'\n%config LLMKit.quiet = True\nbefore = len(llmkit.sim.default().requests)")  # fmt: skip
    kernel.run(f"%config LLMKit.{setting}")
    try:
        for _ in range(2):
            ran = kernel.run(f"%%llm {line}\nhi")
            assert ran.status == "ok", ran.messages
        assert kernel.value(shows) is True
    finally:
        empty = {"bg": False, "dry_run": False, "new": False, "repeat": None}.get(name, "")
        for back in (f"{name} = {empty!r}", "model = ''", "quiet = False"):
            kernel.run(f"%config LLMKit.{back}")


def test_a_setting_gives_way_to_what_it_does_not_go_with(kernel):
    kernel.run("%config LLMKit.compare = 'sim/swift,sim/sage'")
    kernel.run("%%llm sim/swift -q --no-history\nhi")
    kernel.run("%config LLMKit.compare = ''")
    assert kernel.value("type(_).__name__") == "Reply"
