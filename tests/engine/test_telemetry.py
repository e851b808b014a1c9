"""Spans by the gen_ai conventions, seen by OpenTelemetry's own exporter."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

import llmkit
from llmkit.engine.tape import Tape
from llmkit.engine.telemetry import trace
from llmkit.errors import LLMKitError
from llmkit.sim import Simulator

sdk = pytest.importorskip(
    "opentelemetry.sdk.trace", reason="opentelemetry-sdk is not installed: no exporter to look at spans with"
)

KEY = "sk-canary-0123456789abcdef"


@pytest.fixture
def session(simulator: Simulator) -> llmkit.Session:
    here = {"type": "openai", "api": "chat", "base_url": simulator.url + "/v1", "api_key": KEY}
    return llmkit.Session({"providers": {"here": here}})


@pytest.fixture
def provider() -> Iterator[Any]:
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

    made = sdk.TracerProvider()
    made.exporter = InMemorySpanExporter()
    made.add_span_processor(SimpleSpanProcessor(made.exporter))
    yield made
    made.shutdown()


def spans(provider: Any) -> list[Any]:
    return list(provider.exporter.get_finished_spans())


def test_a_call_is_a_client_span_with_model_tokens_and_ending(
    session: llmkit.Session, simulator: Simulator, provider: Any
) -> None:
    trace(session, tracer_provider=provider)
    reply = session.ask("hello", model="here/swift", max_tokens=50, temperature=0.5, stop="END", tag="t")
    [span] = spans(provider)
    assert (span.name, span.kind.name, span.status.status_code.name) == ("chat swift", "CLIENT", "UNSET")
    told = dict(span.attributes)
    assert told["gen_ai.operation.name"] == "chat"
    assert told["gen_ai.provider.name"] == "here"
    assert told["gen_ai.request.model"] == "swift"
    assert told["gen_ai.request.max_tokens"] == 50
    assert told["gen_ai.request.temperature"] == 0.5
    assert told["gen_ai.request.stop_sequences"] == ("END",)
    assert told["gen_ai.response.model"] == reply.model
    assert told["gen_ai.response.finish_reasons"] == (str(reply.stop_reason),)
    assert told["gen_ai.usage.input_tokens"] == reply.usage.total_input
    assert told["gen_ai.usage.output_tokens"] == reply.usage.output
    assert told["server.port"] == simulator.port
    assert told["llmkit.tag"] == "t"


def test_it_hangs_under_the_callers_own_span(session: llmkit.Session, provider: Any) -> None:
    trace(session, tracer_provider=provider)
    with provider.get_tracer("test").start_as_current_span("my cell"):
        session.ask("hello", model="here/swift")
    inner, outer = spans(provider)
    assert outer.name == "my cell"
    assert inner.parent.span_id == outer.context.span_id


def test_every_attempt_is_a_span_and_a_failed_one_says_its_kind(
    session: llmkit.Session, provider: Any
) -> None:
    trace(session, tracer_provider=provider)
    session.ask("hello", model="here/swift@fails=503:1:otel-retry")
    failed, good = spans(provider)
    assert (failed.status.status_code.name, failed.status.description) == ("ERROR", "overloaded")
    assert failed.attributes["error.type"] == "Overloaded"
    assert failed.attributes["http.response.status_code"] == 503
    assert good.attributes["llmkit.attempt"] == 2
    assert good.attributes["llmkit.call"] == failed.attributes["llmkit.call"]


def test_no_prompt_no_answer_and_no_key_is_in_a_span_unless_asked_for(
    session: llmkit.Session, provider: Any
) -> None:
    stop = trace(session, tracer_provider=provider)
    reply = session.ask("the marmalade prompt", model="here/swift", system="the plum system")
    with pytest.raises(LLMKitError):
        session.ask("the marmalade prompt", model="here/swift@status=400")
    quiet = "".join(span.to_json() for span in spans(provider))
    assert not [word for word in ("marmalade", "plum", reply.text[:20], KEY) if word in quiet]
    stop()
    provider.exporter.clear()
    trace(session, tracer_provider=provider, prompts=True)
    session.ask(f"the marmalade prompt {KEY}", model="here/swift", system="the plum system")
    [span] = spans(provider)
    assert "marmalade" in span.attributes["gen_ai.input.messages"]
    assert span.attributes["gen_ai.system_instructions"] == "the plum system"
    assert "assistant" in span.attributes["gen_ai.output.messages"]
    assert KEY not in span.to_json()


def test_after_stopping_there_are_no_more_spans(session: llmkit.Session, provider: Any) -> None:
    trace(session, tracer_provider=provider)()
    session.ask("hello", model="here/swift")
    assert spans(provider) == []


def test_a_replay_calls_nobody_and_is_no_span(session: llmkit.Session, provider: Any, tmp_path: Any) -> None:
    session.tape = Tape(tmp_path / "t.jsonl", timing="instant")
    session.ask("hello", model="here/swift")
    trace(session, tracer_provider=provider)
    session.ask("hello", model="here/swift")
    assert spans(provider) == []
