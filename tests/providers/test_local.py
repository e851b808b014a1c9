"""GGUF files in this process, by the real llama.cpp, on a model of random weights that is written here.

What is llmkit's own about it is tested with a stand-in, in ``test_objects.py`` and the contract.
"""

from __future__ import annotations

import asyncio
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import tiny_gguf

import llmkit
from llmkit import errors

pytestmark = pytest.mark.skipif(
    find_spec("llama_cpp") is None,
    reason="llama_cpp is not installed (extra `local`: it has no wheel and is compiled)",
)
#: Random weights might end at once: the token that ends an answer is forbidden.
ENDLESS = {"logit_bias": {2: -100.0}}


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("models")
    for seed, name in enumerate(("one.gguf", "two.gguf")):
        tiny_gguf.write(place / name, seed)
    whole = (place / "one.gguf").read_bytes()
    (place / "cut.gguf").write_bytes(whole[: len(whole) // 2])
    (place / "page.gguf").write_bytes(b"<!doctype html>")
    (place / "empty.gguf").touch()
    return place


@pytest.fixture(scope="module")
def session(models: Path) -> llmkit.Session:
    with llmkit.Session({"providers": {"l": {"type": "local", "path": str(models), "context": 512}}}) as it:
        yield it


@pytest.mark.parametrize("stream", [True, False])
def test_a_real_model_answers_to_its_limit(session: llmkit.Session, stream: bool) -> None:
    reply = session.ask("hello", model="l/one.gguf", max_tokens=12, stream=stream, extra=ENDLESS)
    assert reply.text
    assert reply.stop_reason == "max_tokens"
    assert reply.usage.source == ("estimated" if stream else "provider")
    assert stream or reply.usage.output == 12


def test_the_same_seed_says_the_same_and_another_model_something_else(session: llmkit.Session) -> None:
    def said(model: str) -> str:
        return session.ask("hello", model=model, max_tokens=12, seed=3, temperature=0, extra=ENDLESS).text

    assert said("l/one.gguf") == said("l/one.gguf") != said("l/two.gguf")


def test_a_grammar_makes_it_follow_a_schema(session: llmkit.Session) -> None:
    schema = {
        "type": "object",
        "properties": {"n": {"type": "boolean"}, "c": {"enum": ["red", "blue"]}},
        "required": ["n", "c"],
    }
    for stream in (True, False):
        data = session.ask("Which?", model="l/one.gguf", schema=schema, max_tokens=100, stream=stream).data
        assert data["n"] in (True, False)
        assert data["c"] in ("red", "blue")


@pytest.mark.parametrize("stream", [True, False])
def test_stopping_ends_it_at_the_token_it_is_at_whether_it_streams_or_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stream: bool
) -> None:
    import llama_cpp

    signal, made, plain = llmkit.Signal.never(), [], llama_cpp.Llama.sample

    def sample(self: Any, *given: Any, **named: Any) -> int:
        made.append(token := plain(self, *given, **named))
        if len(made) == 5:
            signal.abort("enough")
        return token

    monkeypatch.setattr(llama_cpp.Llama, "sample", sample)
    model = f"local/{tiny_gguf.write(tmp_path / 'model.gguf')}"
    with llmkit.Session({}) as session:
        with pytest.raises(errors.Aborted):
            session.ask("hello", model=model, max_tokens=480, stream=stream, signal=signal, extra=ENDLESS)
        assert session.ask("hello", model=model, max_tokens=3, timeout=30, extra=ENDLESS).complete
    assert len(made) < 20


def test_two_models_and_two_calls_of_one_answer_at_the_same_time(session: llmkit.Session) -> None:
    async def all_of_them() -> list[llmkit.Reply]:
        asked = [
            session.stream("hello", model=f"l/{name}.gguf", max_tokens=9) for name in ("one", "two", "two")
        ]
        return [await each for each in asked]

    assert all(reply.complete for reply in asyncio.run(all_of_them()))


def test_a_prompt_longer_than_its_room_is_told_as_that(session: llmkit.Session) -> None:
    with pytest.raises(errors.ContextLengthError) as caught:
        session.ask("word " * 600, model="l/one.gguf")
    assert caught.value.limit == 512


def test_a_file_that_can_t_be_loaded_is_named_with_what_to_do(session: llmkit.Session) -> None:
    for name, told in (("cut", "could not be loaded"), ("page", "is no model"), ("empty", "is no model")):
        with pytest.raises(errors.ConfigError, match=told) as caught:
            session.ask("hello", model=f"l/{name}.gguf")
        assert f"{name}.gguf" in caught.value.what
        assert caught.value.hint
