"""The prices of many calls at once are those of each call by itself."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

import llmkit
from llmkit.core.usage import Usage
from llmkit.models.prices import cost_of

pd = pytest.importorskip("pandas", reason="pandas is not installed")
from llmkit.models.bulk import price_many  # noqa: E402

COUNTS = ("input", "output", "cache_read", "cache_write_5m", "cache_write_1h", "reasoning")
MOMENTS = [
    datetime(2025, 6, 9, 23, 59, tzinfo=UTC),
    datetime(2025, 6, 10, tzinfo=UTC),
    datetime(2026, 11, 20, 2, tzinfo=UTC),
    datetime(2026, 11, 20, 12, tzinfo=UTC),
    datetime(2026, 12, 31, 23, 59, 59, tzinfo=UTC),
    datetime(2027, 1, 1, tzinfo=UTC),
]
MODELS = [
    ("anthropic", "claude-sonnet-5-5", None),
    ("anthropic", "claude-haiku-5-5", None),
    ("openai", "gpt-6-luna", "flex"),
    ("openai", "gpt-6-luna", None),
    ("openai", "o3", None),
    ("gemini", "gemini-3.8-flash", "batch"),
    ("deepseek", "deepseek-v4-flash", None),
    ("openai", "gpt-99", None),
    ("own", "scholar", None),
]
SIZES = [0, 1, 99_999, 100_000, 100_001, 272_000, 272_001]
OWN = {"own/*": {"input": "0.1", "output": "0.3"}}


def one_by_one(row):
    used = {name: None if pd.isna(row[name]) else int(row[name]) for name in COUNTS}
    tier = None if pd.isna(row["service_tier"]) else row["service_tier"]
    usage = Usage(**used, service_tier=tier, source="provider")
    cost = cost_of(usage, provider=row["provider"], model=row["model"], at=row["started"], overrides=OWN)
    return float("nan") if cost.amount is None else float(cost.amount)


def test_around_every_step_of_time_and_length():
    rows = [
        {
            "started": at,
            "provider": provider,
            "model": model,
            "service_tier": tier,
            "input": size,
            "output": out,
        }
        | {"cache_read": size // 2, "cache_write_5m": 7, "cache_write_1h": 0, "reasoning": 3}
        for at in MOMENTS
        for provider, model, tier in MODELS
        for size in SIZES
        for out in (10, None)
    ]
    frame = pd.DataFrame(rows)
    frame["output"] = frame["output"].astype("Int64")
    priced = price_many(frame, overrides=OWN)
    assert priced.cost.tolist() == pytest.approx(
        [one_by_one(row) for row in frame.to_dict("records")], nan_ok=True, abs=0
    )
    assert pd.notna(priced.cost).sum() == len(MOMENTS) * (len(MODELS) - 1) * len(SIZES)
    assert sum(priced.reasons.values()) == pd.isna(priced.cost).sum()


def test_a_month_of_calls():
    frame = llmkit.sim.history(days=30, calls=600, until=datetime(2026, 11, 20, tzinfo=UTC))()
    asked = frame.drop(columns="model_served")
    expected = [one_by_one(row) for row in asked.to_dict("records")]
    assert price_many(asked, overrides=OWN).cost.tolist() == pytest.approx(expected, nan_ok=True, abs=0)
