"""Metrics by the gen_ai conventions, read back by OpenTelemetry's own reader."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

import llmkit
from llmkit.engine.measures import measure
from llmkit.errors import LLMKitError
from llmkit.sim import Simulator

sdk = pytest.importorskip(
    "opentelemetry.sdk.metrics",
    reason="opentelemetry-sdk is not installed: no reader to look at metrics with",
)


@pytest.fixture
def session(simulator: Simulator) -> llmkit.Session:
    here = {"type": "openai", "api": "chat", "base_url": simulator.url + "/v1", "api_key": "k" * 20}
    return llmkit.Session({"providers": {"here": here}, "retry": {"attempts": 1}})


@pytest.fixture
def provider() -> Iterator[Any]:
    from opentelemetry.sdk.metrics.export import InMemoryMetricReader

    reader = InMemoryMetricReader()
    made = sdk.MeterProvider(metric_readers=[reader])
    made.reader = reader
    yield made
    made.shutdown()


def points(provider: Any) -> dict[str, list[Any]]:
    """What was measured: the points of each metric."""
    data = provider.reader.get_metrics_data()
    if data is None:
        return {}
    metrics = [one for r in data.resource_metrics for s in r.scope_metrics for one in s.metrics]
    return {metric.name: list(metric.data.data_points) for metric in metrics}


def test_a_call_is_measured_in_tokens_seconds_and_dollars(session: llmkit.Session, provider: Any) -> None:
    measure(session, meter_provider=provider)
    reply = session.ask("hello", model="here/swift", max_tokens=20, tag="t")
    found = points(provider)
    tokens = {
        point.attributes["gen_ai.token.type"]: point.sum for point in found["gen_ai.client.token.usage"]
    }
    assert tokens == {"input": reply.usage.total_input, "output": reply.usage.output}
    [seconds] = found["gen_ai.client.operation.duration"]
    assert seconds.sum == pytest.approx(reply.timing.duration)
    [attempts] = found["llmkit.attempts"]
    assert dict(attempts.attributes) == {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "here",
        "gen_ai.request.model": "swift",
        "llmkit.simulated": True,
        "llmkit.tag": "t",
        "llmkit.status": "ok",
    }


def test_an_unknown_cost_is_counted_and_not_added_as_nothing(session: llmkit.Session, provider: Any) -> None:
    measure(session, meter_provider=provider)
    assert session.ask("hello", model="here/unheard-of", max_tokens=5).cost.amount is None
    found = points(provider)
    assert "llmkit.cost" not in found
    assert [point.value for point in found["llmkit.unpriced"]] == [1]


def test_a_failure_is_an_attempt_with_its_kind(session: llmkit.Session, provider: Any) -> None:
    measure(session, meter_provider=provider)
    with pytest.raises(LLMKitError):
        session.ask("hello", model="here/swift@status=401")
    [attempts] = points(provider)["llmkit.attempts"]
    assert (attempts.attributes["llmkit.status"], attempts.attributes["error.type"]) == ("auth", "AuthError")


def test_what_is_taken_back_measures_no_more(session: llmkit.Session, provider: Any) -> None:
    stop = measure(session, meter_provider=provider)
    stop()
    session.ask("hello", model="here/swift", max_tokens=5)
    assert points(provider) == {}
