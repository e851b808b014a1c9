"""A cell that leaves the model to llmkit, and the table of why it chose so."""

from __future__ import annotations

import pytest

from llmkit.notebook.complete import Known, candidates


def test_a_task_picks_the_model_and_the_answer_says_so(kernel):
    ran = kernel.run("%%llm --task coding --strategy performance-optimized --no-history\nWrite a function.")
    assert ran.status == "ok", ran.messages
    assert kernel.value("_llm.route.model") == "sim/coder"
    assert kernel.value("(_llm.route.task, _llm.route.strategy)") == ("coding", "performance-optimized")
    table = kernel.run("%llm route").outputs[0]["text/plain"]
    assert table.splitlines()[1].split()[:2] == ["1", "sim/coder"]
    assert "coding, performance-optimized: sim/coder is asked first" in table
    assert "execution, cost-optimized: sim/" in kernel.run("%llm route execution").outputs[0]["text/plain"]
    other = kernel.run("%llm route latency-optimized").outputs[0]["text/plain"]
    assert "coding, latency-optimized" in other


def test_models_to_fall_back_on_are_named_in_the_line(kernel):
    ran = kernel.run("%%llm sim/sage@status=503 --fallback swift,poet --no-history\nHello.")
    assert ran.status == "ok", ran.messages
    tried = kernel.value("[(one.model, one.outcome) for one in _llm.route.tried]")
    assert tried == [("sim/sage@status=503", "overloaded"), ("swift", "ok")]
    assert "sim/swift" in str(ran.outputs)
    typo = kernel.run("%%llm sage --fallback swft --no-history\nHello.")
    assert typo.error["ename"] == "UnknownModel", "told before anything is sent, though sage would answer"
    assert "swift" in str(typo.messages)
    assert "--fallback does not go with --task" in kernel.run("%%llm --fallback sage --task qa\nhi").stderr


def test_a_strategy_may_be_written_with_underscores(kernel):
    assert (
        "planning, cost-optimized: sim/"
        in kernel.run("%llm route plan cost_optimized").outputs[0]["text/plain"]
    )


def test_a_named_model_comes_first_and_the_task_brings_its_words(kernel):
    kernel.run(
        "from llmkit.routing import TASKS, Task\n"
        "TASKS['rhyme'] = Task(name='rhyme', strengths=('writing',), system='Rhyme.', options={'max_tokens': 99})"
    )
    shown = kernel.run("%%llm swift --task rhyme --dry-run --no-history\nA poem.").stdout
    assert "To sim/swift" in shown
    assert "[system]\nRhyme." in shown
    assert "99 tokens" in shown
    kernel.run("%%llm --task rhyme -q --no-history\nA poem.")
    assert kernel.value("_llm.model") in ("sim/poet", "sim/sage")


def test_a_strategy_in_the_settings_is_for_cells_that_name_no_model(kernel):
    kernel.run("%config LLMKit.strategy = 'cost-optimized'")
    kernel.run("%%llm -q --no-history\nHello.")
    assert kernel.value("_llm.route.strategy") == "cost-optimized"
    kernel.run("%%llm sage -q --no-history\nHello.")
    assert kernel.value("(_llm.route, _llm.model)") == (None, "sim/sage")
    kernel.run("%config LLMKit.strategy = ''")


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("--task codign", "Did you mean 'coding'"),
        ("--strategy cheap", "There is no strategy 'cheap'"),
    ],
)
def test_a_mistyped_one_is_told_before_anything_is_sent(kernel, line, says):
    ran = kernel.run(f"%%llm {line} --no-history\nhi")
    assert ran.error["ename"] == "BadRequest"
    assert says in str(ran.messages)


def test_it_does_not_go_with_a_comparison(kernel):
    assert (
        "--compare does not go with --task" in kernel.run("%%llm --compare swift,sage --task qa\nhi").stderr
    )


def test_words_about_routes_are_a_prompt(kernel):
    assert kernel.run("%llm route planning my trip to Spain").status == "ok"
    assert "Spain" in kernel.value("_llm.text")


def test_tab_completes_tasks_and_strategies():
    assert "coding" in candidates("%%llm --task co", Known())[1]
    assert candidates("%%llm --strategy cas", Known())[1] == ["cascade"]
    assert "planning" in candidates("%llm route pl", Known())[1]


def test_a_task_of_the_settings_is_for_cells_that_name_no_model(kernel):
    kernel.run("%config LLMKit.task = 'coding'")
    try:
        kernel.run("%%llm -q --no-history -o picked\nWrite a function.")
        kernel.run("%%llm swift -q --no-history -o named\nWrite a function.")
        assert kernel.value("picked.route.task") == "coding"
        assert kernel.value("(named.model, named.route)") == ("sim/swift", None)
    finally:
        kernel.run("%config LLMKit.task = ''")
