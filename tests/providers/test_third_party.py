"""Servers that nobody here wrote: aimock, which answers from a script on every wire, and the real llama.cpp server.

They are not started here: LLMKIT_AIMOCK and LLMKIT_LLAMA_SERVER name where they run, if they do."""

from __future__ import annotations

import os
from typing import Any, Literal

import pytest
from pydantic import BaseModel

import llmkit
from llmkit import errors as e
from llmkit.core.events import Done, Failed, Text

#: Looked at while collecting: in a test, LLMKIT_ variables are gone.
AIMOCK = os.environ.get("LLMKIT_AIMOCK", "").rstrip("/")
LLAMA = os.environ.get("LLMKIT_LLAMA_SERVER", "").rstrip("/")
aimock_here = pytest.mark.skipif(not AIMOCK, reason="LLMKIT_AIMOCK names no running aimock")
llama_here = pytest.mark.skipif(not LLAMA, reason="LLMKIT_LLAMA_SERVER names no running llama-server")

WIRES = ("anthropic", "chat", "responses", "gemini")
MODELS = {"anthropic": "claude-sonnet-5-5", "chat": "gpt-6-luna", "responses": "gpt-6-luna", "gemini": "gemini-3.8-flash"}  # fmt: skip


def session(url: str, wire: str, kind: str = "openai") -> llmkit.Session:
    at: dict[str, Any]
    if wire in ("anthropic", "gemini"):
        at = (
            {"type": wire, "base_url": url}
            if kind == "openai"
            else {"type": kind, "api": "messages", "base_url": url}
        )
    else:
        at = {"type": kind, "api": wire, "base_url": f"{url}/v1"}
    return llmkit.Session({"providers": {"p": {**at, "api_key": "k" * 20}}, "retry": {"base": 0, "cap": 0, "attempts": 2}})  # fmt: skip


@aimock_here
@pytest.mark.parametrize("wire", WIRES)
class TestAimock:
    @pytest.fixture
    def asked(self, wire: str) -> Any:
        here = session(AIMOCK, wire)
        return lambda prompt, **more: here.stream(prompt, model=f"p/{MODELS[wire]}", timeout=60, **more)

    @pytest.mark.parametrize("stream", [True, False])
    def test_words_and_usage(self, asked: Any, stream: bool) -> None:
        reply = asked("SHORT", stream=stream).reply()
        assert reply.text == "Hello from aimock."
        assert (reply.usage.input, reply.usage.output, reply.usage.source) == (11, 7, "provider")

    def test_words_of_many_bytes(self, asked: Any) -> None:
        assert asked("LONG").reply().text.endswith("Naïve façade: 東京 🚀 Ωμέγα.")

    def test_thinking_is_no_part_of_the_words(self, asked: Any) -> None:
        reply = asked("THINK", think="high").reply()
        assert reply.text == "The answer is 42."
        assert "First A, then B." in reply.thinking

    def test_tools(self, asked: Any) -> None:
        def get_weather(city: str) -> str:
            """The weather in a city."""
            return f"18 C in {city}"

        reply = asked("TOOL", tools=[get_weather]).reply()
        assert reply.text == "It is 18 C in Paris."
        assert [len(step.results) for step in reply.steps] == [1, 0]

    @pytest.mark.parametrize(
        ("prompt", "kind", "attempts"),
        [
            ("E401", e.AuthError, 1),
            ("E429", e.RateLimited, 2),
            ("E500", e.ServerError, 2),
            ("E529", e.Overloaded, 2),
            ("CTXLEN", e.ContextLengthError, 1),
        ],
    )
    def test_errors(self, asked: Any, prompt: str, kind: type, attempts: int) -> None:
        with pytest.raises(kind) as caught:
            asked(prompt).reply()
        assert caught.value.partial.attempts == attempts

    @pytest.mark.parametrize("prompt", ["CUT3", "CUTMS"])
    def test_what_came_before_a_cut_is_kept(self, asked: Any, prompt: str) -> None:
        events = list(asked(prompt))
        assert isinstance(last := events[-1], Failed)
        assert isinstance(last.error, e.TruncatedStream)
        assert last.partial.text == "".join(event.text for event in events if isinstance(event, Text))
        # On wires with many events before the first word it is cut before that, and tried once more.
        assert last.partial.text or last.partial.attempts == 2

    @pytest.mark.parametrize("prompt", ["BADJSON", "DROPCONN"])
    def test_nonsense_and_a_closed_door_are_errors_of_ours(self, asked: Any, prompt: str) -> None:
        assert isinstance(list(asked(prompt))[-1], Failed)


#: The model is random, and else might end at its first word.
GO_ON = {"ignore_eos": True}


class Sky(BaseModel):
    colour: Literal["blue", "grey", "red"]
    clouds: int


@llama_here
@pytest.mark.parametrize("wire", ["anthropic", "chat", "responses"])
class TestLlamaServer:
    @pytest.fixture
    def here(self, wire: str) -> llmkit.Session:
        return session(LLAMA, wire, kind="llamacpp")

    @pytest.mark.parametrize("stream", [True, False])
    def test_it_answers_and_counts(self, here: llmkit.Session, stream: bool) -> None:
        reply = here.ask(
            "Why is the sky blue?", model="p/tiny", max_tokens=16, stream=stream, timeout=120, extra=GO_ON
        )
        assert reply.stop_reason in ("max_tokens", "length", "stop")
        # On Anthropic's wire its stream has no beginning where the first token is half a character.
        assert reply.usage.source == ("estimated" if reply.id is None else "provider")
        assert 0 < (reply.usage.output or 0) <= 16
        assert (reply.usage.total_input or 0) > 3
        assert reply.cost.amount is None

    def test_a_schema_is_followed_by_grammar(self, here: llmkit.Session, wire: str) -> None:
        asked = here.stream("The sky?", model="p/tiny", schema=Sky, max_tokens=200, repair=False, timeout=120)
        if wire == "anthropic":  # it reads none there; the model is told in words, and this one is random
            with pytest.raises(e.SchemaError) as caught:
                asked.reply()
            assert any("in words" in note for note in caught.value.partial.notes)
        else:
            assert isinstance(asked.reply().data, Sky)

    def test_stopping_ends_it(self, here: llmkit.Session) -> None:
        stream = here.stream("Go on for ever.", model="p/tiny", max_tokens=1500, timeout=120, extra=GO_ON)
        for event in stream:
            if isinstance(event, Text):
                stream.stop()
        assert isinstance(stream.error, e.Aborted)
        assert stream.settled(20)

    def test_a_conversation_goes_on(self, here: llmkit.Session) -> None:
        first = here.ask("Hello", model="p/tiny", max_tokens=8, timeout=120)
        turns = [llmkit.Message.user("Hello"), first.message, llmkit.Message.user("And?")]
        second = list(here.stream(turns, model="p/tiny", max_tokens=8, timeout=120))
        assert isinstance(second[-1], Done)
        if first.id is not None and second[-1].reply.id is not None:
            assert (second[-1].reply.usage.total_input or 0) > (first.usage.total_input or 0)

    def test_a_prompt_that_is_too_long_is_said_to_be(self, here: llmkit.Session) -> None:
        with pytest.raises(e.ContextLengthError):
            here.ask("word " * 6000, model="p/tiny", max_tokens=8, timeout=120)
