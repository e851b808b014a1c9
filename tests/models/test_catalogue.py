"""Names of models and what is known of them. Unknown is None; old is said to be old."""

from __future__ import annotations

import subprocess
import sys
from datetime import date

import pytest

from llmkit.models import aliases, catalogue
from llmkit.models.names import home_of, vendor_of

TODAY = date(2026, 11, 20)


@pytest.mark.parametrize("alias", aliases.ALIASES)
def test_every_alias_leads_to_a_current_model(alias):
    full = aliases.ALIASES[alias]
    provider, model = aliases.split(alias)
    assert f"{provider}/{model}" == full
    assert full in catalogue.known_models()
    assert catalogue.facts(provider, model).age(TODAY) == "current"


@pytest.mark.parametrize("alias", aliases.ALIASES)
def test_of_a_model_with_an_alias_it_is_known_how_long_it_writes_and_what_it_can(alias):
    known = catalogue.facts(*aliases.split(alias))
    assert known.context_window
    assert known.max_output  # else no budget could hold its worst case
    assert (known.tools, known.structured) == (True, True)


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("sonnet", ("anthropic", "claude-sonnet-5-5")),
        (" Sonnet ", ("anthropic", "claude-sonnet-5-5")),
        ("anything/at/all", ("anything", "at/all")),
        ("groq/openai/gpt-oss-20b", ("groq", "openai/gpt-oss-20b")),
        ("claude-3-5-sonnet-20241022", ("anthropic", "claude-3-5-sonnet-20241022")),
        ("gpt-7-of-tomorrow", ("openai", "gpt-7-of-tomorrow")),
        ("o3", ("openai", "o3")),
        ("gemini-4-argon", ("gemini", "gemini-4-argon")),
        ("grok-4.7", ("xai", "grok-4.7")),
        ("deepseek-v4-pro", ("deepseek", "deepseek-v4-pro")),
        ("mistral-large-latest", ("mistral", "mistral-large-latest")),
        ("llama-3.3-70b-versatile", ("groq", "llama-3.3-70b-versatile")),
        ("gpt-oss-120b", (None, "gpt-oss-120b")),
        ("llama", (None, "llama")),
        ("ohm", (None, "ohm")),
        ("", (None, "")),
    ],
)
def test_a_name_is_taken_apart(name, parts):
    assert aliases.split(name) == parts


def test_open_models_have_no_vendor_but_may_have_a_home():
    assert (vendor_of("deepseek-v4-pro"), home_of("deepseek-v4-pro")) == (None, "deepseek")
    assert (vendor_of("gpt-oss-120b"), home_of("gpt-oss-120b")) == (None, None)


def test_the_catalogue_is_sorted_and_says_where_it_is_from():
    models = catalogue.known_models(retired=True)
    assert list(models) == sorted(set(models))
    assert len(models) > 200
    source = catalogue.source()
    assert date.fromisoformat(source["made"]) >= date(2026, 11, 1)
    assert {"anthropic", "openai", "google-genai", "genai-prices"} <= set(source["sources"])


def test_retired_models_are_not_offered():
    offered = catalogue.known_models()
    assert "openai/gpt-6-luna" in offered
    assert "sim/swift" in offered
    assert "openai/gpt-3.5-turbo" not in offered
    assert "openai/gpt-3.5-turbo" in catalogue.known_models(retired=True)


@pytest.mark.parametrize(
    ("provider", "model", "age", "successor"),
    [
        ("anthropic", "claude-3-5-sonnet-20241022", "retired", "anthropic/claude-sonnet-5-5"),
        ("anthropic", "claude-3-5-haiku-latest", "retired", "anthropic/claude-haiku-5-5"),
        ("anthropic", "claude-3-opus-20240229", "retired", "anthropic/claude-opus-5-5"),
        ("anthropic", "claude-sonnet-4-5", "ageing", "anthropic/claude-sonnet-5-5"),
        ("openai", "gpt-3.5-turbo", "retired", "openai/gpt-6-luna"),
        ("openai", "gpt-4-vision-preview", "retired", "openai/gpt-6.1-terra"),
        ("openai", "text-davinci-003", "retired", "openai/gpt-6.1-terra"),
        ("anthropic", "claude-2", "retired", "anthropic/claude-sonnet-5-5"),
        ("openai", "gpt-4", "retired", "openai/gpt-6.1-terra"),
        ("openai", "gpt-4o", "ageing", "openai/gpt-6.1-terra"),
        ("openai", "gpt-4o-mini", "ageing", "openai/gpt-6-luna"),
        ("gemini", "gemini-2.0-flash", "retired", "gemini/gemini-3.8-flash"),
        ("gemini", "gemini-1.5-pro", "retired", "gemini/gemini-4-argon"),
        ("xai", "grok-3", "ageing", "xai/grok-4.7"),
        ("groq", "mixtral-8x7b-32768", "ageing", "groq/openai/gpt-oss-120b"),
    ],
)
def test_old_models_are_known_as_old_with_a_suggestion(provider, model, age, successor):
    known = catalogue.facts(provider, model)
    assert known.age(TODAY) == age
    assert known.successor == successor
    assert successor in known.remark(TODAY)
    assert catalogue.facts(*successor.split("/", 1)).age(TODAY) == "current"


