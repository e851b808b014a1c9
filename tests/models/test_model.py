"""A model and where it runs are two things."""

from __future__ import annotations

import pytest

import llmkit
from llmkit.models.model import Model, spelling


@pytest.mark.parametrize(
    ("name", "provider", "full"),
    [
        ("sonnet", "openrouter", "openrouter/anthropic/claude-sonnet-5.5"),
        ("anthropic/claude-sonnet-4-5", "openrouter", "openrouter/anthropic/claude-sonnet-4.5"),
        ("gpt-oss-120b", "groq", "groq/openai/gpt-oss-120b"),
        ("groq/openai/gpt-oss-120b", "together", "together/openai/gpt-oss-120b"),
        ("llama-3.3-70b", "groq", "groq/llama-3.3-70b-versatile"),
        ("llama-3.3-70b", "openrouter", "openrouter/meta-llama/llama-3.3-70b-instruct"),
        ("groq/llama-3.3-70b-versatile", "together", "together/meta-llama/Llama-3.3-70B-Instruct-Turbo"),
        ("gpt-5-chat", "openrouter", "openrouter/gpt-5-chat"),
        ("deepseek-chat", "openrouter", "openrouter/deepseek/deepseek-chat"),
        ("luna", "openai", "openai/gpt-6-luna"),
        ("luna", "azure", "azure/gpt-6-luna"),
        ("argon", "vertex", "vertex/gemini-4-argon"),
        ("of-my-own", "vllm", "vllm/of-my-own"),
    ],
)
def test_the_same_model_at_another_provider_is_spelled_as_it_is_there(
    name: str, provider: str, full: str
) -> None:
    assert llmkit.model(name).via(provider) == full


def test_a_model_goes_wherever_a_models_name_goes() -> None:
    swift = llmkit.model("swift").via("sim")
    assert (
        llmkit.ask("hello", model=swift).model == "sim/swift"
        or llmkit.ask("hello", model=swift).provider == "sim"
    )
    assert (swift.provider, swift.name, repr(swift)) == ("sim", "swift", "Model('sim/swift')")


def test_switching_keeps_the_conversation() -> None:
    first = llmkit.ask("My name is Ada.", model="sim/swift")
    talk = [
        {"role": "user", "content": "My name is Ada."},
        {"role": "assistant", "content": first.text},
        {"role": "user", "content": "And now?"},
    ]
    assert llmkit.ask(talk, model=llmkit.model("sage").via("sim")).text


def test_a_model_knows_its_facts() -> None:
    assert Model("sonnet").facts.vision is True
    assert Model("nobody/knows").facts.known is False


def test_a_name_that_the_provider_itself_uses_is_kept() -> None:
    assert spelling("openai/gpt-oss-120b", "groq") == "openai/gpt-oss-120b"
