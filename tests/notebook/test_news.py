"""What a session has to tell is told once, in the cell in which it happened."""

from __future__ import annotations

import pytest


def news(ran):
    return [out["text/plain"] for out in ran.outputs if "llmkit-news" in out.get("text/html", "")]


@pytest.mark.parametrize(
    "asks",
    [
        "%%llm swift --no-history\nhi",
        "%%llm --compare swift,sage\nhi",
        "_ = llmkit.compare('hi', ['swift', 'sage'])",
        "import pandas as pd; _ = llmkit.map(pd.DataFrame({'a': [1]}), 'What is {a}?', model='swift')",
        "_ = llmkit.ask('hi', model='swift')",
    ],
)
def test_a_budget_s_alert_is_told_under_the_answer_and_once(kernel, asks):
    kernel.run(
        "from decimal import Decimal\n"
        "session = llmkit.default_session(); session.notices.clear(); session._told.clear()\n"
        "held = session.budget(1, simulated=True)\n"
        "_ = held.settle(held.reserve(Decimal('0.4999999')), Decimal('0.4999999'))"
    )
    ran = kernel.run(asks)
    assert ran.status == "ok"
    (told,) = news(ran)
    assert told.startswith("note: 50% of the budget of this session is spent")
    assert "llmkit-news" in ran.outputs[-1]["text/html"]
    assert news(kernel.run("_ = session.budget(None)")) == []


def test_a_failed_cell_tells_it_too(kernel):
    ran = kernel.run("llmkit.default_session().notice('Something <b>else</b>.')\n1 / 0")
    assert news(ran) == ["note: Something <b>else</b>."]
    assert "&lt;b&gt;" in ran.outputs[-1]["text/html"]


def test_trouble_with_the_ledger_is_told(kernel):
    ran = kernel.run("llmkit.default_session().ledger._say('The ledger can not be written.')")
    assert news(ran) == ["note: The ledger can not be written."]
