"""``%%llm -t``: functions of the notebook as tools, asked about before they run, in a real kernel."""

from __future__ import annotations

import pytest

TOOLS = """
import time, threading
import llmkit.sim
from llmkit.sim import Say

ran, ended = [], []

def get_weather(city: str) -> str:
    "The weather in a city."
    ran.append(city)
    return f"21 °C in {city}"

def delete(path: str) -> str:
    "Delete a file."
    ran.append(path)
    return "gone"

async def later(city: str) -> str:
    "The weather to come."
    ran.append(threading.current_thread().name)
    return f"fog in {city}"

def slow(seconds: float) -> str:
    "Take a while."
    ran.append("slow")
    time.sleep(seconds)
    ended.append("slow")
    return "done"

both = [get_weather, llmkit.tool(name="remove")(delete)]
number = 3

def say(*answers):
    ran.clear()
    llmkit.sim.default().script([*answers])

def calls(*wanted, **more):
    return Say(tools=wanted, **more)
"""
OSLO = 'say(calls(("get_weather", {"city": "Oslo"}), text="Let me look."), "It is warm in Oslo.")'
SEEN = "[(m['status'], m['route']) for _, m in llmkit.usage(simulated=True).tail({n}).iterrows()]"


@pytest.fixture(scope="module")
def kernel(kernel):
    assert kernel.run(TOOLS).status == "ok"
    return kernel


@pytest.fixture(autouse=True)
def afresh(kernel):
    said = "%llm reset\nllmkit.sim.default().reset()\nget_ipython().magics_manager.registry['LLMMagics'].trust.__init__()"
    assert kernel.run(said).status == "ok"


def ask(kernel, line, script=OSLO, *answers, prompt="The weather in Oslo?"):
    """Run a cell whose model wants tools, and answer what it asks."""
    kernel.run(script)
    cell = kernel.send(f"%%llm sim/sage {line}\n{prompt}", stdin=bool(answers))
    asked = []
    for answer in answers:
        asked.append(kernel.asked())
        kernel.answer(answer)
    return kernel.finish(cell), asked


def test_the_user_is_asked_with_name_and_arguments_and_a_yes_runs_it(kernel):
    ran, asked = ask(kernel, "-t get_weather", OSLO, "y")
    assert ran.status == "ok"
    assert asked == ['Run get_weather(city="Oslo")? [y]es, [n]o, [a]lways this tool, [q]uit: ']
    assert kernel.value("ran, _llm.text, len(_llm.steps)") == (["Oslo"], "It is warm in Oslo.", 2)
    (shown,) = ran.outputs
    told = shown["text/plain"].split("\n\n")
    assert told[:3] == ["Let me look.", '[get_weather(city="Oslo") → 21 °C in Oslo]', "It is warm in Oslo."]
    assert "2 rounds" in told[3]
    assert shown["text/html"].count("<details") == 1


def test_a_no_is_told_to_the_model_and_so_is_the_reason(kernel):
    ask(kernel, "-t get_weather", OSLO, "n")
    assert kernel.value("ran, _llm.steps[0].results[0].content") == ([], "The user did not allow this call.")
    ask(kernel, "-t get_weather", OSLO, "not in winter")
    assert "not in winter" in kernel.value("_llm.steps[0].results[0].content")


def test_what_is_no_answer_is_asked_again(kernel):
    _, asked = ask(kernel, "-t get_weather", OSLO, "hm", "Y")
    assert asked[1].startswith("Please answer [y]es")
    assert kernel.value("ran") == ["Oslo"]


def test_always_holds_for_that_function_until_it_is_defined_anew(kernel):
    twice = 'say(calls(("get_weather", {"city": "A"}), ("get_weather", {"city": "B"})), "Done.")'
    ask(kernel, "-t get_weather", twice, "a")
    assert kernel.value("ran") == ["A", "B"]
    ask(kernel, "-t get_weather")  # nobody to ask, and no need to
    assert kernel.value("ran, _llm.complete") == (["Oslo"], True)
    kernel.run("old = get_weather\ndef get_weather(city: str) -> str:\n    'Other.'\n    return 'x'")
    ran, _ = ask(kernel, "-t get_weather")
    kernel.run("get_weather = old")
    assert "--yes-tools" in "".join(ran.error["traceback"])


