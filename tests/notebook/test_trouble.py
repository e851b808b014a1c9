"""The last exception as a model reads it: the user's own frames, no key."""

from __future__ import annotations

import json
from types import SimpleNamespace

import pandas as pd
import pytest

from llmkit.core.errors import BadRequest, LLMKitError
from llmkit.notebook.fix import proposed, question, summaries, summary
from llmkit.notebook.prompt import fill
from llmkit.notebook.trouble import NoTrouble, Trouble, Witness, described

KEY = "made-up-key-0123456789"


def raised(function):
    try:
        function()
    except BaseException as error:
        return error
    raise AssertionError("nothing was raised")


def test_type_words_and_the_users_frames():
    text = described(raised(lambda: json.loads("{")))
    assert text.startswith("json.decoder.JSONDecodeError: Expecting property name")
    assert 'File "test_trouble.py"' in text
    assert 'json.loads("{")' in text
    assert "frames of libraries, the last in decoder, in raw_decode" in text


def test_where_it_came_from_is_told():
    def lookup():
        try:
            {}["a"]
        except KeyError as error:
            raise ValueError("no such city") from error

    text = described(raised(lookup))
    assert text.index("ValueError: no such city") < text.index("It came from:") < text.index("KeyError: 'a'")


def test_a_group_tells_what_is_in_it():
    text = described(ExceptionGroup("two", [ValueError("first"), TypeError("second")]))
    assert "- ValueError: first" in text
    assert "- TypeError: second" in text


@pytest.mark.parametrize("key", [KEY, "sk-proj-made0up0123456789abcdef"])
def test_keys_are_masked_also_those_nobody_told_us(monkeypatch, key):
    monkeypatch.setenv("OPENAI_API_KEY", KEY)

    def connect():
        raise ConnectionError(f"refused with {key}")

    text = described(raised(connect))
    assert "refused with •••" in text
    assert key not in text
    assert key not in question(Trouble(raised(connect), f"connect({key!r})"), {})


def test_an_endless_message_and_an_endless_recursion_are_cut():
    def forever():
        forever()

    assert len(described(ValueError("x" * 100_000))) < 3000
    text = described(raised(forever))
    assert "more frames" in text
    assert len(text) < 3000


def test_err_stands_for_it_in_a_prompt():
    trouble = Trouble(ZeroDivisionError("division by zero"))
    assert fill("Why? {{ Err }}", {"Err": trouble}).text == "Why? ZeroDivisionError: division by zero"
    with pytest.raises(BadRequest, match="There was no exception yet"):
        fill("Why? {{ Err }}", {"Err": NoTrouble()})


def test_the_witness_forgets_nothing_for_an_error_of_ours():
    witness = Witness()
    first = ValueError("mine")
    for error in (first, None, LLMKitError("ours"), KeyboardInterrupt()):
        info = SimpleNamespace(raw_cell="x()")
        witness.note_trouble(
            SimpleNamespace(error_in_exec=error, error_before_exec=None, info=info, execution_count=3)
        )
    assert witness.last() == Trouble(first, "x()", 3)


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (pd.DataFrame({"city": ["Oslo"], "x": [1.5]}), "DataFrame, 1 × 2: city (str), x (float64)"),
        (pd.Series([1, 2]), "Series, 2, of int64"),
        ({"a": "Oslo"}, "dict of 1 (str)"),
        ("Oslo", "str of 4 characters"),
        (47, "int"),
        (described, "the function described(error: 'BaseException') -> 'str'"),
        (ValueError, "the class ValueError"),
    ],
)
def test_a_variable_is_told_without_its_value(value, told):
    assert summary(value) == told


def test_only_variables_that_are_spoken_of_are_told():
    assert summaries({"a": 1, "b": 2, "_c": 3, "json": json}, "a + _c + json") == ["- a: int"]


@pytest.mark.parametrize(
    ("answer", "cell"),
    [
        ("So:\n```python\nx = 1\n```", "x = 1"),
        ("```\nold\n```\nbetter:\n```py\nnew\n```\n", "new"),
        ("```bash\npip install x\n```", None),
        ("It is not the cell.", None),
    ],
)
def test_the_last_block_of_python_is_the_proposal(answer, cell):
    assert proposed(answer) == cell