def test_an_announced_end_comes_on_its_day():
    known = catalogue.facts("anthropic", "claude-sonnet-4-5")
    assert known.age(date(2026, 11, 29)) == "ageing"
    assert known.age(date(2026, 11, 30)) == "retired"


def test_a_current_model_earns_no_remark():
    assert catalogue.facts("anthropic", "claude-sonnet-5-5").remark(TODAY) == ""


def test_current_anthropic_models_take_no_sampling_parameters():
    names = [name for name in catalogue.known_models() if name.startswith("anthropic/")]
    assert len(names) > 15
    assert {catalogue.facts(*name.split("/", 1)).sampling for name in names} == {False}


def test_facts_of_a_model_of_each_vendor():
    sonnet = catalogue.facts("anthropic", "claude-sonnet-5-5")
    assert (sonnet.context_window, sonnet.max_output, sonnet.vision) == (1_000_000, 128_000, True)
    assert "always" in sonnet.thinking
    luna = catalogue.facts("openai", "gpt-6-luna")
    assert (luna.context_window, luna.max_input, luna.max_output) == (1_050_000, 922_000, 128_000)
    flash = catalogue.facts("google", "models/gemini-3.8-flash")
    assert (flash.name, flash.max_output) == ("gemini/gemini-3.8-flash", 65_536)


def test_no_window_is_smaller_than_what_may_go_in_or_come_out():
    for name in catalogue.known_models(retired=True):
        known = catalogue.facts(*name.split("/", 1))
        if known.context_window is not None and known.provider != "sim":
            assert (known.max_input or 0) <= known.context_window, name
            assert (known.max_output or 0) <= known.context_window, name


def test_nothing_is_claimed_of_an_unknown_model():
    unknown = catalogue.facts("ollama", "llama3.3")
    assert not unknown.known
    assert {unknown.sampling, unknown.vision, unknown.thinking, unknown.max_output, unknown.age()} == {None}
    assert unknown.remark() == ""


def test_a_dated_snapshot_has_the_facts_of_its_model():
    assert catalogue.facts("openai", "gpt-6-luna-2026-09-01").max_output == 128_000


def test_a_simulated_model_has_facts_too():
    assert catalogue.facts("sim", "tiny").context_window == 2000
    assert not catalogue.facts("sim", "nobody").known


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("sonet", "sonnet"),
        ("gpt6-luna", "openai/gpt-6-luna"),
        ("claude-sonnet-55", "anthropic/claude-sonnet-5-5"),
        ("gemini/gemini-3.8-flsh", "gemini/gemini-3.8-flash"),
        ("gork", "grok"),
        ("sim/swit", "sim/swift"),
    ],
)
def test_the_nearest_name_is_what_was_meant(typed, meant):
    assert meant in catalogue.nearest(typed)


def test_nothing_is_near_to_nonsense():
    assert catalogue.nearest("zzzzqqqq") == ()
    assert len(catalogue.nearest("gpt-5", n=2)) == 2


def test_looking_up_names_imports_nothing_heavy():
    code = (
        "import sys\nfrom llmkit.models import aliases, catalogue\ncatalogue.nearest('sonet')\n"
        "print(sorted({'anthropic', 'openai', 'google.genai', 'genai_prices', 'pydantic'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("claude-sonet", "anthropic/claude-sonnet-5-5"),
        ("anthropic/claude-sonet", "anthropic/claude-sonnet-5-5"),
        ("claude-sonnet-4-6x", "anthropic/claude-sonnet-4-6"),
        ("gemini-flsh", "gemini/gemini-3.8-flash"),
        ("gpt6", "openai/gpt-6-luna"),
        ("sonet", "sonnet"),
    ],
)
def test_the_nearest_name_is_a_current_one_unless_an_older_is_spelled_out(written, meant):
    assert catalogue.nearest(written)[0] == meant