def test_quit_ends_the_answer_and_keeps_what_came(kernel):
    ran, _ = ask(kernel, "-t get_weather", OSLO, "q")
    assert ran.status == "ok"
    assert kernel.value("ran, _llm.text, _llm.complete") == ([], "Let me look.", False)
    (shown,) = ran.outputs
    assert "■ Stopped" in shown["text/plain"]
    assert kernel.value(SEEN.format(n=1)) == [("ok", "round 1")]


@pytest.mark.parametrize("line", ["-t get_weather", "-t both", "-t get_weather --bg"])
def test_where_nobody_can_be_asked_nothing_is_sent_and_the_way_out_is_named(kernel, line):
    ran, _ = ask(kernel, line)
    told = "".join(ran.error["traceback"])
    assert "nobody can be asked" in told
    assert "--yes-tools" in told
    assert len(ran.error["traceback"]) <= 3
    assert kernel.value("len(llmkit.sim.default().requests)") == 0


def test_yes_tools_runs_them_without_asking_in_the_background_too(kernel):
    ask(kernel, "-t get_weather --yes-tools")
    assert kernel.value("ran, _llm.complete") == (["Oslo"], True)
    kernel.run("%config LLMKit.yes_tools = True\n%config LLMKit.tools = ['get_weather']")
    ask(kernel, "--bg -o job")
    kernel.run("job.reply(30)\n%config LLMKit.yes_tools = False\n%config LLMKit.tools = []")
    assert kernel.value("ran, job.reply().text") == (["Oslo"], "It is warm in Oslo.")


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("-t get_wether", "get_weather"),
        ("-t number", "'number' is no tool, but holds a int"),
        ("-t llmkit.nothing", "no 'nothing'"),
        ("-t print", "print"),
        ("-t get_weather --compare swift,sage", "--compare does not go with"),
        ("-t get_weather --repeat 2", "--repeat does not go with -t"),
        ("-t get_weather --max-rounds 0", "--max-rounds"),
    ],
)
def test_what_can_be_no_tool_is_said_before_anything_is_sent(kernel, line, says):
    ran = kernel.run(f"%%llm {line}\nhi" if "--compare" in line else f"%%llm sim/sage {line}\nhi")
    assert ran.status == "error"
    assert says in str(ran.of("error")) + ran.stderr
    assert kernel.value("len(llmkit.sim.default().requests)") == 0


def test_a_list_counts_as_all_that_is_in_it_and_may_be_named_twice(kernel):
    script = 'say(calls(("remove", {"path": "/x"}), ("get_weather", {"city": "Oslo"})), "Done.")'
    ask(kernel, "-t both,get_weather --yes-tools", script)
    assert sorted(kernel.value("ran")) == ["/x", "Oslo"]


def test_rounds_end_where_they_were_told_to(kernel):
    script = 'say(*[calls(("get_weather", {"city": str(n)})) for n in range(4)])'
    ran, _ = ask(kernel, "-t get_weather --yes-tools --max-rounds 2", script)
    assert "after 2 rounds" in ran.error["evalue"]
    assert kernel.value("ran") == ["0", "1"]


def test_the_next_cell_goes_on_from_the_rounds_and_a_cell_run_again_replaces_them(kernel):
    kernel.run(OSLO)
    kernel.run("%%llm sim/sage -t get_weather --yes-tools\nThe weather?", "one")
    kernel.run("say('Yes.')")
    kernel.run("%%llm sim/sage\nAre you sure?", "two")
    look = kernel.run("%%llm sim/sage --dry-run\nReally?").stdout
    assert '[calls get_weather(city="Oslo")]' in look
    assert "[get_weather gave: 21 °C in Oslo]" in look
    assert "ok (round 2)" in kernel.run("%llm log 2").outputs[0]["text/plain"]
    roles = "[m['role'] for m in llmkit.sim.default().requests[-1].json['messages']]"
    assert kernel.value(roles) == ["user", "assistant", "tool", "assistant", "user"]
    kernel.run("say('Rain.')")
    ran = kernel.run("%%llm sim/sage\nThe weather?", "one")
    assert "dropped" in ran.stdout
    assert kernel.value(roles) == ["user"]


