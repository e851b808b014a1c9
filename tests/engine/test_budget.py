"""Money is held back before it is spent: at every attempt, by calls side by side, by day, tag and block."""

from __future__ import annotations

import logging
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

import llmkit
from llmkit.core.messages import FilePart, ImagePart, Message
from llmkit.core.request import Options, Request
from llmkit.core.signal import Signal
from llmkit.core.usage import Cost
from llmkit.engine.budget import Alert, Budget, Hold
from llmkit.engine.purse import Purse
from llmkit.engine.worst import input_tokens, least_of, worst_of
from llmkit.errors import BadRequest, BudgetExceeded, ConfigError
from llmkit.ledger.store import Ledger
from llmkit.sim import Simulator

#: 10 $ for a million tokens either way: 100 tokens of answer cost 0.1 cent.
PRICES = {"here/*": {"input": 10, "output": 10}}
MODEL = "here/bench:tokens=20,rate=0,ttft=0"


def config(simulator: Simulator, **more: Any) -> dict[str, Any]:
    here = {"type": "openai", "api": "chat", "base_url": simulator.url + "/v1", "api_key": "k" * 9}
    return {"providers": {"here": here}, "prices": PRICES, **more}


@pytest.fixture
def session(simulator: Simulator) -> llmkit.Session:
    simulator.reset()
    return llmkit.Session(config(simulator))


def rows(session: llmkit.Session) -> list[dict[str, Any]]:
    return list(session.ledger.rows(simulated=True))


# -- the budget itself ----------------------------------------------------------------------------


def test_what_is_held_is_not_left_and_what_was_not_used_comes_back() -> None:
    budget = Budget(1)
    held = budget.reserve(Decimal("0.6"))
    assert budget.left == Decimal("0.4")
    budget.settle(held, Decimal("0.1"))
    assert (budget.left, budget.spent, budget.held) == (Decimal("0.9"), Decimal("0.1"), 0)


def test_what_does_not_fit_is_refused_with_the_figures_and_what_to_do() -> None:
    budget = Budget("0.50")
    budget.reserve(Decimal("0.20"))
    with pytest.raises(BudgetExceeded) as caught:
        budget.reserve(Decimal("0.40"))
    said = str(caught.value)
    assert "$0.40" in said
    assert "$0.30 left" in said
    assert "$0.20 is held" in said
    assert "max_tokens" in said


def test_an_unknown_cost_counts_as_the_worst() -> None:
    budget = Budget(1)
    budget.settle(budget.reserve(Decimal("0.6")), None)
    assert budget.spent == Decimal("0.6")


def test_many_threads_never_hold_more_than_there_is() -> None:
    budget = Budget(1)
    start = threading.Barrier(20)

    def one(_: int) -> bool:
        start.wait()
        try:
            budget.reserve(Decimal("0.09"))
        except BudgetExceeded:
            return False
        return True

    with ThreadPoolExecutor(20) as pool:
        held = sum(pool.map(one, range(20)))
    assert held == 11
    assert budget.left == Decimal("0.01")


def test_an_unknown_price_is_told_once_or_refused(caplog: pytest.LogCaptureFixture) -> None:
    budget = Budget(1)
    with caplog.at_level(logging.WARNING, "llmkit"):
        assert budget.reserve(None) == 0
        assert budget.reserve(None) == 0
    assert len([r for r in caplog.records if "price" in r.message]) == 1
    with pytest.raises(BudgetExceeded, match="price"):
        Budget(1, unknown="refuse").reserve(None)


def test_a_budget_that_is_spent_lets_nothing_through_that_has_a_price() -> None:
    budget = Budget(1)
    assert budget.reserve(None, Decimal("0.9")) == 0
    assert "max_tokens" in budget.unsure(priced=True)
    budget.settle(Decimal(0), Decimal("1.2"))
    with pytest.raises(BudgetExceeded, match=r"costs \$0.01 or more, and the budget has \$0 left"):
        budget.reserve(None, Decimal("0.01"))
    assert budget.reserve(Decimal(0)) == 0  # what is free costs nothing
    assert budget.reserve(None) == 0  # and of what has no price nobody can tell


def test_alerts_come_once_at_50_80_and_100_percent() -> None:
    told: list[Alert] = []
    budget = Budget(1, on_alert=told.append)
    for _ in range(12):
        budget.settle(Decimal(0), Decimal("0.1"))
    assert [alert.share for alert in told] == [Decimal("0.5"), Decimal("0.8"), Decimal(1)]
    assert str(told[0]) == "50% of the budget is spent: $0.50 of $1.00."


