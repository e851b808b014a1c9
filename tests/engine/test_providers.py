"""The providers of a configuration, as a mapping that can be asked."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

import llmkit
from llmkit.core.errors import ConfigError, UnknownModel, UnknownProvider
from llmkit.sim import Simulator

KEY = "made-up-key-0123"
CLOSED = "http://127.0.0.1:9/v1"


@pytest.fixture(scope="module")
def guarded():
    """A simulator that takes one key only."""
    with Simulator(token=KEY, pace="instant") as running:
        yield running


@pytest.fixture
def config(guarded):
    return {
        "providers": {
            "main": {
                "type": "openai",
                "base_url": guarded.url + "/v1",
                "api_key": KEY,
                "default_model": "swift",
            },
            "other": {"type": "anthropic", "base_url": guarded.url, "api_key": KEY},
        },
        "aliases": {"quick": "main/swift"},
        "tasks": {"review": {"system": "Be strict.", "max_tokens": 50, "model": "main/swift"}},
        "agents": {
            "critic": {"task": "review", "max_tokens": 7},
            "poet": {"provider": "other", "model": "poet", "temperature": 1},
            "planner": {"models": ["main/sage", "main/swift"]},
        },
    }


@pytest.fixture
def registry(config):
    return llmkit.ProviderRegistry.from_config(config)


class TestAMapping:
    def test_it_holds_what_the_configuration_names_and_nothing_else(self, registry):
        assert isinstance(registry, Mapping)
        assert list(registry) == registry.list_providers() == ["main", "other"]
        assert len(registry) == 2
        assert "main" in registry
        assert "openai" not in registry
        assert [name for name, _ in registry.items()] == ["main", "other"]
        assert registry.get("openai") is None

    def test_a_configuration_without_providers_has_those_whose_key_is_set(self, monkeypatch):
        empty = llmkit.ProviderRegistry.from_config({})
        assert list(empty) == ["sim"]
        monkeypatch.setenv("GROQ_API_KEY", "gsk-0123456789")
        assert list(empty) == ["groq"]

    def test_a_wrong_name_is_a_key_error_and_names_the_nearest(self, registry):
        with pytest.raises(UnknownProvider, match="Did you mean 'main'") as caught:
            registry["mian"]
        assert isinstance(caught.value, KeyError)
        assert len(str(caught.value).splitlines()) == 3

    def test_one_is_added_as_fields_or_as_an_object(self, registry, guarded):
        with pytest.raises(ConfigError, match="It is object without wire, dialect"):
            registry.register("none", object())
        assert "none" not in registry
        added = registry.register("late", {"type": "vllm", "base_url": CLOSED})
        assert added.provider.base_url == CLOSED
        registry.register("again", registry["main"].provider, default="swift")
        assert list(registry) == ["main", "other", "late", "again"]
        assert registry["again"].ask("hello").text

    def test_a_file_is_read_as_well_and_none_means_the_one_that_is_found(self, tmp_path, monkeypatch):
        file = tmp_path / "llmkit.yaml"
        file.write_text("providers: {gpu: {type: vllm}}\n", "utf-8")
        assert list(llmkit.ProviderRegistry.from_config(file)) == ["gpu"]
        monkeypatch.setenv("LLMKIT_CONFIG", str(file))
        assert list(llmkit.ProviderRegistry.from_config()) == ["gpu"]


class TestAsking:
    def test_a_provider_is_asked_for_its_own_model_or_for_one_that_is_named(self, registry):
        assert registry["main"].ask("hello").model == "sim/swift"
        assert registry["main"].ask("hello", model="sage").model == "sim/sage"
        assert registry["main"].ask("hello", model="main/sage").model == "sim/sage"

    def test_an_alias_means_the_same_model_here(self, registry):
        assert registry["main"].full_name("quick") == "main/swift"
        assert registry["other"].full_name("sonnet") == "other/claude-sonnet-5-5"

    def test_without_a_model_nothing_is_sent(self, registry, guarded):
        registry.register("bare", {"type": "compatible", "base_url": guarded.url + "/v1", "api_key": KEY})
        before = guarded.attempts
        with pytest.raises(UnknownModel, match="default_model"):
            registry["bare"].ask("hello")
        assert guarded.attempts == before

    def test_an_agent_has_its_provider_its_model_and_its_settings(self, registry):
        critic, poet, planner = (registry.get_for_agent(name) for name in ("critic", "poet", "planner"))
        assert (critic.name, critic.model, critic.settings) == (
            "main",
            "swift",
            {"system": "Be strict.", "max_tokens": 7},
        )
        assert (poet.name, poet.model, poet.settings) == ("other", "poet", {"temperature": 1})
        assert (planner.name, planner.model) == ("main", "sage")

    def test_an_agents_settings_go_with_its_calls_unless_the_call_says_otherwise(self, registry, guarded):
        critic = registry.get_for_agent("critic")
        critic.ask("hello")
        critic.ask("hello", max_tokens=9)
        sent = [seen.json for seen in guarded.settled()[-2:]]
        assert [
            one.get("max_tokens") or one.get("max_completion_tokens") or one.get("max_output_tokens")
            for one in sent
        ] == [7, 9]
        assert all("Be strict." in str(one) for one in sent)

    def test_an_agent_that_is_not_there_is_named_with_the_nearest(self, registry):
        with pytest.raises(ConfigError, match="Did you mean 'critic'") as caught:
            registry.get_for_agent("critik")
        assert isinstance(caught.value, KeyError)


class TestSums:
    def test_usage_counts_this_registrys_calls_and_can_begin_anew(self, registry, config):
        llmkit.ProviderRegistry.from_config(config)["main"].ask("somebody else's")
        registry["main"].ask("one")
        registry["other"].ask("two", model="swift")
        assert registry.get_total_usage(simulated=True).attempts == 2
        assert set(registry.get_usage_summary(simulated=True)["provider"]) == {"main", "other"}
        registry.reset_all_usage()
        assert registry.get_total_usage(simulated=True).attempts == 0
        assert len(registry.session.usage(simulated=True)) == 3
        registry["main"].ask("three")
        assert registry.get_total_usage(simulated=True).attempts == 1


class TestConnectivity:
    def test_all_is_well_where_every_key_is_taken(self, config):
        assert len(llmkit.ProviderRegistry.from_config(config, validate_connectivity=True)) == 2

    def test_a_refused_key_and_a_silent_server_are_told_before_any_call(self, config, guarded):
        config["providers"]["main"]["api_key"] = "some-other-key-99"
        config["providers"]["gone"] = {"type": "vllm", "base_url": CLOSED}
        before = guarded.attempts
        with pytest.raises(ConfigError, match=r"main can't be used: .*rejected the key") as caught:
            llmkit.ProviderRegistry.from_config(config, validate_connectivity=True)
        assert "gone" in caught.value.hint
        assert "some-other-key-99" not in str(caught.value)
        assert guarded.attempts == before
