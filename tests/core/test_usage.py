"""Usage and cost: classes that do not overlap, unknown that stays unknown, exact money."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmkit.core.usage import Cost, Usage

counts = st.none() | st.integers(0, 10**9)
usages = st.builds(
    Usage,
    input=counts,
    cache_read=counts,
    cache_write_5m=counts,
    cache_write_1h=counts,
    output=counts,
    reasoning=counts,
    input_audio=counts,
    output_audio=counts,
    input_image=counts,
    output_image=counts,
    web_searches=counts,
    service_tier=st.none() | st.text(max_size=9),
    source=st.sampled_from(["provider", "estimated", "unknown"]),
)


class TestUsage:
    def test_the_classes_add_up(self):
        used = Usage(input=10, cache_read=5, cache_write_5m=3, cache_write_1h=2, output=7)
        assert used.cache_write == 5
        assert used.total_input == 20
        assert used.total == 27

    def test_reasoning_is_a_part_of_the_output_and_never_added(self):
        assert Usage(input=1, output=7, reasoning=3).total == 8
        assert Usage(output=7, reasoning=3).total_output == 7

    def test_unknown_is_none_and_never_zero(self):
        unknown = Usage()
        assert (unknown.total, unknown.total_input, unknown.total_output, unknown.cache_write) == (None,) * 4

    def test_a_total_with_an_unknown_half_is_unknown(self):
        assert Usage(input=5).total is None
        assert Usage(output=5).total is None

    def test_an_unknown_input_makes_all_that_went_in_unknown(self):
        assert Usage(cache_read=5).total_input is None

    def test_caches_that_were_not_mentioned_count_as_none_used(self):
        assert Usage(input=5).total_input == 5
        assert Usage(cache_write_1h=4).cache_write == 4

    def test_zero_is_a_known_figure(self):
        assert Usage(input=0, output=0).total == 0
        assert Usage(cache_write_5m=0).cache_write == 0

    def test_it_is_of_unknown_source_until_somebody_says(self):
        assert Usage().source == "unknown"

    @given(usages)
    def test_the_total_is_the_sum_of_its_classes(self, used):
        classes = (used.cache_read, used.cache_write_5m, used.cache_write_1h)
        if used.input is not None and used.output is not None:
            assert used.total == used.input + used.output + sum(c or 0 for c in classes)
        else:
            assert used.total is None

    @given(usages)
    def test_it_survives_json(self, used):
        assert Usage.from_json(json.loads(json.dumps(used.to_json()))) == used

    @given(usages)
    def test_json_holds_only_what_is_known(self, used):
        assert None not in used.to_json().values()


class TestCost:
    @pytest.mark.parametrize(
        ("amount", "shown"),
        [
            ("0", "$0"),
            ("0.00", "$0"),
            ("0.0000123", "$0.0000123"),
            ("0.00001234567", "$0.0000123"),
            ("0.0012", "$0.0012"),
            ("0.0123", "$0.0123"),
            ("0.01", "$0.01"),
            ("0.1", "$0.10"),
            ("0.5", "$0.50"),
            ("0.125", "$0.125"),
            ("0.99951", "$1.00"),
            ("1", "$1.00"),
            ("1.2", "$1.20"),
            ("1234.567", "$1234.57"),
            ("1E-7", "$0.0000001"),
        ],
    )
    def test_it_prints_enough_digits_to_mean_something(self, amount, shown):
        assert str(Cost(Decimal(amount))) == shown

    def test_an_estimate_says_so(self):
        assert str(Cost(Decimal("0.5"), estimated=True)) == "~$0.50"

    def test_another_currency_is_named(self):
        assert str(Cost(Decimal("0.5"), currency="EUR")) == "0.50 EUR"

    def test_an_unknown_cost_is_unpriced_and_not_free(self):
        unknown = Cost(note="No price is known for this model.")
        assert not unknown.known
        assert str(unknown) == "unpriced"
        assert unknown != Cost(Decimal(0))

    def test_nothing_is_a_known_cost(self):
        assert Cost(Decimal(0)).known

    @given(st.decimals(min_value=Decimal("1e-9"), max_value=Decimal("1e6"), places=9))
    def test_what_it_prints_is_close_to_what_it_is(self, amount):
        shown = Decimal(str(Cost(amount)).removeprefix("$"))
        assert abs(shown - amount) <= max(amount * Decimal("0.005"), Decimal("1e-12"))

    @given(
        st.builds(
            Cost,
            st.none() | st.decimals(allow_nan=False, allow_infinity=False),
            currency=st.sampled_from(["USD", "EUR"]),
            source=st.sampled_from(["provider", "genai-prices", "override", "simulated", "unknown"]),
            price_date=st.none() | st.dates().map(str),
            estimated=st.booleans(),
            note=st.text(max_size=20),
        )
    )
    def test_it_survives_json_exactly(self, cost):
        back = Cost.from_json(json.loads(json.dumps(cost.to_json())))
        assert back == cost
        assert str(back.amount) == str(cost.amount)