def test_one_big_step_gives_one_alert() -> None:
    told: list[Alert] = []
    Budget(1, on_alert=told.append).settle(Decimal(0), Decimal("0.95"))
    assert [alert.share for alert in told] == [Decimal("0.8")]


def test_an_alert_that_fails_harms_nobody(caplog: pytest.LogCaptureFixture) -> None:
    def broken(alert: Alert) -> None:
        raise RuntimeError("no")

    budget = Budget(1, on_alert=broken)
    budget.settle(Decimal(0), Decimal(1))
    assert budget.spent == 1
    assert "on_alert failed: RuntimeError" in caplog.text


def test_a_budget_of_the_day_begins_anew_at_midnight() -> None:
    day = [date(2026, 11, 20)]
    budget = Budget(1, per="day", today=lambda: day[0])
    budget.settle(Decimal(0), Decimal("0.9"))
    day[0] = date(2026, 11, 21)
    assert budget.left == 1
    budget.settle(Decimal(0), Decimal("0.6"))
    assert budget.spent == Decimal("0.6")


def test_if_one_of_several_budgets_refuses_none_holds_anything() -> None:
    large, small = Budget(10), Budget("0.01")
    hold = Hold(lambda _: None)
    with pytest.raises(BudgetExceeded):
        hold.take([large, small], Decimal(1))
    assert (large.left, large.spent, small.spent) == (10, 0, 0)


def test_a_hold_is_settled_once() -> None:
    budget = Budget(10)
    hold = Hold(lambda _: None)
    hold.take([budget], Decimal(1))
    hold.settle(Decimal("0.5"), simulated=False)
    hold.settle(Decimal("0.5"), simulated=False)
    assert budget.spent == Decimal("0.5")


@pytest.mark.parametrize(
    ("written", "limit", "per"),
    [
        ("2/day", "2", "day"),
        ("0.50", "0.50", "session"),
        ("$5 / session", "5", "session"),
        ("1 usd per my-tag", "1", "my-tag"),
        ("$.25/day", "0.25", "day"),
    ],
)
def test_a_budget_is_written_as_people_write_it(written: str, limit: str, per: str) -> None:
    budget = Budget.parse(written)
    assert (budget.limit, budget.per) == (Decimal(limit), per)


@pytest.mark.parametrize("written", ["", "much", "-1", "0", "1/", "nan", "inf", "1e9999999"])
def test_what_is_no_budget_is_refused(written: str) -> None:
    with pytest.raises(BadRequest):
        Budget.parse(written)


@pytest.mark.parametrize("written", ["2/week", "50 per month", "1/Hours", "600/year"])
def test_a_span_that_nothing_is_counted_for_is_no_tag(written: str) -> None:
    with pytest.raises(BadRequest, match="no budget per") as caught:
        Budget.parse(written)
    assert "2/day" in caught.value.hint


def test_day_and_session_are_meant_however_they_are_written() -> None:
    assert [Budget.parse(written).per for written in ("2/Day", "2 per SESSION", "1/Day-shift")] == [
        "day",
        "session",
        "Day-shift",
    ]


@pytest.mark.parametrize("usd", [0, -1, float("nan"), float("inf"), "x", True])
def test_a_budget_is_a_sum_of_money(usd: Any) -> None:
    with pytest.raises(BadRequest, match="budget"):
        Budget(usd)


# -- the worst case -------------------------------------------------------------------------------


def request(**more: Any) -> Request:
    return Request(**{"model": "m", "messages": (Message.user("hi"),), "signal": Signal.never(), **more})


def test_the_estimate_of_the_input_has_a_margin_and_counts_what_is_not_words() -> None:
    plain = input_tokens(request())
    assert plain > 100
    assert input_tokens(request(messages=(Message.user("hi", ImagePart(b"x")),))) >= plain + 5000
    assert input_tokens(request(messages=(Message.user("hi", FilePart(b"x" * 90_000)),))) >= plain + 30_000
    assert input_tokens(request(system="word " * 1000)) >= plain + 1300
    assert input_tokens(request(schema={"description": "word " * 1000})) >= plain + 1300


def test_the_longest_answer_is_what_the_body_allows_for_every_answer_asked_for(
    session: llmkit.Session,
) -> None:
    provider, _ = session.resolve(MODEL)
    asked = request(options=Options(max_tokens=1000))

    def worst(body: dict[str, Any]) -> Decimal:
        found = worst_of(asked, body, provider, overrides=PRICES)
        assert found is not None
        return found

    once = worst({"max_tokens": 1000})
    assert Decimal("0.01") < once < Decimal("0.03")
    assert worst({"generationConfig": {"maxOutputTokens": 1000}}) == once
    assert worst({"max_tokens": 1000, "n": 3}) == once * 3
    assert worst({"max_output_tokens": 2000}) == once + Decimal("0.01")


