"""The commands besides ``ask``: their output for people and for programs, their exit codes, their help."""

from __future__ import annotations

import csv
import io
import json
import re
import subprocess
import sys
from pathlib import Path

import click
import pytest

import llmkit
from llmkit.cli.app import app
from llmkit.models import matrix
from llmkit.sim import Simulator

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "cli.md").read_text("utf-8")


def commands(group=app, before=()):
    """Every command by its words: ("keys", "set")."""
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from commands(command, (*before, name))
        else:
            yield (*before, name)


class TestTheWhole:
    def test_the_page_lists_exactly_the_commands(self):
        headings = re.findall(r"^### `llmkit ([a-z |]+?)(?: [A-Z\[-].*)?`$", PAGE, re.MULTILINE)
        listed = set()
        for heading in headings:
            first, *verbs = re.split(r"[ |]+", heading)
            listed |= {(first, verb) for verb in verbs} if verbs else {(first,)}
        assert listed == set(commands())

    def test_every_option_stands_on_the_page(self):
        for words in commands():
            command = app
            for word in words:
                command = command.commands[word]
            section = PAGE.partition(f"### `llmkit {words[0]}")[2].partition("\n### ")[0]
            for option in command.params:
                if isinstance(option, click.Option):
                    assert any(f"`{spelling}" in section for spelling in option.opts), (words, option.opts)

    @pytest.mark.parametrize("words", [(), *commands()], ids=" ".join)
    def test_everything_has_help(self, run, words):
        ran = run(*words, "--help")
        assert ran.code == 0
        assert ran.out.lower().startswith("usage:")

    @pytest.mark.parametrize(
        ("words", "near"),
        [(["modles"], "models"), (["keys", "lsit"], "list"), (["usage", "--sinse", "7d"], "--since")],
    )
    def test_a_mistyped_word_is_answered_with_the_right_one(self, run, words, near):
        ran = run(*words)
        assert ran.code == 2
        assert f"Did you mean '{near}'?" in ran.err or near in ran.err

    def test_the_version_is_told(self, run):
        assert run("--version").out == f"llmkit {llmkit.__version__}\n"

    def test_what_tab_needs_is_loaded_quickly(self, child_environment):
        heavy = ("asyncio", "genai_prices", "markdown_it", "openai", "pandas", "sqlite3", "yaml")
        code = f"import sys, llmkit.cli.app; print([name for name in {heavy} if name in sys.modules])"
        done = subprocess.run(
            [sys.executable, "-c", code],
            capture_output=True,
            text=True,
            env=child_environment,
            cwd=ROOT,
            timeout=60,
        )
        assert done.stdout == "[]\n", done.stderr

    def test_the_smallest_installation_can_do_all_but_the_tables_of_usage(self, child_environment, tmp_path):
        """Without IPython, pandas and the SDKs that an extra brings."""
        code = f"""
import sys
sys.path.insert(0, {str(ROOT)!r})
for name in ("IPython", "pandas", "plotly", "ipywidgets", "anywidget", "anthropic", "google.genai"):
    sys.modules[name] = None
from llmkit.cli import main
for words in ("ask -q -m swift hi", "models swift", "prices luna", "doctor --json", "keys list", "config check",
              "config show", "completion fish", "scrub notebook.ipynb", "usage"):
    print("==", words, main(words.split()), flush=True)
"""
        (tmp_path / "notebook.ipynb").write_text(
            '{"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}'
        )
        done = subprocess.run(
            [sys.executable, "-c", code],
            capture_output=True,
            text=True,
            env=child_environment,
            cwd=tmp_path,
            stdin=subprocess.DEVNULL,
            timeout=120,
        )
        ended = re.findall(r"^== (.*) (\d+)$", done.stdout, re.MULTILINE)
        assert len(ended) == 10, done.stderr
        assert [words for words, code in ended if code != "0"] == ["usage"]
        assert "pip install" in done.stderr


