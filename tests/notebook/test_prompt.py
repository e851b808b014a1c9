"""``{{ expr }}`` becomes a value; every other brace stays what it is."""

from __future__ import annotations

import pytest

from llmkit.core.errors import BadRequest
from llmkit.notebook.prompt import fill


class City:
    def __init__(self):
        self.name = "Oslo"

    def __llm__(self):
        return f"the city of {self.name}"


class Plain:
    pass


NAMES = {
    "x": 2.5,
    "n": 3,
    "name": "Ada",
    "d": {"a:b": 1, "k": {"z": 9}},
    "xs": [1, 2, 3],
    "city": City(),
    "braces": "{{ n }} %%llm {n}",
    "none": None,
}

TABLE = [
    ("Hello {{ name }}", "Hello Ada"),
    ("{{name}}", "Ada"),
    ("{{  name  }}", "Ada"),
    ("{{ n + 1 }}", "4"),
    ("{{ n }}{{ n }}", "33"),
    ("{{ x:.2f }}", "2.50"),
    ("{{ n:>5 }}|", "    3|"),
    ("{{ n:,d }}", "3"),
    ("{{ name:<6 }}|", "Ada   |"),
    ("{{ xs[1:2] }}", "[2]"),
    ('{{ d["a:b"] }}', "1"),
    ('{{ d["a:b"]:03d }}', "001"),
    ('{{ {"q": 1}["q"] }}', "1"),
    ('{{ d["k"] }}', "{'z': 9}"),
    ('{{ {"a": {"b": 1}} }}', "{'a': {'b': 1}}"),
    ("{{ {1:2}}}", "{1: 2}"),
    ("{{ (lambda a: a)(7) }}", "7"),
    ("{{ [i * n for i in xs] }}", "[3, 6, 9]"),
    ("{{ name.upper() }}", "ADA"),
    ("{{ f'{n}!' }}", "3!"),
    ("{{ len(xs) }}", "3"),
    ("{{ city }}", "the city of Oslo"),
    ("{{ none }}", "None"),
    ("{{\nn\n}}", "3"),
    ("{{ braces }}", "{{ n }} %%llm {n}"),
    ("{{ n if n > 2 else 0 }}", "3"),
    ('{"n": {{ n }}}', '{"n": 3}'),
    ('{"n":{{n}}}', '{"n":3}'),
    ("{{{ n }}}", "{3}"),
    ("{{{{ n }}}}", "{{3}}"),
    ("\\{{ n }}", "{{ n }}"),
    ("\\{{ nobody }} and {{ n }}", "{{ nobody }} and 3"),
    ('{"a": 1}', '{"a": 1}'),
    ('{"a": {"b": {}}}', '{"a": {"b": {}}}'),
    ("{}", "{}"),
    ("{{}}", "{{}}"),
    ("{{ }}", "{{ }}"),
    ("{", "{"),
    ("}}", "}}"),
    ("{{ never closed", "{{ never closed"),
    (r"\frac{a}{b}", r"\frac{a}{b}"),
    ('f"{x!r:>{width}}"', 'f"{x!r:>{width}}"'),
    ("const f = ({a, b}: {a: number}) => ({...a})", "const f = ({a, b}: {a: number}) => ({...a})"),
    ("${HOME} $x {0}", "${HOME} $x {0}"),
    ("{v: k for k, v in d.items()}", "{v: k for k, v in d.items()}"),
    ("struct S { int x; };", "struct S { int x; };"),
    ("body { color: red }", "body { color: red }"),
    ("", ""),
    ("no braces at all", "no braces at all"),
    ("%%llm $name !ls", "%%llm $name !ls"),
]


@pytest.mark.parametrize(("template", "sent"), TABLE, ids=range(len(TABLE)))
def test_braces(template, sent):
    assert fill(template, NAMES).text == sent


def test_the_table_of_braces_is_long_enough():
    assert len(TABLE) >= 40


@pytest.mark.parametrize(
    ("template", "what", "why"),
    [
        ("{{ nmae }}", "there is no variable 'nmae'", "Did you mean 'name'?"),
        ("{{ item | upper }}", "there is no variable 'item'", "Nothing was sent."),
        ("{{ 1 / 0 }}", "failed: ZeroDivisionError", "Nothing was sent."),
        ("{{ xs[9] }}", "failed: IndexError", "Nothing was sent."),
        ("{{ #if x }}", "is not a Python expression", "Nothing was sent."),
        ("{{ x = 1 }}", "is not a Python expression", "Nothing was sent."),
        ("{{ name:.2f }}", "that format does not fit", "Nothing was sent."),
        ("{{ len }}", "is a function", "Nothing was sent."),
        ("{{ name.upper }}", "is a function", "Nothing was sent."),
        ("{{ plain }}", "has no words for itself", "Nothing was sent."),
    ],
)
def test_what_can_not_be_filled_in_is_an_error_of_three_lines(template, what, why):
    with pytest.raises(BadRequest) as caught:
        fill(template, {**NAMES, "plain": Plain()})
    assert what in caught.value.what
    assert why in caught.value.why
    assert caught.value.hint
    assert len(str(caught.value).splitlines()) == 3


def test_braces_that_never_close_are_sent_with_a_note():
    filled = fill("a {{ never closed", NAMES)
    assert filled.text == "a {{ never closed"
    assert filled.notes == ("{{ never closed is never closed; it was sent as it is.",)
    assert fill("{{}} {{ }}", NAMES).notes == ()


def test_a_value_is_not_expanded_again():
    assert fill("{{ braces }}", NAMES).text == NAMES["braces"]


def test_a_single_brace_that_names_a_variable_earns_a_hint_and_no_change():
    filled = fill("Hello {name}", NAMES)
    assert filled.text == "Hello {name}"
    assert filled.notes == ("{name} was sent as it is; write {{ name }} to send the variable's value.",)


@pytest.mark.parametrize(
    "template", ["{nobody}", '{"name": 1}', "${name}", "{{ name }}", "{name.x}", "{In}", "{{ f'{name}' }}"]
)
def test_other_single_braces_earn_no_hint(template):
    assert fill(template, {**NAMES, "In": []}).notes == ()


def test_a_key_is_refused_and_not_shown(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "made-up-key-0123456789")
    with pytest.raises(BadRequest, match="holds an API key") as caught:
        fill("use {{ config }}", {"config": {"key": "made-up-key-0123456789"}})
    assert "0123456789" not in str(caught.value)
    assert "0123456789" not in "".join(caught.value._render_traceback_())


def test_hidden_orders_in_data_are_dropped_and_counted():
    filled = fill("{{ s }}", {"s": "hi\U000e0068\U000e0069"})
    assert filled.text == "hi"
    assert "2 invisible tag characters" in filled.notes[0]


def test_a_huge_value_is_cut_with_a_note():
    filled = fill("{{ s }}", {"s": "x" * 300_000})
    assert len(filled.text) == 200_000
    assert "300,000" in filled.notes[0]


def test_the_users_names_are_not_changed():
    names = {"n": 1}
    fill("{{ (m := n + 1) }}", names)
    assert names == {"n": 1}