def test_without_a_limit_or_a_price_nobody_knows(session: llmkit.Session) -> None:
    provider, _ = session.resolve(MODEL)
    assert worst_of(request(), {}, provider, overrides=PRICES) is None
    assert worst_of(request(), {"max_tokens": 5}, provider) is None


def test_the_least_is_what_the_words_cost_where_they_have_a_price(session: llmkit.Session) -> None:
    provider, _ = session.resolve(MODEL)
    assert 0 < least_of(request(), provider, overrides=PRICES) < Decimal("0.001")
    assert least_of(request(), provider) == 0


def test_a_spent_budget_refuses_a_call_whose_answer_may_be_of_any_length(
    session: llmkit.Session, simulator: Simulator
) -> None:
    session.budget("0.000001", simulated=True)
    with pytest.raises(BudgetExceeded, match="or more"):
        session.ask("hello " * 100, model=MODEL)
    assert simulator.attempts == 0


# -- in the way of a call -------------------------------------------------------------------------


def test_a_call_that_does_not_fit_is_not_sent_and_its_row_says_refused(
    session: llmkit.Session, simulator: Simulator
) -> None:
    session.budget("0.001", simulated=True)
    with pytest.raises(BudgetExceeded) as caught:
        session.ask("hello", model=MODEL, max_tokens=1000)
    assert simulator.attempts == 0
    [row] = rows(session)
    assert (row["status"], Decimal(row["cost"]), row["error_kind"]) == ("refused", 0, "budget")
    assert caught.value.partial is not None
    assert session.budgets[0].left == Decimal("0.001")


def test_what_was_spent_is_what_the_ledger_says_to_the_last_digit(session: llmkit.Session) -> None:
    budget = session.budget(1, simulated=True)
    replies = [session.ask(f"hello {n}", model=MODEL, max_tokens=100) for n in range(3)]
    assert budget is not None
    assert budget.spent == sum(Decimal(row["cost"]) for row in rows(session))
    assert budget.spent == sum(reply.cost.amount for reply in replies)
    used = sum(row["input"] + row["output"] for row in rows(session))
    assert budget.spent == used * Decimal(10) / 1_000_000  # usage × price, with no rounding anywhere
    assert budget.held == 0


def test_simulated_calls_do_not_count_unless_asked(session: llmkit.Session) -> None:
    plain = session.budget(1)
    with llmkit.budget(1, simulated=True) as counted:
        session.ask("hello", model=MODEL, max_tokens=100)
        session.ask("hello", model="sim/swift", max_tokens=100)
    assert plain is not None
    assert plain.spent == 0
    assert counted.spent > 0


def test_a_budget_that_simulated_calls_do_not_touch_says_so_once(session: llmkit.Session) -> None:
    said = session.ask("hello", model="sim/swift", budget="0.0000001").notes
    assert said == ("The simulator costs nothing: the budget of $0.0000001 holds back real calls only.",)
    session.budget(1)
    with llmkit.budget(1), llmkit.budget(2, simulated=True):
        first, again = (session.ask("hello", model="sim/swift").notes for _ in range(2))
    assert (len(first), again) == (1, ())
    assert session.ask("hello", model=MODEL, max_tokens=10, budget=1).notes == ()


def test_calls_side_by_side_are_counted_before_they_are_over(
    session: llmkit.Session, simulator: Simulator
) -> None:
    slow = "here/bench:tokens=5,rate=0,ttft=500"
    # Each may cost up to about 1.2 cents: three fit, and none of them is over before all have begun.
    session.budget("0.04", simulated=True)
    streams = [session.stream("hello", model=slow, max_tokens=1000) for _ in range(8)]
    refused = 0
    for stream in streams:
        try:
            stream.reply()
        except BudgetExceeded:
            refused += 1
    assert refused == 5
    assert simulator.attempts == 3


def test_every_attempt_is_held_anew_and_a_failed_one_that_may_be_billed_counts(
    session: llmkit.Session, simulator: Simulator
) -> None:
    # The first attempt fails with 500 (billed or not: nobody knows), and then the second doesn't fit.
    session.budget("0.02", simulated=True)
    with pytest.raises(BudgetExceeded):
        session.ask("hello", model=MODEL + "@status=500", max_tokens=1000)
    assert simulator.attempts == 1
    assert [row["status"] for row in rows(session)] == ["unknown_billed", "refused"]