class TestModelsAndPrices:
    def test_words_and_filters_choose(self, run):
        plain, seeing = run("models", "claude"), run("models", "claude", "--vision", "--json")
        assert "anthropic/claude-sonnet-5-5" in plain.out
        found = json.loads(seeing.out)
        assert found
        assert all(one["vision"] and "claude" in one["name"] for one in found)

    def test_what_servers_of_this_machine_serve_is_asked_for_only_when_wanted(
        self, run, tmp_path, monkeypatch
    ):
        with Simulator() as simulator:
            config = tmp_path / "given.yaml"
            config.write_text(f"providers: {{vllm: {{type: vllm, base_url: {simulator.url}/v1}}}}\n", "utf-8")
            monkeypatch.setenv("LLMKIT_CONFIG", str(config))
            run("models", "swift")
            assert len(simulator.requests) == 0
            assert "vllm/sim/swift" in run("models", "--local").out
            (server,) = [
                one for one in json.loads(run("models", "--local", "--json").out) if one["provider"] == "vllm"
            ]
        assert server["at"].startswith("http://127.0.0.1:")

    def test_the_matrix_says_what_works_with_which_provider(self, run):
        assert run("models", "--matrix").out.strip() == matrix.as_text().strip()
        assert json.loads(run("models", "--matrix", "--json").out) == matrix.matrix()

    def test_prices_are_those_of_the_list(self, run):
        (row,) = [
            one
            for one in json.loads(run("prices", "gpt-6-luna", "--json").out)
            if one["model"] == "openai/gpt-6-luna"
        ]
        assert (row["input"], row["output"]) == ("0.1", "0.5")
        assert "genai-prices" in row["source"]

    def test_the_simulator_is_free(self, run):
        (line,) = [one for one in run("prices", "sim/swift").out.splitlines() if one.startswith("sim/swift")]
        assert line.split()[1:3] == ["free", "free"]

    def test_another_list_of_prices_is_taken_back_and_fetched_only_on_request(self, run, monkeypatch):
        assert "as they were" in run("prices", "reset").out
        monkeypatch.setattr("genai_prices.update_prices.DEFAULT_UPDATE_URL", "http://127.0.0.1:9/data.json")
        failed = run("prices", "update")
        assert (failed.code, "as they were" in failed.err) == (1, True)

    def test_a_price_of_ones_own_comes_first_and_an_unknown_one_is_said_to_be(
        self, run, tmp_path, monkeypatch
    ):
        config = tmp_path / "given.yaml"
        config.write_text(
            "prices: {openai/gpt-6-luna: {input: 1, output: 2}, mine/own: {input: 3, output: 4}}\n"
        )
        monkeypatch.setenv("LLMKIT_CONFIG", str(config))
        found = {one["model"]: one for one in json.loads(run("prices", "gpt-6-luna", "--json").out)}
        told = found["openai/gpt-6-luna"]
        assert (told["input"], told["output"], told["source"]) == ("1", "2", "override")
        assert json.loads(run("prices", "mine/own", "--json").out)[0]["output"] == "4"
        assert "No known model" in run("prices", "nosuch/model").out


class TestUsage:
    @pytest.fixture
    def used(self, run):
        for _ in range(3):
            run("ask", "-q", "-m", "sim/swift", "hello", "--tag", "=cmd()")
        return run

    def test_the_latest_attempts_and_their_sum(self, used):
        ran = used("usage", "--simulated", "--last", "2")
        assert ran.out.count(" swift ") == 2
        assert "for 3 attempts" in ran.out

    def test_simulated_ones_are_left_out_unless_asked_for(self, used):
        assert "--simulated" in used("usage").out

    def test_sums_for_a_program(self, used):
        (row,) = json.loads(used("usage", "--simulated", "--by", "provider,model", "--json").out)
        assert (row["provider"], row["model"], row["attempts"]) == ("sim", "swift", 3)

    def test_a_table_for_a_spreadsheet_runs_no_formula(self, used):
        rows = list(csv.DictReader(io.StringIO(used("usage", "--simulated", "--csv").out)))
        assert len(rows) == 3
        assert {row["tag"] for row in rows} == {"'=cmd()"}

    @pytest.mark.parametrize("words", [("--since", "whenever"), ("--by", "colour")])
    def test_what_is_not_understood_ends_with_2(self, used, words):
        assert used("usage", *words).code == 2

    def test_a_ledger_that_can_not_be_used_is_no_empty_one(self, run, monkeypatch):
        monkeypatch.setenv("LLMKIT_LEDGER", "mysql://anna:hunter2@db.example/team")
        ran = run("usage")
        assert "mysql://anna:…@db.example/team is neither a file nor an address" in ran.err
        assert "hunter2" not in ran.out + ran.err


class TestDoctor:
    def test_all_well_is_0_and_a_problem_is_1(self, run, tmp_path, monkeypatch):
        assert run("doctor").code == 0
        config = tmp_path / "given.yaml"
        config.write_text("providers: {gone: {type: vllm, base_url: 'http://127.0.0.1:9/v1'}}\n", "utf-8")
        monkeypatch.setenv("LLMKIT_CONFIG", str(config))
        ran = run("doctor", "--json")
        assert ran.code == 1
        assert [one["name"] for one in json.loads(ran.out) if one["state"] == "problem"] == ["gone"]

    def test_a_broken_configuration_does_not_keep_it_from_looking(self, run, tmp_path, monkeypatch):
        config = tmp_path / "given.yaml"
        config.write_text("providers: [", "utf-8")
        monkeypatch.setenv("LLMKIT_CONFIG", str(config))
        ran = run("doctor")
        assert ran.code == 1
        assert "Python" in ran.out


