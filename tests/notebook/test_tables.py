"""Tables in prompts: capped Markdown with types; whatever is in a cell, it stays a table."""

from __future__ import annotations

import pandas as pd
import polars as pl
import pytest

from llmkit.core.errors import BadRequest
from llmkit.notebook.prompt import fill


def sent(value):
    filled = fill("{{ df }}", {"df": value})
    return filled.text.splitlines(), filled.notes


def test_a_small_table_goes_whole_with_its_types():
    lines, notes = sent(pd.DataFrame({"city": ["Oslo", "Rome"], "x": [1.5, None], "n": [1, 2]}))
    assert lines == [
        "| city (str) | x (float64) | n (int64) |",
        "| --- | --- | --- |",
        "| Oslo | 1.5 | 1 |",
        "| Rome | nan | 2 |",
    ]
    assert notes == ()


def test_a_big_table_is_cut_and_both_sides_are_told():
    lines, notes = sent(pd.DataFrame({f"c{i}": range(1000) for i in range(15)}))
    assert len(lines) == 24
    assert lines[-1] == "(20 of 1,000 rows and 12 of 15 columns shown)"
    assert notes == ("{{ df }}: 20 of 1,000 rows and 12 of 15 columns were sent.",)


def test_a_series_and_an_index_keep_their_names():
    series = pd.Series([1, 2], index=pd.Index(["a", "b"], name="key"), name="count")
    assert sent(series)[0][0] == "| key | count (int64) |"
    assert sent(pd.Series([1.5]))[0] == ["| value (float64) |", "| --- |", "| 1.5 |"]


def test_several_levels_of_labels_are_several_columns():
    index = pd.MultiIndex.from_tuples([("a", 1), ("b", 2)], names=["letter", None])
    columns = pd.MultiIndex.from_tuples([("x", "min"), ("x", "max")])
    lines, _ = sent(pd.DataFrame([[1, 2], [3, 4]], index=index, columns=columns))
    assert lines == [
        "| letter |  | x / min (int64) | x / max (int64) |",
        "| --- | --- | --- | --- |",
        "| a | 1 | 1 | 2 |",
        "| b | 2 | 3 | 4 |",
    ]


def test_categories_dates_and_missing_values():
    frame = pd.DataFrame(
        {
            "c": pd.Categorical(["a", None]),
            "t": pd.to_datetime(["2026-01-02", None]),
            "i": pd.array([1, None], dtype="Int64"),
        }
    )
    lines, _ = sent(frame)
    assert lines[0].startswith("| c (category) | t (datetime64[")
    assert lines[2] == "| a | 2026-01-02 00:00:00 | 1 |"
    assert lines[3] == "| nan | NaT | <NA> |"


@pytest.mark.parametrize("text", ["x|y", "a\nb", "a\r\nb", "\\|", "| --- |", "w" * 500])
def test_a_cell_can_not_break_its_table(text):
    lines, _ = sent(pd.DataFrame({"a": [text], "b|c": ["z"]}))
    assert len(lines) == 3
    assert {line.replace("\\|", "").count("|") for line in lines} == {3}
    assert len(lines[2]) < 230


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (pd.DataFrame(), "(an empty table: 0 rows × 0 columns)"),
        (
            pd.DataFrame({"a": pd.Series([], dtype="int64")}),
            "(an empty table: 0 rows × 1 columns; columns: a (int64))",
        ),
        (pl.DataFrame({"a": []}), "(an empty table: 0 rows × 1 columns; columns: a (Null))"),
    ],
)
def test_an_empty_table_says_so(value, said):
    assert sent(value) == ([said], ())


def test_columns_of_the_same_name_stay_apart():
    lines, _ = sent(pd.DataFrame([[1, 2]], columns=["a", "a"]))
    assert lines[2] == "| 1 | 2 |"


def test_polars_tables_series_and_plans():
    frame = pl.DataFrame({"city": ["Oslo", None], "x": [1.5, 2.0]})
    whole = ["| city (String) | x (Float64) |", "| --- | --- |", "| Oslo | 1.5 |", "| None | 2 |"]
    assert sent(frame)[0] == whole
    assert sent(frame.lazy())[0] == whole
    assert sent(frame["x"])[0] == ["| x (Float64) |", "| --- |", "| 1.5 |", "| 2 |"]
    lines, notes = sent(pl.DataFrame({f"c{i}": range(30) for i in range(13)}))
    assert lines[-1] == "(20 of 30 rows and 12 of 13 columns shown)"
    assert notes


@pytest.mark.parametrize("kind", [pd.DataFrame, pl.DataFrame])
def test_a_key_in_a_table_is_refused(monkeypatch, kind):
    monkeypatch.setenv("OPENAI_API_KEY", "made-up-key-0123456789")
    with pytest.raises(BadRequest, match="holds an API key"):
        sent(kind({"a": ["made-up-key-0123456789"]}))


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("Use {{ df }} as context.", "Use\n\nTABLE\n\nas context."),
        ("A {{ df }} B {{ df }}", "A\n\nTABLE\n\nB\n\nTABLE"),
        ("{{ df }}", "TABLE"),
        ("```\n{{ df }}\n```", "```\nTABLE\n```"),
        ("Look:\n  {{ df }}\nand think", "Look:\n  TABLE\nand think"),
    ],
)
def test_a_table_in_a_sentence_gets_lines_of_its_own(template, expected):
    frame = pd.DataFrame({"a": [1]})
    assert fill(template, {"df": frame}).text == expected.replace("TABLE", "| a (int64) |\n| --- |\n| 1 |")