def test_an_async_tool_runs_on_a_loop_kept_for_tools(kernel):
    script = 'say(calls(("later", {"city": "Oslo"})), "Fog.")'
    ask(kernel, "-t later --yes-tools", script)
    assert kernel.value("ran, _llm.text") == (["llmkit-tools"], "Fog.")


def test_keys_and_control_characters_do_not_reach_the_question(kernel):
    kernel.run("import os; os.environ['OPENAI_API_KEY'] = 'sk-proj-' + 'a1B2' * 12")
    script = 'say(calls(("delete", {"path": "\\x1b[2J" + os.environ["OPENAI_API_KEY"] + "\\u202e"})), "No.")'
    _, (asked,) = ask(kernel, "-t delete", script, "n")
    kernel.run("del os.environ['OPENAI_API_KEY']")
    assert "a1B2a1B2" not in asked
    assert "\x1b" not in asked
    assert "\u202e" not in asked


def test_long_arguments_are_shown_in_full_above_the_question(kernel):
    script = 'say(calls(("delete", {"path": "/" + "x" * 3000 + "END"})), "No.")'
    ran, (asked,) = ask(kernel, "-t delete", script, "n")
    assert "(in full above)" in asked
    assert len(asked) < 300
    assert "xEND" in ran.stdout


def test_a_dry_run_names_the_tools_and_counts_them(kernel):
    ran = kernel.run("%%llm sim/sage --dry-run -t get_weather\nhi")
    assert "get_weather: The weather in a city." in ran.stdout
    assert kernel.value("len(llmkit.sim.default().requests)") == 0


# -- stopping -------------------------------------------------------------------------------------


def test_an_interrupt_while_the_question_stands_ends_the_cell_and_keeps_what_came(kernel):
    kernel.run(OSLO)
    cell = kernel.send("%%llm sim/sage -t get_weather -o part\nThe weather?", stdin=True)
    kernel.asked()
    kernel.interrupt()
    ran = kernel.finish(cell)
    assert ran.status == "error"
    assert ran.error["traceback"] == ["■ Interrupted. The partial answer is in part and _llm."]
    assert kernel.value("ran, part.text, part.complete") == ([], "Let me look.", False)
    assert kernel.value(SEEN.format(n=1)) == [("ok", "round 1")]
    assert kernel.value("len(llmkit.sim.default().requests)") == 1


def test_an_interrupt_while_a_tool_runs_leaves_it_behind_and_says_so(kernel):
    kernel.run('say(calls(("slow", {"seconds": 60}), text="One moment."), "never")')
    cell = kernel.send("%%llm sim/sage -t slow --yes-tools\nGo on.")
    kernel.wait_for(cell, "update_display_data", "running")
    kernel.interrupt()
    ran = kernel.finish(cell)
    assert ran.status == "error"
    assert kernel.value("ran, ended, _llm.text, _llm.complete") == (["slow"], [], "One moment.", False)
    assert "slow was still running" in kernel.value("_llm.notes[-1]")
    assert kernel.value(SEEN.format(n=1)) == [("ok", "round 1")]


def test_an_interrupt_in_the_second_round_cancels_its_row(kernel):
    kernel.run('say(calls(("get_weather", {"city": "Oslo"})), "word " * 4000)')
    cell = kernel.send("%%llm sim/sage:rate=50 -t get_weather --yes-tools\nThe weather?")
    kernel.wait_for(cell, "update_display_data", "word word")
    kernel.interrupt()
    assert kernel.finish(cell).status == "error"
    assert kernel.value(SEEN.format(n=2)) == [("ok", "round 1"), ("cancelled", "round 2")]
    assert kernel.value("_llm.text.startswith('word word'), len(_llm.steps)") == (True, 2)


def test_a_timeout_ends_a_question_that_nobody_answers(kernel):
    kernel.run(OSLO)
    cell = kernel.send("%%llm sim/sage -t get_weather --timeout 5\nThe weather?", stdin=True)
    kernel.asked()
    ran = kernel.finish(cell)
    assert ran.status == "error"
    assert "DeadlineExceeded" in ran.error["ename"]
    assert kernel.value("ran, _llm.text") == ([], "Let me look.")
    assert kernel.run("1 + 1").status == "ok"