def test_a_stopped_call_gives_back_what_it_held_and_counts_its_estimate(session: llmkit.Session) -> None:
    budget = session.budget(1, simulated=True)
    stream = session.stream("hello", model="here/bench:tokens=4000,rate=200,ttft=0", max_tokens=5000)
    for event in stream:
        if isinstance(event, llmkit.Text):
            break
    assert stream.settled(30)
    assert budget is not None
    assert budget.held == 0
    assert 0 < budget.spent < Decimal("0.05")


def test_a_block_is_a_budget_for_what_is_called_inside_and_blocks_nest(session: llmkit.Session) -> None:
    with llmkit.budget(usd=1, simulated=True) as outer:
        session.ask("one", model=MODEL, max_tokens=100)
        with llmkit.budget(usd="0.0001", simulated=True) as inner, pytest.raises(BudgetExceeded):
            session.ask("two", model=MODEL, max_tokens=100)
        session.ask("three", model=MODEL, max_tokens=100)
    session.ask("four", model=MODEL, max_tokens=100)
    assert inner.spent == 0
    counted = [row for row in rows(session) if row["status"] == "ok"][:2]
    assert outer.spent == sum(Decimal(row["cost"]) for row in counted)


def test_a_tags_budget_counts_that_tag_only(session: llmkit.Session) -> None:
    session.budget("0.0001", per="dear", simulated=True)
    session.ask("hello", model=MODEL, max_tokens=100)
    session.ask("hello", model=MODEL, max_tokens=100, tag="cheap")
    with pytest.raises(BudgetExceeded, match="tag 'dear'"):
        session.ask("hello", model=MODEL, max_tokens=100, tag="dear")


def test_alerts_are_notices_of_the_session_and_log_lines(
    session: llmkit.Session, caplog: pytest.LogCaptureFixture
) -> None:
    session.budget("0.015", simulated=True)
    with caplog.at_level(logging.WARNING, "llmkit"):
        session.ask("hello", model="here/bench:tokens=900,rate=0,ttft=0", max_tokens=900)
    assert [notice for notice in session.notices if "of the budget of this session is spent" in notice]
    assert "is spent" in caplog.text


def test_a_call_that_its_own_alert_stops_at_its_end_is_told_once(simulator: Simulator) -> None:
    model = "here/bench:tokens=900,rate=0,ttft=0"
    session = llmkit.Session(config(simulator, models={model: {"sampling": False}}))
    stop = Signal.never()
    session.budget("0.015", simulated=True, on_alert=lambda _: stop.abort("enough"))
    with session.stream("meanwhile", model="here/bench:tokens=5,ttft=60000", max_tokens=5):
        reply = session.ask("hello", model=model, max_tokens=900, temperature=0.5, signal=stop)
    assert stop.aborted
    assert len(reply.notes) == len(set(reply.notes)) > 0
    assert [row["status"] for row in rows(session) if row["model"].startswith("bench:tokens=900")] == ["ok"]


@pytest.mark.parametrize("per", ["session", "day", "a-tag"])
def test_every_threshold_is_told_once_to_the_callback_the_log_and_the_session(
    session: llmkit.Session, caplog: pytest.LogCaptureFixture, per: str
) -> None:
    told: list[Alert] = []
    session.budget("0.012", per=per, simulated=True, on_alert=told.append)
    with caplog.at_level(logging.WARNING, "llmkit"):
        for n in range(200):  # about 0.03 cents each; the last ones don't fit any more
            try:
                session.ask(f"hello {n}", model=MODEL, max_tokens=20, tag="a-tag")
            except BudgetExceeded:
                break
        session.budgets[0].settle(Decimal(0), Decimal("0.012"))  # what a call may cost above its estimate
        session.budgets[0].settle(Decimal(0), Decimal("0.012"))
    assert [alert.share for alert in told] == [Decimal("0.5"), Decimal("0.8"), Decimal(1)]
    for share in ("50%", "80%", "100%"):
        assert len([r for r in caplog.records if f"{share} of the budget" in r.getMessage()]) >= 1
    for share in ("50%", "80%"):  # those that calls were the cause of
        assert [notice for notice in session.notices if notice.startswith(share)]


