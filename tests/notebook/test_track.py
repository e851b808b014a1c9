"""``%%llm_cost`` in a real kernel: the cell runs as it is, and a line says what it cost. Budgets say where they stand."""

from __future__ import annotations


def test_a_cell_runs_as_it_is_and_says_what_it_cost(kernel):
    ran = kernel.run("%%llm_cost mine\nx = llmkit.ask('hi', model='sim/swift:rate=5000')\n'the value'")
    assert ran.status == "ok", ran.messages
    assert "— mine: 1 call · " in ran.stdout
    assert "simulated" in ran.stdout
    assert any("'the value'" in output.get("text/plain", "") for output in ran.outputs)
    assert kernel.value("x.complete, _llm_cost.calls, _llm_cost.df['tag'].tolist()") == (True, 1, ["mine"])


def test_a_cell_that_fails_still_says_what_it_cost_and_shows_its_error_once(kernel):
    ran = kernel.run("%%llm_cost\nllmkit.ask('hi', model='sim/swift:rate=5000')\n1 / 0")
    assert ran.status == "error"
    assert "1 call" in ran.stdout
    assert sum("ZeroDivisionError" in str(message) for message in ran.messages) <= 2


def test_budgets_are_shown_with_a_bar_and_their_next_reset(kernel):
    (output,) = kernel.run("%llm budget 2/day").outputs
    assert "░░░ 0%" in output["text/plain"]
    assert "midnight UTC" in output["text/plain"]
    kernel.run("%llm budget off day")
