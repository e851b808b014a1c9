"""``llmkit ask``: what goes in, what comes out where, and how it ends."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from llmkit.sim import Say, Simulator

ROOT = Path(__file__).parents[2]
PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 64


@pytest.fixture
def asked(run, tmp_path, monkeypatch):
    """Run ``llmkit ask`` against a simulator that is scripted: what was asked is seen there."""
    with Simulator(pace="instant") as simulator:
        config = tmp_path / "given.yaml"
        provider = f"{{type: compatible, base_url: {simulator.url}/v1, default_model: swift}}"
        config.write_text(f"providers: {{here: {provider}}}\ndefault_model: here/swift\n", "utf-8")
        monkeypatch.setenv("LLMKIT_CONFIG", str(config))

        def ask(*words, **more):
            return run("ask", *words, **more)

        ask.simulator = simulator
        ask.last = lambda: simulator.settled()[-1].json
        yield ask


def says(simulator, text, **more):
    simulator.script(lambda ask: Say(text, **more))


class TestTheModel:
    def test_it_is_picked_for_a_task(self, asked, monkeypatch):
        monkeypatch.delenv("LLMKIT_CONFIG")
        ran = asked("--task", "coding", "--strategy", "performance-optimized", "Write a function.")
        assert ran.code == 0
        assert "sim/coder" in ran.err

    def test_another_one_answers_when_it_fails(self, asked):
        ran = asked("-m", "openai/gpt-6-luna", "--fallback", "here/swift", "Hello.")
        assert ran.code == 0
        assert ran.out

    def test_a_task_brings_its_own_fallbacks(self, asked):
        ran = asked("--task", "coding", "--fallback", "here/swift", "Hello.")
        assert ran.code != 0
        assert "--fallback does not go with" in ran.err


class TestTheAnswer:
    def test_it_goes_to_stdout_alone_and_the_figures_to_stderr(self, asked):
        says(asked.simulator, "Because of the air.")
        ran = asked("Why", "is the sky blue?")
        assert (ran.code, ran.out) == (0, "Because of the air.\n")
        assert "tokens" in ran.err
        assert asked.last()["messages"][-1]["content"] == "Why is the sky blue?"

    def test_quiet_leaves_the_figures_out(self, asked):
        assert asked("hello", "-q").err == ""

    def test_options_go_along(self, asked):
        asked("hello", "-s", "Be terse.", "--max-tokens", "9", "--temperature", "0.5", "-m", "here/sage")
        sent = asked.last()
        assert sent["messages"][0]["content"] == "Be terse."
        assert (sent["temperature"], sent["model"]) == (0.5, "sage")
        assert 9 in (sent.get("max_tokens"), sent.get("max_completion_tokens"))

    def test_what_a_terminal_would_obey_is_not_written(self, asked):
        says(asked.simulator, "\x1b]0;owned\x07plain \x1b[31mred\x1b[0m user\u202etxt.exe")
        ran = asked("hello")
        assert ran.out == "plain red user⟨U+202E⟩txt.exe\n"

    def test_there_is_no_colour_where_nobody_looks(self, asked):
        assert "\x1b" not in asked("hello").err


class TestStandardInput:
    def test_text_is_added_to_the_prompt(self, asked):
        asked("Summarise:", stdin="Ein Käse\n".encode())
        assert asked.last()["messages"][-1]["content"] == "Summarise:\n\nEin Käse"

    def test_a_picture_goes_along_as_a_picture(self, asked):
        assert asked("What is this?", stdin=PNG).code == 0
        kinds = [part["type"] for part in asked.last()["messages"][-1]["content"]]
        assert kinds == ["text", "image_url"]

    def test_what_no_model_reads_is_refused_before_anything_is_sent(self, asked):
        ran = asked("What is this?", stdin=b"\x00\x01\x02")
        assert (ran.code, asked.simulator.attempts) == (2, 0)
        assert "standard input" in ran.err

    def test_nothing_at_all_is_no_question(self, asked):
        ran = asked(stdin=b"")
        assert (ran.code, asked.simulator.attempts) == (2, 0)
        assert "nothing to ask" in ran.err


class TestFiles:
    def test_they_go_along_by_what_they_are(self, asked, tmp_path):
        (tmp_path / "a.png").write_bytes(PNG)
        (tmp_path / "b.txt").write_text("words in a file", "utf-8")
        assert asked("Look", "-f", tmp_path / "a.png", "-f", tmp_path / "b.txt").code == 0
        sent = json.dumps(asked.last())
        assert "image_url" in sent
        assert "words in a file" in sent

    def test_one_that_is_not_there_is_named(self, asked):
        ran = asked("Look", "-f", "nosuch.png")
        assert (ran.code, asked.simulator.attempts) == (2, 0)
        assert "nosuch.png" in ran.err


class TestJson:
    def test_it_is_one_object_with_text_usage_and_cost(self, asked):
        says(asked.simulator, "plain \x1b[31mred\u2028")
        ran = asked("hello", "--json")
        told = json.loads(ran.out)
        assert told["text"] == "plain \x1b[31mred\u2028"
        assert {"usage", "cost", "model", "provider", "timing", "stop_reason"} <= set(told)
        assert told["complete"] is True

    @pytest.mark.parametrize("form", ["words", "json", "file"])
    def test_a_schema_gives_data(self, asked, tmp_path, form):
        schema = {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]}
        (tmp_path / "s.json").write_text(json.dumps(schema), "utf-8")
        written = {"words": "name", "json": json.dumps(schema), "file": tmp_path / "s.json"}[form]
        told = json.loads(asked("Who?", "--json", "--schema", written).out)
        assert isinstance(told["data"]["name"], str)

    def test_an_error_is_an_object_too(self, asked):
        says(asked.simulator, "", fault="status=401")
        ran = asked("hello", "--json")
        assert ran.code == 1
        assert json.loads(ran.out)["error"] == "AuthError"
        assert "AuthError" in ran.err


class TestHowItEnds:
    @pytest.mark.parametrize(
        ("words", "said"),
        [
            (["--modle", "x", "hi"], "--model"),
            (["--think", "much", "hi"], "off, low"),
            (["--max-tokens", "0", "hi"], "max-tokens"),
            (["-m", "sonet", "hi"], "sonnet"),
            (["-m", "sonnet", "hi"], "no API key"),
            (["--schema", "{", "hi"], "no JSON"),
            (["--budget", "much", "hi"], "much"),
        ],
    )
    def test_what_cannot_be_done_ends_with_2_and_nothing_is_sent(self, asked, words, said):
        ran = asked(*words)
        assert (ran.code, asked.simulator.attempts) == (2, 0)
        assert said in ran.err
        assert ran.out == ""

    def test_a_call_that_fails_ends_with_1_and_keeps_what_came(self, asked):
        says(asked.simulator, "one two three four five six", fault="eof=3")
        ran = asked("hello")
        assert ran.code == 1
        assert ran.out.startswith("one two")
        assert "TruncatedStream" in ran.err

    def test_ctrl_c_stops_the_call_and_keeps_what_came(self, child_environment):
        model = "sim/bench:tokens=100000,rate=100,ttft=0"
        command = [sys.executable, "-m", "llmkit", "ask", "-m", model, "hello"]
        environment = {**child_environment, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"}
        with subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment
        ) as child:
            first = os.read(child.stdout.fileno(), 10)
            child.send_signal(signal.SIGINT)
            rest, said = child.communicate(timeout=60)
        assert child.returncode == 130
        assert first.strip()
        assert rest.endswith(b"\n")
        assert b"stopped" in said
        assert b"Traceback" not in said

    def test_ctrl_c_that_python_would_forget_still_stops_it(self, run, monkeypatch):
        """An interrupt inside a finalizer is only printed by Python, and the program goes on."""

        class Interrupting:
            def __del__(self):
                raise KeyboardInterrupt

        def interrupted(*args, **kwargs):
            Interrupting()
            for _ in range(3_000):  # wherever the program is by then
                time.sleep(0.01)
            return []

        monkeypatch.setattr("llmkit.engine.known.rows", interrupted)
        ran = run("models")
        assert ran.code == 130
        assert ran.err.strip() == "stopped"

    def test_a_reader_that_leaves_ends_it_quietly(self, child_environment):
        model = "sim/bench:tokens=100000,rate=2000,ttft=0"
        command = [sys.executable, "-m", "llmkit", "ask", "-q", "-m", model, "hello"]
        environment = {**child_environment, "PYTHONPATH": str(ROOT)}
        with subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment
        ) as child:
            os.read(child.stdout.fileno(), 10)
            child.stdout.close()
            said = child.stderr.read()
            assert child.wait(60) == 0
        assert said == b""

    def test_a_full_disk_is_told_in_a_line(self, child_environment):
        command = [sys.executable, "-m", "llmkit", "models", "swift"]
        environment = {**child_environment, "PYTHONPATH": str(ROOT)}
        if not Path("/dev/full").exists():
            pytest.skip("there is no /dev/full on this system to write to")
        with Path("/dev/full").open("w", encoding="utf-8") as full:
            done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, env=environment, timeout=60)
        assert done.returncode == 1
        assert done.stderr.decode().splitlines() == [f"It can't be read or written: {os.strerror(28)}."]
