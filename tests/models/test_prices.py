"""What a call costs: figures worked out by hand from the price list, and never a guess passed off as a fact."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest

from llmkit.core.errors import ConfigError
from llmkit.core.usage import Usage
from llmkit.models.prices import cost_of, worst_case

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


def used(**counts):
    return Usage(**{"input": 0, "output": 0, "source": "provider", **counts})


def day(*ymd, hour=12):
    return datetime(*ymd, hour, tzinfo=UTC)


SONNET = "anthropic/claude-sonnet-5-5"  # 2 in, 10 out, .10 read, 2.50 written for 5 minutes, 4 for an hour
HAIKU = "anthropic/claude-haiku-5-5"  # .10 in, .50 out; above 100,000 tokens of prompt .50 and 2.50
LUNA = "openai/gpt-6-luna"  # .10 in, .50 out, .01 read, .125 written; above 272,000: double in, 1.5 × out
FLASH = "gemini/gemini-3.8-flash"  # .75 in, 3.75 out; from 2027 on 1.50 and 7.50

CASES = {
    "input and output": (SONNET, used(input=1000, output=500), "0.007"),
    "nothing at all": (SONNET, used(), "0"),
    "a single token": (HAIKU, used(input=1), "0.0000001"),
    "read from the cache": (SONNET, used(input=100, cache_read=10_000, output=100), "0.0022"),
    "written for five minutes": (SONNET, used(input=100, cache_write_5m=10_000, output=100), "0.0262"),
    "written for an hour": (SONNET, used(input=100, cache_write_1h=10_000, output=100), "0.0412"),
    "all cache classes": (
        SONNET,
        used(input=1000, cache_read=2000, cache_write_5m=3000, cache_write_1h=4000, output=5000),
        "0.0757",  # .002 + .0002 + .0075 + .016 + .05
    ),
    "thinking is part of the output": (SONNET, used(input=1000, output=500, reasoning=400), "0.007"),
    "web searches": (SONNET, used(input=1000, output=500, web_searches=3), "0.037"),
    "just below the tier": (HAIKU, used(input=99_999, output=1000), "0.0104999"),
    "at the tier": (HAIKU, used(input=100_000, output=1000), "0.0105"),
    "just above the tier": (HAIKU, used(input=100_001, output=1000), "0.0525005"),
    "the tier counts what was cached": (HAIKU, used(input=1, cache_read=100_000, output=1000), "0.0075005"),
    "another vendor's tier": (LUNA, used(input=272_000, output=1000), "0.0277"),
    "above another vendor's tier": (LUNA, used(input=272_001, output=1000), "0.0551502"),
    "a tier that begins at its bound": ("xai/grok-4.7", used(input=200_000, output=1000), "0.812"),
    "below a tier that begins at its bound": ("xai/grok-4.7", used(input=199_999, output=1000), "0.405998"),
    "OpenAI's cache write": (LUNA, used(input=1000, cache_write_5m=8000, output=100), "0.00115"),
    "flex": (LUNA, used(input=10_000, output=1000, service_tier="flex"), "0.00075"),
    "flex above the tier": (LUNA, used(input=300_000, output=1000, service_tier="flex"), "0.030375"),
    "priority": (LUNA, used(input=10_000, output=1000, service_tier="priority"), "0.003"),
    "batch": (SONNET, used(input=10_000, output=1000, service_tier="batch"), "0.015"),
    "batch elsewhere": (FLASH, used(input=10_000, output=1000, service_tier="batch"), "0.005625"),
    "fast": ("anthropic/claude-opus-5-5", used(input=1000, output=1000, service_tier="fast"), "0.048"),
    "the standard tier by name": (LUNA, used(input=10_000, output=1000, service_tier="default"), "0.0015"),
    "another standard tier": (
        "groq/openai/gpt-oss-120b",
        used(input=10_000, output=1000, service_tier="on_demand"),
        "0.0021",
    ),
    "audio": ("gemini/gemini-2.5-flash", used(input=1000, input_audio=600, output=100), "0.00097"),
    "audio beside a cache": (
        "gemini/gemini-2.5-flash",
        used(input=1000, input_audio=600, cache_read=1000, output=100),
        "0.001",
    ),
    # .30 in, 2.50 out, pictures out 30: 300 + 1,290 × 30 = 39,000 millionths
    "a picture drawn": (
        "gemini/gemini-2.5-flash-image",
        used(input=1000, output=1290, output_image=1290),
        "0.039",
    ),
    "words beside a picture": (  # and 100 × 2.50
        "gemini/gemini-2.5-flash-image",
        used(input=1000, output=1390, output_image=1290),
        "0.03925",
    ),
    "pictures in and out": (  # 200 × 5 + 800 × 8 + 1,056 × 32
        "openai/gpt-image-1.5",
        used(input=1000, input_image=800, output=1056, output_image=1056),
        "0.041192",
    ),
    "pictures out at the price of all output": (  # 100 × 5 + 200 × 10 + 272 × 40
        "openai/gpt-image-1",
        used(input=300, input_image=200, output=272, output_image=272),
        "0.01338",
    ),
    "pictures in at the price of all input": (
        FLASH,
        used(input=1000, input_image=258, output=10),
        "0.0007875",
    ),
    "pictures in elsewhere": (SONNET, used(input=1000, input_image=800, output=10), "0.0021"),
    "text, pictures and sound": (  # 200 × 4 + 300 × 5 + 500 × 32, 50 × 16 + 150 × 64
        "openai/gpt-realtime",
        used(input=1000, input_audio=500, input_image=300, output=200, output_audio=150),
        "0.0287",
    ),
    "pictures beside a cache": (  # 700 × 4 + 300 × 5 + 500 × .40 + 200 × 16
        "openai/gpt-realtime",
        used(input=1000, input_image=300, cache_read=500, output=200),
        "0.0077",
    ),
    "batch, all cache classes": (  # 1,000 × (1 + .05 + 1.25 + 2 + 5)
        SONNET,
        used(
            input=1000,
            cache_read=1000,
            cache_write_5m=1000,
            cache_write_1h=1000,
            output=1000,
            service_tier="batch",
        ),
        "0.0093",
    ),
    "flex with a cache": (
        LUNA,
        used(input=1000, cache_read=9000, output=1000, service_tier="flex"),
        "0.000345",
    ),
    "priority with a cache": (
        LUNA,
        used(input=1000, cache_read=9000, output=1000, service_tier="priority"),
        "0.00138",
    ),
    "batch with a cache": (
        LUNA,
        used(input=1000, cache_read=9000, output=1000, service_tier="batch"),
        "0.000345",
    ),
    "thinking in a batch": (
        FLASH,
        used(input=1000, output=1000, reasoning=900, service_tier="batch"),
        "0.00225",
    ),
    "nothing but thinking": (FLASH, used(input=1000, output=1000, reasoning=1000), "0.0045"),
    "thinking elsewhere": (LUNA, used(input=1000, output=1000, reasoning=1000), "0.0006"),
    "a cache read at a tenth": (FLASH, used(input=1000, cache_read=9000, output=1000), "0.005175"),
    "at the tier, all but one cached": (LUNA, used(input=1, cache_read=271_999, output=1000), "0.00322009"),
    "above the tier, all but one cached": (LUNA, used(input=1, cache_read=272_000, output=1000), "0.0061902"),
    "below the tier, written for an hour": (
        HAIKU,
        used(input=1, cache_write_1h=99_998, output=1),
        "0.0200002",
    ),
    "above the tier, written for five minutes": (HAIKU, used(input=1, cache_write_5m=100_000), "0.0625005"),
    # 1.25 in, 10 out; above 200,000 tokens 2.50 and 15, .25 for what is read from the cache
    "just below a third vendor's tier": (
        "gemini/gemini-2.5-pro",
        used(input=199_999, output=1000),
        "0.25999875",
    ),
    "at a third vendor's tier": ("gemini/gemini-2.5-pro", used(input=200_000, output=1000), "0.26"),
    "above a third vendor's tier": ("gemini/gemini-2.5-pro", used(input=200_001, output=1000), "0.5150025"),
    "above it by what was cached": (
        "gemini/gemini-2.5-pro",
        used(input=1, cache_read=200_000, output=1000, reasoning=500),
        "0.0650025",
    ),
    "an input without an answer": (LUNA, used(input=1000), "0.0001"),
    "an answer without an input": (LUNA, used(output=1000), "0.0005"),
    "retired: 8 in, 24 out": ("anthropic/claude-2.1", used(input=1000, output=1000), "0.032"),
    "retired: 30 in, 60 out": ("openai/gpt-4-0314", used(input=1000, output=1000), "0.09"),
    "retired, with a cache: 15, 1.50, 18.75, 75": (
        "anthropic/claude-3-opus-20240229",
        used(input=1000, cache_read=1000, cache_write_5m=1000, output=1000),
        "0.11025",
    ),
    "a dated snapshot": ("anthropic/claude-sonnet-5-5-20260901", used(input=1000, output=500), "0.007"),
    "a model that is retired": (
        "anthropic/claude-3-5-sonnet-20241022",
        used(input=1000, output=1000),
        "0.018",
    ),
    "an older model": ("openai/gpt-4o", used(input=1000, cache_read=1000, output=1000), "0.01375"),
    "one more retired": ("openai/gpt-3.5-turbo", used(input=1000, output=1000), "0.002"),
    "Google's prefix": ("gemini/models/gemini-3.8-flash", used(input=1000, output=1000), "0.0045"),
    "through a reseller": ("openrouter/anthropic/claude-sonnet-5.5", used(input=1000, output=500), "0.007"),
    "another name of the provider": ("google/gemini-3.8-flash", used(input=1000, output=1000), "0.0045"),
}


@pytest.mark.parametrize(("name", "usage", "dollars"), CASES.values(), ids=CASES)
def test_a_call_costs_what_a_hand_calculation_says(name, usage, dollars):
    provider, _, model = name.partition("/")
    cost = cost_of(usage, provider=provider, model=model, at=NOW)
    assert cost.amount == Decimal(dollars)
    assert (cost.source, cost.currency, cost.estimated, cost.note) == ("genai-prices", "USD", False, "")
    assert cost.price_date >= "2026-11"


@pytest.mark.parametrize(
    ("model", "provider", "when", "dollars"),
    [
        ("gemini-3.8-flash", "gemini", day(2026, 12, 31), "0.0045"),
        ("gemini-3.8-flash", "gemini", datetime(2026, 12, 31, 23, 59, 59, 999_999, UTC), "0.0045"),
        ("gemini-3.8-flash", "gemini", day(2027, 1, 1, hour=0), "0.009"),
        # Midnight is UTC's, wherever one is: it is 2027 in Berlin, and still 2026 in New York.
        (
            "gemini-3.8-flash",
            "gemini",
            datetime(2027, 1, 1, 0, 59, tzinfo=ZoneInfo("Europe/Berlin")),
            "0.0045",
        ),
        (
            "gemini-3.8-flash",
            "gemini",
            datetime(2026, 12, 31, 19, tzinfo=ZoneInfo("America/New_York")),
            "0.009",
        ),
        ("o3", "openai", day(2025, 6, 9), "0.05"),
        ("o3", "openai", day(2025, 6, 10), "0.01"),
        ("gpt-5.6-luna", "openai", day(2026, 7, 29), "0.007"),
        ("gpt-5.6-luna", "openai", day(2026, 7, 30), "0.0014"),
        ("deepseek-v4-flash", "deepseek", day(2026, 11, 20, hour=12), "0.00075"),
        ("deepseek-v4-flash", "deepseek", day(2026, 11, 20, hour=2), "0.0015"),
    ],
)
def test_the_price_is_that_of_the_moment_of_the_call(model, provider, when, dollars):
    usage = used(input=1000, output=1000)
    assert cost_of(usage, provider=provider, model=model, at=when).amount == Decimal(dollars)


def test_two_calls_cost_less_than_one_of_their_summed_tokens():
    half, whole = used(input=60_000, output=10), used(input=120_000, output=20)
    one = cost_of(half, provider="anthropic", model="claude-haiku-5-5", at=NOW).amount
    both = cost_of(whole, provider="anthropic", model="claude-haiku-5-5", at=NOW).amount
    assert both > 2 * one


# -- unknown is unknown ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("provider", "model", "usage", "base_url", "why"),
    [
        ("openai", "gpt-99", used(input=1), None, "openai/gpt-99"),
        ("nobody", "gpt-4o", used(input=1), None, "'nobody'"),
        ("ollama", "llama3.3", used(input=1), "http://127.0.0.1:11434/v1", "127.0.0.1:11434"),
        ("openai", "llama3.3", used(input=1), "https://user:pw@llm.example/v1", "llm.example"),
        ("anthropic", "claude-sonnet-5-5", Usage(output=5, source="provider"), None, "input"),
        ("anthropic", "claude-sonnet-5-5", Usage(input=5, source="provider"), None, "output"),
        ("anthropic", "claude-sonnet-5-5", Usage(), None, "input"),
        ("xai", "grok-voice-latest", used(input=1000), None, "by the token"),
        ("sim", "gpt-99", used(input=1), None, "gpt-99"),
    ],
)
def test_an_unknown_cost_is_none_and_says_why(provider, model, usage, base_url, why):
    cost = cost_of(usage, provider=provider, model=model, at=NOW, base_url=base_url)
    assert cost.amount is None
    assert cost.source == "unknown"
    assert why in cost.note
    assert "pw" not in cost.note


def test_a_service_tier_without_a_price_gives_the_standard_price_as_an_estimate():
    usage = used(input=10_000, output=1000, service_tier="turbo")
    cost = cost_of(usage, provider="openai", model="gpt-6-luna", at=NOW)
    assert (cost.amount, cost.estimated) == (Decimal("0.0015"), True)
    assert "'turbo'" in cost.note


def test_a_tier_is_not_priced_before_it_had_a_price():
    usage = used(input=10_000, output=1000, service_tier="flex")
    cost = cost_of(usage, provider="openai", model="gpt-6-luna", at=day(2026, 10, 11))
    assert cost.estimated
    assert "'flex'" in cost.note


def test_estimated_usage_makes_an_estimated_cost():
    usage = used(input=1000, output=500, source="estimated")
    cost = cost_of(usage, provider="anthropic", model="claude-sonnet-5-5", at=NOW)
    assert (cost.amount, cost.estimated) == (Decimal("0.007"), True)


def test_parts_greater_than_their_whole_do_not_spoil_the_price():
    usage = used(input=1000, output=500, reasoning=900, input_audio=5000)
    cost = cost_of(usage, provider="gemini", model="gemini-3.8-flash", at=NOW)
    assert cost.amount == Decimal("0.002625")


# -- whose address it is --------------------------------------------------------------------------


def test_the_address_decides_whose_prices_count():
    usage = used(input=10_000, output=1000)
    cost = cost_of(
        usage, provider="mine", model="openai/gpt-oss-120b", at=NOW, base_url="https://api.groq.com/openai/v1"
    )
    assert (cost.amount, cost.estimated) == (Decimal("0.0021"), False)


@pytest.mark.parametrize("base_url", ["http://127.0.0.1:4000/v1", "https://llm.example.org/v1"])
def test_a_closed_model_behind_a_gateway_costs_its_list_price_as_an_estimate(base_url):
    usage = used(input=1000, output=500)
    cost = cost_of(usage, provider="corp", model="claude-sonnet-5-5", at=NOW, base_url=base_url)
    assert (cost.amount, cost.estimated) == (Decimal("0.007"), True)
    assert "may charge otherwise" in cost.note


@pytest.mark.parametrize(
    ("provider", "base_url"),
    [
        ("openai", "https://api.openai.com/v1"),
        ("anthropic", "https://api.anthropic.com"),
        ("gemini", "https://generativelanguage.googleapis.com"),
        ("xai", "https://api.x.ai/v1"),
        ("groq", "https://api.groq.com/openai/v1"),
        ("deepseek", "https://api.deepseek.com"),
        ("openrouter", "https://openrouter.ai/api/v1"),
        ("mistral", "https://api.mistral.ai/v1"),
    ],
)
def test_a_provider_at_its_own_address_is_priced_without_caveats(provider, base_url):
    model = {
        "openai": "gpt-6-luna",
        "anthropic": "claude-haiku-5-5",
        "gemini": "gemini-3.8-flash",
        "xai": "grok-4.7",
        "groq": "openai/gpt-oss-120b",
        "deepseek": "deepseek-v4-flash",
        "openrouter": "openai/gpt-6-luna",
        "mistral": "mistral-large-latest",
    }[provider]
    cost = cost_of(used(input=1000, output=10), provider=provider, model=model, at=NOW, base_url=base_url)
    assert cost.amount > 0
    assert not cost.estimated


def test_the_name_asked_for_helps_where_the_name_served_has_no_price():
    usage = used(input=1000, output=500)
    cost = cost_of(usage, provider="anthropic", model="internal-7", asked="claude-sonnet-5-5", at=NOW)
    assert cost.amount == Decimal("0.007")


# -- the provider's own figure --------------------------------------------------------------------


@pytest.mark.parametrize("figure", [Decimal("0.00151"), "0.00151", 0.00151])
def test_the_providers_own_figure_counts(figure):
    cost = cost_of(
        used(input=10_000, output=1000),
        provider="openrouter",
        model="openai/gpt-6-luna",
        at=NOW,
        provider_cost=figure,
    )
    assert (cost.amount, cost.source, cost.note, cost.estimated) == (
        Decimal("0.00151"),
        "provider",
        "",
        False,
    )


def test_a_figure_far_from_the_list_price_is_noted():
    cost = cost_of(
        used(input=10_000, output=1000),
        provider="openrouter",
        model="openai/gpt-6-luna",
        at=NOW,
        provider_cost="0.003",
    )
    assert cost.amount == Decimal("0.003")
    assert "+100%" in cost.note


def test_the_providers_figure_counts_where_no_list_price_is_known():
    cost = cost_of(Usage(), provider="nobody", model="x", at=NOW, provider_cost="0.25")
    assert (cost.amount, cost.source) == (Decimal("0.25"), "provider")


@pytest.mark.parametrize("nonsense", [float("nan"), float("inf"), -1, "dear", True])
def test_a_figure_that_is_no_price_is_not_taken(nonsense):
    cost = cost_of(
        used(input=1000, output=500),
        provider="anthropic",
        model="claude-sonnet-5-5",
        at=NOW,
        provider_cost=nonsense,
    )
    assert (cost.amount, cost.source) == (Decimal("0.007"), "genai-prices")


# -- the user's own prices ------------------------------------------------------------------------


def test_the_users_own_price_comes_first():
    own = {"anthropic/claude-sonnet-5-5": {"input": 1, "output": "5"}}
    cost = cost_of(
        used(input=1000, cache_read=1000, output=500),
        provider="anthropic",
        model="claude-sonnet-5-5",
        at=NOW,
        provider_cost="99",
        overrides=own,
    )
    assert (cost.amount, cost.source) == (Decimal("0.0045"), "override")


def test_a_price_of_ones_own_holds_for_the_name_that_was_asked_for():
    own = {"x/scholar": {"input": 1, "output": 2}, "x/*": {"input": 9, "output": 9}}
    call = {"usage": used(input=1_000_000), "provider": "x", "at": NOW}
    assert cost_of(**call, model="scholar-2026-11-01", asked="scholar", overrides=own).amount == 1
    assert cost_of(**call, model="scholar", asked="best", overrides=own).amount == 1
    assert cost_of(**call, model="other", asked="best", overrides=own).amount == 9
    assert cost_of(**call, model="other", asked="scholar", overrides={"y/*": own["x/*"]}).amount is None


def test_a_pattern_prices_a_whole_provider_and_the_longer_one_wins():
    own = {"ollama/*": {"input": 0, "output": 0}, "ollama/big*": {"input": "2", "output": "2"}}
    small = cost_of(used(input=1000, output=500), provider="ollama", model="llama", at=NOW, overrides=own)
    big = cost_of(used(input=1000, output=500), provider="ollama", model="big-one", at=NOW, overrides=own)
    assert (small.amount, big.amount) == (0, Decimal("0.003"))


def test_a_price_may_be_in_another_currency():
    own = {"x/*": {"input": 1, "output": 1, "currency": "EUR"}}
    assert cost_of(used(input=10), provider="x", model="y", at=NOW, overrides=own).currency == "EUR"


@pytest.mark.parametrize(
    ("price", "word"),
    [
        ({"input": 1}, "output"),
        ({"input": -1, "output": 1}, "input"),
        ({"input": 1, "output": "much"}, "output"),
        ({"input": 1, "output": 1, "prompt": 1}, "prompt"),
    ],
)
def test_a_price_that_makes_no_sense_is_refused(price, word):
    with pytest.raises(ConfigError, match=word):
        cost_of(used(input=10), provider="x", model="y", at=NOW, overrides={"x/y": price})


# -- simulated, and the worst case ----------------------------------------------------------------


@pytest.mark.parametrize("model", ["swift", "sim/swift"])
def test_a_simulated_call_has_a_simulated_price(model):
    cost = cost_of(
        used(input=1000, cache_read=1000, cache_write_5m=1000, output=1000),
        provider="sim",
        model=model,
        at=NOW,
    )
    assert (cost.amount, cost.source) == (Decimal("0.000735"), "simulated")


def test_the_worst_case_writes_the_whole_prompt_to_the_cache_and_answers_to_the_limit():
    cost = worst_case("anthropic", "claude-sonnet-5-5", 10_000, 1000, at=NOW)
    assert (cost.amount, cost.estimated) == (Decimal("0.035"), True)


def test_the_worst_case_knows_the_longest_answer_of_a_known_model():
    cost = worst_case("anthropic", "claude-sonnet-5-5", 0, None, at=NOW)
    assert cost.amount == Decimal("1.28")  # 128,000 tokens


def test_the_worst_case_is_unknown_where_the_answer_has_no_known_limit():
    cost = worst_case("openai", "gpt-99", 10, None, at=NOW)
    assert cost.amount is None
    assert "max_tokens" in cost.note


def test_the_worst_case_is_no_less_than_the_cost():
    worst = worst_case("openai", "gpt-6-luna", 300_000, 1000, at=NOW)
    real = cost_of(used(input=299_000, output=900), provider="openai", model="gpt-6-luna", at=NOW)
    assert worst.amount >= real.amount


def test_importing_the_prices_does_not_import_the_price_list():
    code = "import sys, llmkit.models.prices; print('genai_prices' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