class TestConfig:
    def test_what_init_writes_is_good_and_is_never_written_over(self, run, clean_environment):
        first = run("config", "init")
        written = clean_environment / "llmkit.yaml"
        assert (first.code, first.out.strip()) == (0, str(written))
        written.write_text("aliases: {mine: sim/swift}\n", "utf-8")
        assert run("config", "init").code == 2
        assert "mine" in written.read_text("utf-8")
        assert run("config", "init", "--here").code == 0
        assert run("config", "check").out.count(": good") == 2

    def test_check_says_all_that_is_wrong_with_its_lines(self, run, tmp_path):
        file = tmp_path / "mine.yaml"
        file.write_text("providers:\n  a: {type: opena}\nbudgets: 5\n", "utf-8")
        ran = run("config", "check", file)
        assert ran.code == 1
        assert "line 3" in ran.out
        file.write_text("providers:\n  a: {type: opena}\n", "utf-8")
        ran = run("config", "check", file)
        assert (ran.code, "openai" in ran.out) == (1, True)

    def test_check_finds_names_that_lead_nowhere(self, run, tmp_path):
        file = tmp_path / "mine.yaml"
        file.write_text(
            "default_model: opnai/gpt-6-luna\n"
            "aliases: {a: b, b: a, good: sonnet, here: mine/whatever}\n"
            "providers: {mine: {type: ollama}}\n"
            "agents: {writer: {provider: claude_main, model: x}, reader: {provider: mine, task: codng}}\n"
            "tasks: {coding: {models: [luna, nobody]}}\n"
            "routing: {strategy: fastest-of-all, fallback: [sim/swift, nope/x]}\n"
            "cell: {task: coding, strategy: balanced, model: here}\n",
            "utf-8",
        )
        ran = run("config", "check", file)
        assert ran.code == 1
        told = [re.search(r"line (\d): (\S+) leads nowhere: (\S+)\.", line) for line in ran.out.splitlines()]
        assert [found.groups() for found in told] == [
            ("2", "aliases.a", "'b'"),
            ("2", "aliases.b", "'a'"),
            ("1", "default_model", "'opnai/gpt-6-luna'"),
            ("6", "routing.fallback", "'nope/x'"),
            ("6", "routing.strategy", "'fastest-of-all'"),
            ("4", "agents.writer.provider", "'claude_main'"),
            ("5", "tasks.coding.models", "'nobody'"),
            ("4", "agents.reader.task", "'codng'"),
        ]  # fmt: skip

    def test_show_merges_the_files_and_masks_keys(self, run, clean_environment, tmp_path):
        (clean_environment / "llmkit.yaml").write_text(
            "providers: {a: {type: groq, api_key: gsk-literal-0123456789}}\n", "utf-8"
        )
        (tmp_path / "llmkit.yaml").write_text("aliases: {b: a/x}\n", "utf-8")
        ran = run("config", "show")
        assert "gsk-literal" not in ran.out
        assert "(user)" in ran.out
        assert "(project)" in ran.out
        assert "b: a/x" in ran.out


class TestCompletion:
    @pytest.mark.parametrize("shell", ["zsh", "fish"])
    def test_a_shell_is_taught(self, run, shell):
        ran = run("completion", shell)
        assert ran.code == 0
        assert "_LLMKIT_COMPLETE" in ran.out

    @pytest.mark.parametrize(
        ("line", "offered"),
        [
            ("llmkit mo", "models"),
            ("llmkit ask --mod", "--model"),
            ("llmkit ask -m son", "sonnet"),
            ("llmkit ask -m anthropic/claude-op", "anthropic/claude-opus-5-5"),
            ("llmkit ask --think h", "high"),
            ("llmkit keys set anth", "anthropic"),
        ],
    )
    def test_words_are_completed(self, run, monkeypatch, line, offered):
        words = line.split()
        monkeypatch.setenv("_LLMKIT_COMPLETE", "fish_complete")
        monkeypatch.setenv("COMP_WORDS", line)
        monkeypatch.setenv("COMP_CWORD", words[-1])
        assert offered in run().out


class TestSimulatorAndDemo:
    def test_they_read_their_own_options(self, run):
        assert "swift" in run("sim", "--models").out
        ran = run("demo", "--model", "sim/swift", "hello")
        assert ran.code == 0
        assert "> hello" in ran.out
