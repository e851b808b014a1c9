"""Names to providers, and what a config may say."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import llmkit
from llmkit.core.errors import (
    ConfigError,
    LLMKitError,
    MissingKey,
    ModelNotFound,
    UnknownModel,
    UnknownProvider,
)
from llmkit.providers.registry import Registry
from llmkit.sim import Say, Simulator


def test_the_simulator_answers_where_no_key_is_set_and_says_so() -> None:
    reply = llmkit.ask("Why is the sky blue?")
    assert reply.simulated
    assert reply.provider == "sim"
    assert reply.cost.source == "simulated"


def test_the_first_provider_with_a_key_is_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GROQ_API_KEY", "gsk-0123456789")
    provider, model = llmkit.Session().resolve()
    assert provider.name == "groq"
    assert model


@pytest.mark.parametrize(
    ("written", "provider", "model"),
    [
        ("openai/gpt-6-luna", "openai", "gpt-6-luna"),
        ("luna", "openai", "gpt-6-luna"),
        ("sonnet", "anthropic", "claude-sonnet-5-5"),
        ("flash", "gemini", "gemini-3.8-flash"),
        ("claude-haiku-5-5", "anthropic", "claude-haiku-5-5"),
        ("gemini-3.8-flash", "gemini", "gemini-3.8-flash"),
        ("groq/openai/gpt-oss-120b", "groq", "openai/gpt-oss-120b"),
        ("ollama/llama3.2:3b", "ollama", "llama3.2:3b"),
        ("google/gemini-3.8-flash", "gemini", "gemini-3.8-flash"),
        ("openrouter/anthropic/claude-sonnet-5-5", "openrouter", "anthropic/claude-sonnet-5-5"),
    ],
)
def test_what_a_user_writes_names_a_provider_and_a_model(written: str, provider: str, model: str) -> None:
    found, name = llmkit.Session().resolve(written)
    assert (found.name, name) == (provider, model)


@pytest.mark.parametrize(
    ("written", "near"), [("sonet", "sonnet"), ("claud-sonnet-5-5", "claude-sonnet-5-5"), ("flahs", "flash")]
)
def test_an_unknown_model_is_refused_with_the_nearest_names(written: str, near: str) -> None:
    with pytest.raises(UnknownModel, match=near):
        llmkit.ask("hello", model=written)


def test_an_unknown_provider_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(UnknownProvider, match="openrouter"):
        llmkit.ask("hello", model="openruter/some-model")
    with pytest.raises(UnknownProvider, match="anthropic, openai"):
        llmkit.ask("hello", model="xx/yy")
    with pytest.raises(UnknownProvider):
        Registry()["nobody"]


def test_a_name_like_no_other_is_refused_with_some_that_are_known() -> None:
    with pytest.raises(UnknownModel, match=r"(?s)sonnet.*swift.*openai") as caught:
        llmkit.ask("hello", model="nosuch")
    assert len(str(caught.value).splitlines()) == 3


@pytest.mark.parametrize("written", ["sim/swft", "sim/swft@status=500", "sim/swft:rate=5", "x/swft"])
def test_the_simulator_knows_all_of_its_models(written: str) -> None:
    session = llmkit.Session({"providers": {"x": {"type": "sim"}}})
    with pytest.raises(UnknownModel, match=f"Did you mean {written.partition('/')[0]}/swift") as caught:
        session.ask("hello", model=written)
    assert len(str(caught.value).splitlines()) == 3


def test_a_simulated_model_like_no_other_is_refused_with_all_there_are() -> None:
    with pytest.raises(UnknownModel, match="sim/swift, sim/sage") as caught:
        llmkit.ask("hello", model="sim/nosuch")
    assert len(str(caught.value).splitlines()) == 3


@pytest.mark.parametrize("name", ["swift", "bench:tokens=2,rate=0,ttft=0", "swift@status=500", "sim/swift"])
def test_a_simulated_model_may_be_written_with_settings_and_faults(name: str) -> None:
    provider, model = llmkit.Session().resolve(f"sim/{name}")
    assert (provider.name, model) == ("sim", name)


@pytest.mark.parametrize("kind", ["sim", "compatible"])
def test_a_simulator_of_ones_own_may_know_other_models(simulator: Simulator, kind: str) -> None:
    session = llmkit.Session({"providers": {"sim": {"type": kind, "base_url": simulator.url + "/v1"}}})
    before = simulator.attempts
    assert session.ask("hello", model="sim/of-my-own").provider == "sim"
    assert simulator.attempts == before + 1


def test_the_simulator_may_have_another_name() -> None:
    session = llmkit.Session({"providers": {"x": {"type": "sim", "default_model": "sage"}}})
    reply = session.ask("hello", model="x/swift")
    assert (reply.provider, reply.simulated) == ("x", True)
    assert reply.cost.source == "simulated"
    assert [session.resolve()[0].name, session.resolve()[1]] == ["x", "sage"]
    assert list(session.usage(simulated=True)["provider"]) == ["x"]


@pytest.mark.parametrize("written", ["claude-sonet", "anthropic/claude-sonet"])
def test_where_the_key_is_missing_a_misspelt_model_is_named_too(written: str) -> None:
    with pytest.raises(MissingKey) as caught:
        llmkit.ask("hello", model=written)
    assert "Did you mean claude-sonnet-" in caught.value.why
    assert len(str(caught.value).splitlines()) == 3


def test_where_the_key_is_missing_a_known_model_is_not_doubted() -> None:
    with pytest.raises(MissingKey) as caught:
        llmkit.ask("hello", model="sonnet")
    assert "Did you mean" not in str(caught.value)
    assert len(str(caught.value).splitlines()) == 3
    assert "`sim/swift`" in caught.value.hint


def test_a_model_newer_than_the_catalogue_may_be_asked(simulator: Simulator) -> None:
    here = {"type": "openai", "api": "chat", "base_url": simulator.url + "/v1", "api_key": "k" * 9}
    reply = llmkit.Session({"providers": {"openai": here}}).ask("hello", model="openai/gpt-99")
    assert reply.text


def test_a_model_that_the_provider_does_not_have_is_refused_with_the_nearest(simulator: Simulator) -> None:
    here = {"type": "openai", "api": "chat", "base_url": simulator.url + "/v1", "api_key": "k" * 9}
    simulator.script([Say(fault="status=404")])
    with pytest.raises(ModelNotFound, match=r"Did you mean .*gpt-6-luna"):
        llmkit.Session({"providers": {"openai": here}}).ask("hello", model="openai/gpt-6-lunna")


@pytest.mark.parametrize(
    "config",
    [
        5,
        "",
        b"x",
        {"providers": 5},
        {"providers": ["openai"]},
        {"providers": {5: {"type": "openai"}}},
        {"aliases": 5},
        {"aliases": {"a": 5}},
        {"default_model": 5},
    ],
)
def test_a_config_of_the_wrong_kind_is_refused_in_three_lines(config: Any) -> None:
    with pytest.raises(ConfigError) as caught:
        llmkit.Session(config)
    assert len(str(caught.value).splitlines()) == 3


@pytest.mark.parametrize(
    ("config", "word"),
    [
        ({"providers": {"x": {"type": "openal", "base_url": "http://127.0.0.1:1"}}}, "openai"),
        ({"providers": {"x": {"type": "compatible"}}}, "base_url"),
        ({"providers": {"x": {"type": "openai", "api": "chatt"}}}, "chat"),
        ({"providers": {"x": {"type": "openai", "base_ulr": "https://x"}}}, "base_ulr"),
        ({"providers": {"x": "openai"}}, "mapping"),
        ({"provider": {}}, "provider"),
    ],
)
def test_a_wrong_config_says_what_is_wrong(config: dict[str, Any], word: str) -> None:
    with pytest.raises(ConfigError, match=word):
        llmkit.Session(config)


def test_a_config_can_be_a_yaml_file(tmp_path: Path) -> None:
    path = tmp_path / "llmkit.yaml"
    path.write_text("providers:\n  mine:\n    type: compatible\n    base_url: http://127.0.0.1:1/v1\n")
    assert "mine" in llmkit.Session(path).registry


@pytest.mark.parametrize("text", ["[1, 2]", "a: b: c", "!!python/object/apply:os.system ['true']"])
def test_a_yaml_file_that_is_none_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "llmkit.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError):
        llmkit.Session(path)


def test_a_key_of_the_environment_stays_with_its_providers_own_host(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-canary-0123456789")
    session = llmkit.Session({"providers": {"mine": {"type": "openai", "base_url": "http://127.0.0.1:9/v1"}}})
    assert not session.registry.entry("mine").key.needed
    assert session.registry.entry("mine").key.get("mine") == "none"


@pytest.mark.parametrize(
    ("kind", "written", "base", "version"),
    [
        ("gemini", "http://127.0.0.1:9", "http://127.0.0.1:9", "v1beta"),
        ("gemini", "http://127.0.0.1:9/v1/", "http://127.0.0.1:9", "v1"),
        ("gemini", "http://127.0.0.1:9/proxy/v1beta", "http://127.0.0.1:9/proxy", "v1beta"),
        ("anthropic", "http://127.0.0.1:9/v1", "http://127.0.0.1:9", None),
        ("anthropic", "http://127.0.0.1:9", "http://127.0.0.1:9", None),
    ],
)
def test_an_address_may_be_written_with_its_version_or_without(
    kind: str, written: str, base: str, version: str | None
) -> None:
    provider = llmkit.Session({"providers": {"mine": {"type": kind, "base_url": written}}}).registry["mine"]
    assert provider.base_url == base
    assert getattr(provider, "api_version", None) == version


def test_a_key_may_be_named_by_reference(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORK_KEY", "sk-work-0123456789")
    session = llmkit.Session(
        {
            "providers": {
                "work": {"type": "openai", "base_url": "http://127.0.0.1:9/v1", "api_key": "${WORK_KEY}"}
            }
        }
    )
    assert session.registry.entry("work").key.get("work") == "sk-work-0123456789"


@pytest.mark.parametrize("prompt", ["", "   \n", [], [{"role": "user", "content": ""}]])
def test_an_empty_prompt_is_refused(prompt: Any) -> None:
    with pytest.raises(LLMKitError, match="empty"):
        llmkit.ask(prompt)


@pytest.mark.parametrize(
    "prompt", [[{"role": "usr", "content": "hi"}], [42], [{"role": "user", "content": [{"type": "blob"}]}]]
)
def test_a_prompt_that_is_none_is_refused(prompt: Any) -> None:
    with pytest.raises(LLMKitError, match="prompt"):
        llmkit.ask(prompt)


def test_an_unknown_option_is_refused_with_the_nearest() -> None:
    with pytest.raises(LLMKitError, match="temperature"):
        llmkit.ask("hello", temprature=0.5)


def test_a_server_of_any_kind_may_be_asked_over_any_wire_that_it_has(simulator: Any) -> None:
    paths = {"messages": "/v1/messages", "chat": "/v1/chat/completions", "responses": "/v1/responses"}
    for api, path in paths.items():
        here = {"type": "vllm", "api": api, "base_url": f"{simulator.url}/v1"}
        assert llmkit.Session({"providers": {"here": here}}).ask("hello", model="here/swift").text
        assert simulator.requests[-1].path == path


@pytest.mark.parametrize("kind", ["anthropic", "gemini"])
def test_a_provider_with_one_wire_is_not_asked_over_another(kind: str) -> None:
    with pytest.raises(ConfigError, match=r"providers\.x\.api can't be 'chat'") as caught:
        Registry({"providers": {"x": {"type": kind, "api": "chat"}}})
    assert "alone" in str(caught.value)
