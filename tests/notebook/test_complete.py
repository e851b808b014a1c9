"""Tab in a cell of ``%%llm``: over the protocol of every front end, and as a pure function of a line."""

from __future__ import annotations

import pytest

from llmkit.notebook.complete import Known, candidates, expression


class Frame:
    """Stands for a table."""


class Shape:
    """Stands for a schema."""


KNOWN = Known(
    models=("luna", "sonnet", "sim/swift"),
    variables={
        "table": Frame(),
        "shape": {"type": "object"},
        "Shape": Shape,
        "search": len,
        "tools": [len],
        "n": 1,
    },
    conversations=("research", "review"),
)


@pytest.mark.parametrize(
    ("line", "word", "offered"),
    [
        ("%%llm so", "so", ["sonnet"]),
        ("%%llm -m l", "l", ["luna"]),
        ("%%llm --compare luna,so", "so", ["sonnet"]),
        ("%%llm --compare ", "", ["luna", "sonnet", "sim/swift"]),
        ("%%llm --think m", "m", ["medium", "max"]),
        ("%%llm -f j", "j", ["json"]),
        ("%%llm -o ta", "ta", ["table"]),
        ("%%llm -o sea", "sea", []),
        ("%%llm -a ta", "ta", ["table"]),
        ("%%llm --schema s", "s", ["shape"]),
        ("%%llm --schema S", "S", ["Shape"]),
        ("%%llm -t se", "se", ["search"]),
        ("%%llm -t search,to", "to", ["tools"]),
        ("%%llm -t S", "S", []),
        ("%%llm --ye", "--ye", ["--yes-tools"]),
        ("%%llm --max-r", "--max-r", ["--max-rounds"]),
        ("%%llm -c re", "re", ["research", "review"]),
        ("%%llm -s so", "so", []),
        ("%%llm --temperature ", "", []),
        ("%%llm --re", "--re", ["--repeat"]),
        ("%%llm sonnet --b", "--b", ["--bg", "--budget"]),
        ("%%llm sonnet lu", "lu", []),
        ("%llm chat ex", "ex", ["export"]),
        ("%llm chat re", "re", ["research", "review"]),
        ("%llm reset re", "re", ["research", "review"]),
        ("%llm use so", "so", ["sonnet"]),
        ("%llm cache o", "o", ["on", "off"]),
        ("%llm stop ", "", ["all"]),
        ("%llm st", "st", ["stop"]),
        ("x = %llm -m lu", "lu", ["luna"]),
        ("%llm why so", "so", []),
        ("print(so", "", []),
    ],
)
def test_what_may_stand_there_is_offered(line, word, offered):
    assert candidates(line, KNOWN) == (word, offered)


def test_files_are_offered_after_attach(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "a.png").touch()
    assert candidates("%%llm -a da", Known()) == ("da", ["data/"])
    assert candidates("%%llm -a data/", Known()) == ("data/", ["data/a.png"])
    assert candidates("%llm tape da", Known()) == ("da", ["data/"])


@pytest.mark.parametrize(
    ("before", "inside"),
    [
        ("{{ df.he", "df.he"),
        ("{{df", "df"),
        ("a {{ x }} b {{ y", "y"),
        ("a {{ x }} b", None),
        ("a { x", None),
        ("\\{{ x", None),
        ("{{ f(\n  df.he", "df.he"),
    ],
)
def test_an_expression_is_what_stands_in_open_braces(before, inside):
    assert expression(before) == inside


# -- in a kernel --------------------------------------------------------------------------------


def matches(kernel, code):
    message = kernel.client.complete(code, len(code))
    while True:
        reply = kernel.client.get_shell_msg(timeout=60)
        if reply["parent_header"].get("msg_id") == message:
            content = reply["content"]
            return [code[: content["cursor_start"]] + found for found in content["matches"]]


@pytest.mark.parametrize(
    ("code", "completed"),
    [
        ("%%llm son", "%%llm sonnet"),
        ("%%llm -m lu", "%%llm -m luna"),
        ("%%llm --mo", "%%llm --model"),
        ("%%llm --dry", "%%llm --dry-run"),
        ("%%llm sonnet --think me", "%%llm sonnet --think medium"),
        ("%%llm --compare luna,son", "%%llm --compare luna,sonnet"),
        ("%%llm sim/sw", "%%llm sim/swift"),
        ("r = %llm -m sim/sw", "r = %llm -m sim/swift"),
        ("%llm mod", "%llm models"),
        ("%llm use swi", "%llm use swift"),
        ("%%llm -o long_na", "%%llm -o long_name"),
        ("%%llm -c my-ta", "%%llm -c my-talk"),
        ("%%llm\nUse {{ long_na", "%%llm\nUse {{ long_name"),
        ("%%llm\nUse {{ long_name.upp", "%%llm\nUse {{ long_name.upper"),
        ("%%llm\nUse {{ long_name }} and {{ table['colu", "%%llm\nUse {{ long_name }} and {{ table['column"),
        ("%llm Use {{ long_name.upp", "%llm Use {{ long_name.upper"),
    ],
)
def test_a_cell_completes(kernel, code, completed):
    kernel.run("long_name = 'x'; table = {'column': 1}")
    kernel.run("%%llm swift -q -c my-talk\nhi")
    assert any(found.startswith(completed) for found in matches(kernel, code))


def test_completing_runs_nothing_and_sends_nothing(kernel):
    kernel.run(
        "class Trap:\n"
        "    sprung = 0\n"
        "    def go(self):\n"
        "        Trap.sprung += 1\n"
        "        return self\n"
        "trap = Trap()"
    )
    before = kernel.value("len(llmkit.usage(simulated=True))")
    for code in (
        "%%llm\n{{ trap.go().",
        "%%llm\n{{ trap.go",
        "%%llm\n{{ Trap().go()['",
        "%%llm --schema tr",
        "%%llm -a tr",
        "%%llm -t tr",
        "%%llm -o tr",
    ):
        matches(kernel, code)
    assert kernel.value("Trap.sprung, len(llmkit.usage(simulated=True))") == (0, before)


def test_outside_of_the_braces_and_in_other_cells_ipython_is_left_alone(kernel):
    kernel.run("long_name = 'x'")
    assert "long_name" in [m.split()[-1] for m in matches(kernel, "print('%%llm') or long_na")]
    assert "long_name" in matches(kernel, "long_na")
