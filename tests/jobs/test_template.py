"""Templates: columns and nothing but columns."""

from __future__ import annotations

import pytest

from llmkit.errors import BadRequest
from llmkit.jobs.template import Column, Template

ROW = {"review": "Fine.", "first name": "Ada", "stars": 5, "0": "zero", "größe": "XL"}


@pytest.mark.parametrize(
    ("template", "prompt"),
    [
        ("Classify: {review}", "Classify: Fine."),
        ("Classify: {{review}}", "Classify: Fine."),
        ("Classify: {{ review }}", "Classify: Fine."),
        ("{review}{review}", "Fine.Fine."),
        ("{stars} of {first name}", "5 of Ada"),
        ("{0} {größe}", "zero XL"),
        # every other brace is left as it is
        ('{"label": "{review}"}', '{"label": "Fine."}'),
        ('{"stars": {{stars}}}', '{"stars": 5}'),
        ("{} {review}", "{} Fine."),
        ("{ review } {review}", "{ review } Fine."),
        ("{review!r} {review:>10} {review}", "{review!r} {review:>10} Fine."),
        ("function f() { return 1 } {review}", "function f() { return 1 } Fine."),
        ("{\nreview\n} {review}", "{\nreview\n} Fine."),
        # a backslash means the braces themselves
        (r"\{review} {review}", "{review} Fine."),
        (r"\{unknown} {review}", "{unknown} Fine."),
        (r"\frac{1}{2} {review}", r"\frac{1}{2} Fine."),
    ],
)
def test_columns_are_filled_in_and_every_other_brace_is_left(template, prompt):
    assert Template.read(template, ROW).fill(ROW) == prompt


@pytest.mark.parametrize(
    "reach",
    [
        "{review.__class__}",
        "{review.__class__.__mro__}",
        "{review[0]}",
        "{{review.__class__}}",
        "{{ review.upper() }}",
        "{review.__init__.__globals__[os]}",
        "{{ 1 + 1 }}",
    ],
)
def test_nothing_reaches_into_a_value(reach):
    assert Template.read(reach + "{stars}", ROW).fill(ROW) == reach + "5"


def test_what_a_value_contains_is_not_expanded_again():
    values = {"a": "{b} {{b}} {a.__class__}", "b": "secret"}
    assert Template.read("{a}|{{a}}", values).fill(values) == "|".join([values["a"]] * 2)


@pytest.mark.parametrize(
    ("template", "said"),
    [
        ("{revew}", "Did you mean 'review'?"),
        ("{{star}}", "Did you mean 'stars'?"),
        ("{zzz}", "The columns are review, first name, stars"),
    ],
)
def test_a_column_that_is_not_there_is_refused_with_the_nearest(template, said):
    with pytest.raises(BadRequest, match="there is no column") as caught:
        Template.read(template, ROW)
    assert said in str(caught.value)
    assert "Nothing was sent" in str(caught.value)


@pytest.mark.parametrize("template", ["", "  \n", None, 7])
def test_an_empty_template_is_refused(template):
    with pytest.raises(BadRequest, match="template is empty"):
        Template.read(template, ROW)


def test_lists_and_mappings_are_written_as_json():
    template = Template.read("{x}", ["x"])
    assert template.fill({"x": {"ä": [1, None]}}) == '{"ä": [1, null]}'


def test_it_knows_its_columns_each_once():
    template = Template.read("{stars} {review} {stars}", ROW)
    assert template.columns == ("stars", "review")
    assert template.pieces[0] == Column("stars")
