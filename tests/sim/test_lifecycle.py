"""Starting, stopping, forking; the process's own simulator; the program; the pytest fixture."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import textwrap
import threading
from decimal import Decimal
from pathlib import Path

import pytest

from llmkit.core.errors import ConfigError
from llmkit.sim import MODELS, Say, Simulator, price
from llmkit.sim.models import find

ROOT = Path(__file__).parents[2]
CHAT = "/v1/chat/completions"
BODY = {"model": "sim/swift", "messages": [{"role": "user", "content": "hi"}]}


def run(code: str, *options: str) -> subprocess.CompletedProcess[str]:
    """Run code in a Python of its own, with warnings as errors."""
    return subprocess.run(
        [sys.executable, "-X", "dev", "-W", "error", *options, "-c", textwrap.dedent(code)],
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=60,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )


def test_a_stopped_simulator_leaves_no_thread_and_no_port() -> None:
    simulator = Simulator().start()
    port = simulator.port
    assert any(t.name == f"llmkit-sim-{port}" for t in threading.enumerate())
    simulator.stop()
    simulator.stop()
    assert not any(t.name == f"llmkit-sim-{port}" for t in threading.enumerate())
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port), timeout=5)


def test_starting_twice_is_starting_once_and_it_can_start_again() -> None:
    simulator = Simulator(pace="instant")
    first = simulator.start().port
    assert simulator.start().port == first
    simulator.stop()
    with simulator:
        assert simulator.running
    assert not simulator.running


async def test_it_works_as_an_async_context() -> None:
    async with Simulator() as simulator:
        assert simulator.running
    assert not simulator.running


def test_a_port_that_is_taken_is_a_clear_error() -> None:
    with Simulator() as one, pytest.raises(ConfigError, match=f"can't listen on port {one.port}"):
        Simulator(one.port).start()


def test_stopping_ends_what_is_being_answered() -> None:
    with Simulator(pace="instant") as simulator:
        connections = []
        for spec in ("hang", "stall=1", "endless", "keepalive"):
            connection = http.client.HTTPConnection("127.0.0.1", simulator.port, timeout=10)
            connection.request("POST", CHAT, json.dumps(BODY | {"stream": True}), {"x-sim-fault": spec})
            connections.append(connection)
        for connection in connections[1:]:
            connection.getresponse().read(10)
        simulator.stop()
        assert [seen.outcome for seen in simulator.settled()] == ["cut"] * 4
        for connection in connections:
            connection.close()


def test_no_warning_comes_from_a_whole_life() -> None:
    done = run("""
        import contextlib, gc, http.client, json
        from llmkit.sim import Simulator, default
        for spec in ("", "hang", "endless", "cut=10:rst"):
            with Simulator(pace="instant") as sim:
                c = http.client.HTTPConnection("127.0.0.1", sim.port, timeout=10)
                body = {"model": "swift", "stream": True, "messages": [{"role": "user", "content": "hi"}]}
                c.request("POST", "/v1/chat/completions", json.dumps(body), {"x-sim-fault": spec})
                if spec != "hang":
                    with contextlib.suppress(OSError):  # a reset takes along what was not read yet
                        c.getresponse().read(5)
                c.close()
                gc.collect()
        default()
        gc.collect()
        print("fine")
    """)
    assert (done.stdout, done.stderr, done.returncode) == ("fine\n", "", 0)


def test_the_default_simulator_is_one_for_the_process() -> None:
    done = run("""
        import threading
        from llmkit.sim import default
        found = []
        threads = [threading.Thread(target=lambda: found.append(default())) for _ in range(8)]
        [t.start() for t in threads]; [t.join() for t in threads]
        assert len(set(map(id, found))) == 1 and default().running
        print(sum(t.name.startswith("llmkit-sim") for t in threading.enumerate()))
    """)
    assert (done.stdout, done.stderr) == ("1\n", "")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system can't fork")
def test_a_forked_child_gets_a_simulator_of_its_own() -> None:
    done = run(
        """
        import http.client, os
        from llmkit.sim import default
        def listed(sim):
            c = http.client.HTTPConnection("127.0.0.1", sim.port, timeout=10)
            c.request("GET", "/v1/models"); ok = c.getresponse().status == 200; c.close(); return ok
        parent = default()
        port = parent.port
        child = os.fork()
        if child == 0:
            mine = default()
            ok = mine.port != port and listed(mine) and not parent.running
            mine.stop()
            os._exit(0 if ok else 1)
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), listed(parent))
        """,
        "-W",
        "ignore::DeprecationWarning",  # newer Pythons warn of forking with threads, which is what is tested
    )
    assert (done.stdout, done.returncode) == ("0 True\n", 0), done.stderr


def test_importing_it_starts_nothing_and_loads_little() -> None:
    done = run("""
        import sys, threading
        import llmkit.sim, llmkit.sim.pytest_plugin
        heavy = {"asyncio", "pandas", "openai", "anthropic", "google.genai", "httpx2"} & set(sys.modules)
        print(threading.active_count(), [m for m in heavy if m != "asyncio"], "llmkit.sim.server" in sys.modules)
    """)
    assert done.stdout == "1 [] False\n", done.stderr


def test_the_program_prints_its_url_first_and_ends_when_interrupted() -> None:
    program = subprocess.Popen(
        [sys.executable, "-m", "llmkit.sim", "--pace", "instant", "--chaos", "rate=1,faults=status=503"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )
    try:
        url = program.stdout.readline().strip()
        assert url.startswith("http://127.0.0.1:")
        connection = http.client.HTTPConnection("127.0.0.1", int(url.rsplit(":", 1)[1]), timeout=10)
        connection.request("POST", CHAT, json.dumps(BODY))
        assert connection.getresponse().status == 503
        connection.close()
    finally:
        program.send_signal(signal.SIGINT)
        _, errors = program.communicate(timeout=20)
    assert program.returncode == 0
    assert "OpenAI base URL" in errors
    assert "Traceback" not in errors


@pytest.mark.parametrize("options", [["--host", "0.0.0.0"], ["--pace", "warp"], ["--chaos", "rate=x"]])
def test_the_program_refuses_what_makes_no_sense(options, capsys) -> None:
    from llmkit.sim.__main__ import main

    assert main(options) == 2
    assert "simulator" in capsys.readouterr().err


def test_the_program_lists_its_models(capsys) -> None:
    from llmkit.sim.__main__ import main

    assert main(["--models"]) == 0
    assert capsys.readouterr().out.splitlines()[0].startswith("sim/swift")


def test_the_pytest_fixture_gives_a_fresh_fast_simulator(tmp_path) -> None:
    (tmp_path / "test_it.py").write_text(
        textwrap.dedent("""
            import http.client, json

            def ask(sim):
                c = http.client.HTTPConnection("127.0.0.1", sim.port)
                body = {"model": "sim/slow", "messages": [{"role": "user", "content": "the weather?"}]}
                c.request("POST", "/v1/chat/completions", json.dumps(body))
                said = json.load(c.getresponse())["choices"][0]["message"]["content"]
                c.close()
                return said

            def test_scripted(llm_simulator):
                llm_simulator.script({"weather": "Sunny."})
                assert ask(llm_simulator) == "Sunny."

            def test_fresh(llm_simulator):
                assert ask(llm_simulator) != "Sunny."
                assert llm_simulator.attempts == 1
        """)
    )
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "llmkit.sim.pytest_plugin",
        "-p",
        "no:cacheprovider",
    ]
    done = subprocess.run(
        [*command, str(tmp_path)],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        timeout=60,
        env=os.environ | {"PYTHONPATH": str(ROOT), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
    )
    assert "2 passed" in done.stdout, done.stdout + done.stderr


# -- scripts ----------------------------------------------------------------------------------


@pytest.fixture
def said(sim, post):
    """What the simulator answers on the chat wire."""

    def send(prompt, **more):
        body = {"model": "sim/swift", "messages": [{"role": "user", "content": prompt}], **more}
        got = post(CHAT, body)
        return got.json["choices"][0]["message"]["content"] if got.status == 200 else (got.status, got.body)

    return send


def test_a_dict_answers_by_what_the_prompt_contains(sim, said) -> None:
    sim.script({"weather": "Sunny.", "time": "Noon."})
    assert said("What WEATHER is it?") == "Sunny."
    assert said("And the time?") == "Noon."
    assert "simulated" in said("Who are you?")


def test_a_list_answers_in_order_and_then_no_more(sim, said) -> None:
    sim.script(["One.", Say("Two.")])
    assert [said("x"), said("y")] == ["One.", "Two."]
    assert said("What is 2+2?") == "2+2 = **4**"


def test_a_callable_sees_the_request_and_may_decline(sim, said) -> None:
    sim.script(lambda ask: f"{ask.model.name} {ask.temperature}" if "you" in ask.prompt else None)
    assert said("you?", temperature=0.5) == "sim/swift 0.5"
    assert said("What is 2+2?") == "2+2 = **4**"


def test_a_script_that_fails_says_so_instead_of_hanging(sim, said) -> None:
    sim.script(lambda _: 1 / 0)
    status, body = said("x")
    assert status == 500
    assert b"ZeroDivisionError" in body


def test_a_scripted_line_may_think_call_tools_and_fail(sim, post, ask) -> None:
    sim.script([Say(thinking="Hm.", tools=[("f", {"a": 1})]), Say("cut", fault="status=529")])
    first = post(*ask("anthropic.messages", "x", stream=False)).json
    assert [b["type"] for b in first["content"]] == ["thinking", "tool_use"]
    assert first["content"][1]["input"] == {"a": 1}
    assert first["stop_reason"] == "tool_use"
    assert post(*ask("anthropic.messages", "x")).status == 529


def test_a_lone_string_is_no_script() -> None:
    with pytest.raises(TypeError):
        Simulator().script("hello")


def test_reset_forgets_script_and_journal(sim, said) -> None:
    sim.script({"a": "A"})
    said("a")
    sim.reset()
    assert (sim.attempts, sim.requests) == (0, [])
    assert said("a") != "A"


# -- models -----------------------------------------------------------------------------------


def test_every_model_has_a_price_that_is_a_decimal() -> None:
    for name in MODELS:
        assert all(Decimal(figure) > 0 for figure in price(name))
        assert Decimal(price(name).cache_read) < Decimal(price(name).input) < Decimal(price(name).output)


@pytest.mark.parametrize(
    "name", ["swift", "sim/swift", "models/sim/swift", "sim/swift@cut=3", "sim/swift:rate=5"]
)
def test_a_price_is_found_whatever_the_suffix(name) -> None:
    assert price(name) == MODELS["sim/swift"].price


def test_models_that_are_not_simulated_have_no_price() -> None:
    assert price("gpt-6-luna") is None
    assert price("sim/nobody") is None


def test_a_name_can_set_length_pace_and_delay() -> None:
    model = find("sim/bench:tokens=123,rate=50,ttft=200,group=4,per_chunk=2")
    assert (model.length, model.rate, model.ttft, model.group, model.per_chunk) == (123, 50.0, 0.2, 4, 2)


def test_names_of_other_models_with_colons_are_left_alone() -> None:
    assert find("llama3:8b").name == "llama3:8b"
    assert find("deepseek/v4:free").name == "deepseek/v4:free"


def test_an_unknown_setting_is_refused(post, ask) -> None:
    got = post(*ask("openai.chat", "hi", "sim/bench:speed=3"))
    assert got.status == 400
    assert "no setting 'speed'" in got.json["error"]["message"]


def test_a_paced_model_sends_frame_by_frame(sim, post, ask, text_of) -> None:
    got = post(*ask("openai.chat", "x", "sim/bench:tokens=30,rate=2000"), x_sim_pace="model")
    assert len(got.frames) == 33
    assert got.whole


@pytest.mark.parametrize("pace", ["0", "-1", "warp", "nan", "inf"])
def test_a_pace_must_make_sense(post, ask, pace) -> None:
    assert post(*ask("openai.chat", "x"), x_sim_pace=pace).status == 400
    with pytest.raises(ConfigError):
        Simulator(pace=float(pace) if pace != "warp" else pace)


def test_the_processs_own_simulator_takes_its_pace_from_the_environment(monkeypatch):
    from llmkit.sim import shared

    monkeypatch.setattr(shared, "_shared", None)
    monkeypatch.setenv("LLMKIT_SIM_PACE", "a snail's")
    with pytest.raises(ConfigError, match="'instant', 'model' or a positive factor"):
        shared.default()
    monkeypatch.setenv("LLMKIT_SIM_PACE", "instant")
    running = shared.default()
    running.stop()
    assert running.url