@pytest.mark.parametrize("per", ["session", "day", "a-tag"])
def test_fifty_calls_at_once_never_hold_more_than_a_budget_for_ten(
    session: llmkit.Session, simulator: Simulator, per: str
) -> None:
    slow = "here/bench:tokens=5,rate=0,ttft=800"
    provider, name = session.resolve(slow)
    asked = request(model=name, options=Options(max_tokens=1000), messages=(Message.user("hello"),))
    worst = worst_of(asked, provider.prepare(asked), provider, overrides=PRICES)
    assert worst is not None
    session.budget(worst * 10, per=per, simulated=True)
    most: list[Decimal] = []
    session.on_request(lambda _: most.append(session.budgets[0].held))

    def one(_: int) -> bool:
        try:
            session.ask("hello", model=slow, max_tokens=1000, tag="a-tag")
        except BudgetExceeded:
            return False
        return True

    with ThreadPoolExecutor(50) as pool:
        sent = sum(pool.map(one, range(50)))
    assert max(most) <= worst * 10
    assert sent == simulator.attempts
    statuses = [row["status"] for row in rows(session)]
    assert (statuses.count("ok"), statuses.count("refused")) == (sent, 50 - sent)
    assert sent >= 10  # ten fit at once; those that ended made room for more
    assert session.budgets[0].held == 0
    assert session.budgets[0].spent == sum(Decimal(row["cost"]) for row in rows(session))


def test_a_budget_is_replaced_keeping_what_was_spent_and_lifted_by_none(session: llmkit.Session) -> None:
    session.budget(1, simulated=True)
    session.ask("hello", model=MODEL, max_tokens=100)
    spent = session.budgets[0].spent
    session.budget(2, simulated=True)
    assert [(budget.limit, budget.spent) for budget in session.budgets] == [(2, spent)]
    session.budget(None)
    assert session.budgets == []


def test_a_price_that_is_not_known_may_refuse_the_call(simulator: Simulator) -> None:
    simulator.reset()
    session = llmkit.Session({**config(simulator), "prices": {}})
    session.budget(1, simulated=True, unknown="refuse")
    with pytest.raises(BudgetExceeded, match="price"):
        session.ask("hello", model="here/nobody-knows-it", max_tokens=10)
    assert simulator.attempts == 0


def test_budgets_and_prices_may_stand_in_the_config(simulator: Simulator) -> None:
    session = llmkit.Session(config(simulator, budgets={"day": 2, "session": "0.50", "my-tag": 1}))
    assert [(budget.per, budget.limit) for budget in session.budgets] == [
        ("day", 2),
        ("session", Decimal("0.50")),
        ("my-tag", 1),
    ]
    reply = session.ask("hello", model=MODEL)
    assert reply.cost.source == "override"


@pytest.mark.parametrize(
    "wrong", [{"budgets": 5}, {"budgets": {"day": -1}}, {"prices": 3}, {"prices": {"x/*": 3}}]
)
def test_a_wrong_section_is_refused_by_name(simulator: Simulator, wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=next(iter(wrong))):
        llmkit.Session({**config(simulator), **wrong})


# -- the day --------------------------------------------------------------------------------------


def spend(ledger: Ledger, amount: str, *, simulated: bool = False, currency: str = "USD") -> None:
    row = ledger.begin(call="c", attempt=1, session="other", provider="x", model="m", simulated=simulated)
    ledger.settle(row, status="ok", cost=Cost(Decimal(amount), currency=currency, source="override"))


def test_the_day_begins_with_what_the_ledger_says_was_spent_today() -> None:
    with Ledger.open(":memory:") as ledger:
        spend(ledger, "0.30")
        spend(ledger, "0.20")
        spend(ledger, "7", simulated=True)
        spend(ledger, "9", currency="EUR")
        purse = Purse(lambda: ledger)
        purse.set(1, per="day")
        assert [budget.spent for budget in purse.budgets] == [Decimal("0.50")]


def test_the_day_counts_what_other_kernels_spend_meanwhile() -> None:
    now = [0.0]
    with Ledger.open(":memory:") as ledger:
        purse = Purse(lambda: ledger, clock=lambda: now[0])
        budget = purse.set(1, per="day")
        assert purse.applying(None) == (budget,)
        spend(ledger, "0.75")
        now[0] = 60.0
        purse.applying(None)
        assert budget.left == Decimal("0.25")


def test_yesterday_does_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    import llmkit.engine.purse as module

    class Tomorrow(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> datetime:
            return datetime.fromtimestamp(datetime.now(UTC).timestamp() + 86_400, tz)

    with Ledger.open(":memory:") as ledger:
        spend(ledger, "0.30")
        monkeypatch.setattr(module, "datetime", Tomorrow)
        assert module.spent_today(ledger) == 0
