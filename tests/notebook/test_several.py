"""``%%llm --compare`` and ``--repeat`` in a real kernel: one cell's question, several answers side by side."""

from __future__ import annotations

SLOW = "sim/bench:tokens=100000,rate=100,ttft=0"


def test_a_cell_compares_models_and_keeps_the_comparison(kernel):
    ran = kernel.run("name = 'Ada'\n")
    ran = kernel.run("%%llm --compare swift,sage -o cmp\nGreet {{ name }}.")
    assert ran.status == "ok"
    (shown,) = ran.outputs
    assert set(shown) == {"text/plain", "text/markdown", "text/html"}
    assert kernel.value("cmp.models, [c.status for c in cmp]") == (["swift", "sage"], ["ok", "ok"])
    assert kernel.value("cmp[0].question.label") == "Greet Ada."
    assert kernel.value("_ is cmp or type(_).__name__") is not None


def test_repeat_alone_asks_one_model_so_often(kernel):
    ran = kernel.run("%%llm swift --repeat 3 -o cmp\nName a colour.")
    assert len(ran.outputs) == 1
    assert kernel.value("cmp.models, len(cmp)") == (["swift"], 3)
    kernel.run("%config LLMKit.model = 'swift'")
    kernel.run("%%llm --repeat 2 -q -o cmp\nName a colour.")
    kernel.run("%config LLMKit.model = ''")
    assert kernel.value("cmp.models, len(cmp)") == (["swift"], 2)


def test_what_a_line_says_goes_to_every_model(kernel):
    kernel.run("data = b'a,b\\n1,2\\n'; shape = {'type': 'object', 'properties': {'n': {'type': 'integer'}}, 'required': ['n'], 'additionalProperties': False}")  # fmt: skip
    ran = kernel.run(
        "%%llm --compare swift,sage --repeat 2 -o cmp -q -s Terse --temperature 0.5 --max-tokens 50 --think low "
        "--timeout 30 --budget 5 --tag side -a data --schema shape\nWhat is in it?"
    )
    assert (ran.status, ran.outputs) == ("ok", [])
    asked = "[(c.question.system, c.question.temperature, c.question.repeat) for c in cmp]"
    assert kernel.value(asked) == [("Terse", 0.5, repeat) for _ in range(2) for repeat in (1, 2)]
    rows = "llmkit.usage(simulated=True, tag='side')"
    assert kernel.value(f"len({rows}), sorted(set({rows}['status']))") == (4, ["ok"])
    seen = "[e.json for e in llmkit.sim.default().requests[-4:]]"
    bodies = kernel.run(f"import llmkit.sim\n{seen}").outputs[0]["text/plain"]
    for word in ("Terse", "a,b", "schema", "50"):
        assert bodies.count(word) >= 4, word


def test_a_comparison_is_no_turn_of_the_conversation(kernel):
    kernel.run("%llm reset")
    kernel.run("%%llm swift -q\nRemember me.")
    kernel.run("%%llm --compare swift,sage -q\nCompare.")
    talk = kernel.run("%llm chat").outputs[0]["text/plain"]
    assert "Remember me." in talk
    assert "Compare." not in talk
    kernel.run("%llm reset")


def test_interrupting_it_keeps_what_was_done_and_ends_the_cell_in_a_line(kernel):
    cell = kernel.send(f"%%llm --compare swift,{SLOW} -o cmp\nGo on.")
    kernel.wait_for(cell, "update_display_data", "1 ok")
    kernel.interrupt()
    ran = kernel.finish(cell)
    assert ran.error["traceback"] == [
        "■ Interrupted. What was done is kept in cmp: cmp.rerun() asks what is missing."
    ]
    assert kernel.value("[c.status for c in cmp]") == ["ok", "cancelled"]


def test_in_the_background_other_cells_run_meanwhile(kernel):
    ran = kernel.run(f"%%llm --compare swift,{SLOW} --bg -o cmp\nGo on.", cell="c9")
    assert ran.status == "ok"
    assert kernel.value("cmp.running") is True
    kernel.run("import time\nwhile not cmp[1].text: time.sleep(0.01)")
    kernel.run("cmp.stop(); cmp.wait();")
    assert kernel.value("cmp[1].status") == "cancelled"


def test_a_dry_run_shows_what_each_model_would_cost(kernel):
    ran = kernel.run("%%llm --compare swift,sage --dry-run\nHello")
    assert "To sim/swift" in ran.stdout
    assert "To sim/sage" in ran.stdout


def test_one_model_that_is_not_known_stops_all_before_anything_is_sent(kernel):
    before = kernel.value("len(llmkit.usage(simulated=True))")
    assert kernel.run("%%llm --compare swift,nosuch\nHello").error["ename"] == "UnknownModel"
    assert kernel.value("len(llmkit.usage(simulated=True))") == before


def test_a_line_compares_as_well(kernel):
    kernel.run("cmp = %llm --compare swift,sage -q Why?")
    assert kernel.value("len(cmp)") == 2
