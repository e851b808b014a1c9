"""Providers that make objects: LiteLLM, and llama.cpp in this process."""

from __future__ import annotations

import sys
import threading
import types
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

import llmkit
from llmkit import errors

litellm_here = pytest.mark.skipif(
    find_spec("litellm") is None, reason="litellm is not installed (extra `litellm`)"
)


#: Looked at while collecting: in a test, LLMKIT_ variables are gone.


def mock(words: Any, **more: Any) -> dict[str, Any]:
    return {"extra": {"mock_response": words, **more}}


@litellm_here
class TestLiteLLM:
    @pytest.mark.parametrize("stream", [True, False])
    def test_it_answers_with_usage_and_our_price(self, stream: bool) -> None:
        reply = llmkit.ask("hello", model="litellm/openai/gpt-4o", stream=stream, **mock("Hello there, you."))
        assert reply.text == "Hello there, you."
        assert (reply.usage.source, reply.stop_reason) == ("provider", "stop")
        assert (reply.usage.output or 0) > 0
        assert reply.cost.source == "genai-prices"

    def test_where_we_know_no_price_litellms_own_is_taken_and_marked(self) -> None:
        reply = llmkit.ask(
            "hello", model="litellm/databricks/databricks-meta-llama-3-3-70b-instruct", **mock("Hello.")
        )
        assert reply.cost.source == "provider"
        assert "LiteLLM" in reply.cost.note

    @pytest.mark.parametrize(
        ("mocked", "kind"),
        [
            ("litellm.RateLimitError", errors.RateLimited),
            ("litellm.ContextWindowExceededError", errors.ContextLengthError),
            ("litellm.InternalServerError", errors.ServerError),
        ],
    )
    def test_its_errors_become_ours_and_are_tried_again_by_us_alone(self, mocked: str, kind: type) -> None:
        session = llmkit.Session({"providers": {"ll": {"type": "litellm", "max_retries": 0}}})
        with pytest.raises(kind):
            session.ask("hello", model="ll/openai/gpt-4o", **mock(mocked))
        assert len(session.usage(session=session.id)) == 1

    def test_it_is_quiet(self) -> None:
        llmkit.ask("hello", model="litellm/openai/gpt-4o", **mock("Hello."))
        import litellm

        assert litellm.telemetry is False
        assert litellm.num_retries == 0


@pytest.mark.skipif(find_spec("litellm") is not None, reason="litellm is installed here")
def test_without_litellm_one_is_told_what_to_install() -> None:
    with pytest.raises(errors.MissingPackage, match=r"llmkit\[litellm\]"):
        llmkit.ask("hello", model="litellm/openai/gpt-4o")


# -- llama.cpp in this process, of the same interface ----------------------------------------------------


class Llama:
    """What is used of ``llama_cpp.Llama``. It can be held up, and counts what it did."""

    made = 0
    tokens = 0
    gate = threading.Event()
    closed = threading.Event()

    def __init__(self, model_path: str, **settings: Any) -> None:
        type(self).made += 1
        self.settings = settings

    def create_chat_completion(
        self, messages: list[Any], stream: bool = False, max_tokens: int | None = None,
        temperature: float = 0.2, response_format: Any = None,
    ) -> Any:  # fmt: skip
        if messages[-1]["content"] == "too long":
            raise ValueError("Requested tokens (9000) exceed context window of 4096")
        whole = {"role": "assistant", "content": "one two three"}
        usage = {"prompt_tokens": 3, "completion_tokens": 3, "total_tokens": 6}
        if not stream:
            choice = {"index": 0, "message": whole, "finish_reason": "stop"}
            return {"id": "x", "object": "chat.completion", "model": "m", "choices": [choice], "usage": usage}
        return self._stream(messages[-1]["content"])

    def _stream(self, asked: str) -> Iterator[dict[str, Any]]:
        def chunk(delta: dict[str, Any], end: str | None = None) -> dict[str, Any]:
            choice = {"index": 0, "delta": delta, "finish_reason": end}
            return {"id": "x", "object": "chat.completion.chunk", "model": "m", "choices": [choice]}

        try:
            yield chunk({"role": "assistant"})
            for word in ("one", " two", " three"):
                type(self).tokens += 1
                yield chunk({"content": word})
                if asked == "break":
                    raise RuntimeError("llama_decode returned -1")
                if asked == "wait":
                    self.gate.wait(20)
            yield chunk({}, "stop")
        finally:
            self.closed.set()

    def close(self) -> None:
        self.closed.set()


@pytest.fixture
def gguf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    module = types.ModuleType("llama_cpp")
    module.Llama = Llama  # type: ignore[attr-defined]
    module.__spec__ = types.SimpleNamespace(name="llama_cpp")  # type: ignore[assignment]
    monkeypatch.setitem(sys.modules, "llama_cpp", module)
    Llama.made = Llama.tokens = 0
    Llama.gate.clear()
    Llama.closed.clear()
    path = tmp_path / "tiny.gguf"
    path.write_bytes(b"GGUF")
    return path


@pytest.mark.parametrize("stream", [True, False])
def test_a_gguf_file_is_a_model(gguf: Path, stream: bool) -> None:
    reply = llmkit.ask("hello", model=f"local/{gguf}", stream=stream)
    assert reply.text == "one two three"
    assert reply.provider == "local"
    assert reply.cost.amount is None  # nobody knows what this machine's hour costs


def test_it_is_loaded_once_and_may_be_named_in_a_configuration(gguf: Path) -> None:
    session = llmkit.Session({"providers": {"tiny": {"type": "local", "path": str(gguf), "context": 512}}})
    for _ in range(3):
        assert session.ask("hello", model="tiny/whatever").text == "one two three"
    assert Llama.made == 1


def test_stopping_ends_it_after_the_token_it_is_at(gguf: Path) -> None:
    stream = llmkit.stream("wait", model=f"local/{gguf}")
    for event in stream:
        if isinstance(event, llmkit.Text):
            break
    stream.stop()
    with pytest.raises(errors.Aborted) as caught:
        stream.reply()
    Llama.gate.set()
    assert Llama.closed.wait(20)
    assert Llama.tokens <= 2  # the one that came, and the one it was at, if it was at one; not the third
    assert caught.value.partial is not None
    assert caught.value.partial.text == "one"


def test_what_it_raises_becomes_our_errors(gguf: Path) -> None:
    with pytest.raises(errors.ContextLengthError):
        llmkit.ask("too long", model=f"local/{gguf}")
    with pytest.raises(errors.MidStreamError) as caught:
        llmkit.ask("break", model=f"local/{gguf}")
    assert caught.value.partial is not None
    assert caught.value.partial.text == "one"


def test_a_file_that_is_not_there_is_named_before_anything_is_loaded(gguf: Path) -> None:
    with pytest.raises(errors.ConfigError, match=r"no model file .*missing\.gguf"):
        llmkit.ask("hello", model=f"local/{gguf.parent / 'missing.gguf'}")
    assert Llama.made == 0


@pytest.mark.skipif(find_spec("llama_cpp") is not None, reason="llama_cpp is installed here")
def test_without_llama_cpp_one_is_told_what_to_install() -> None:
    with pytest.raises(errors.MissingPackage, match=r"llmkit\[local\]"):
        llmkit.ask("hello", model="local/x.gguf")
