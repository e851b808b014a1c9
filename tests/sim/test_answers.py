"""What the simulated models say: to the point where they can, graceful where they can't, always the same."""

from __future__ import annotations

import json
import random
from dataclasses import replace

import jsonschema
import pytest

from llmkit.sim import MODELS
from llmkit.sim.answers import answer, flow
from llmkit.sim.exchange import Ask, Call, Tool, Turn
from llmkit.sim.labels import arithmetic, choose, listed, sentiment
from llmkit.sim.models import find
from llmkit.sim.schemas import example
from llmkit.sim.tokens import count, split


def asked(prompt: str, model: str = "sim/sage", **more) -> Ask:
    more.setdefault("turns", (Turn("user", prompt),))
    return Ask("openai.chat", model, find(model), **more)


def said(prompt: str, model: str = "sim/sage", **more) -> str:
    return answer(asked(prompt, model, **more)).text


@pytest.mark.parametrize(
    ("prompt", "part"),
    [
        ("Why is the sky blue?", "Rayleigh"),
        ("Explain recursion", "base case"),
        ("How does photosynthesis work?", "chlorophyll"),
        ("What is gravity?", "Einstein"),
        ("How does a neural network learn?", "token"),
        ("What is overfitting?", "cross-validation"),
        ("Write a haiku about autumn rain", "autumn rain"),
        ("Write a Python function that checks whether a number is prime", "def is_prime"),
        ("Write a function that counts vowels", "```python"),
        ("Write a SQL query for sales by month", "GROUP BY month"),
        ("Translate to German: Hello world", "Hallo Welt"),
        ("Compare tea and coffee", "| | tea | coffee |"),
        ("What's the difference between TCP and UDP?", "**UDP**"),
        ("Return JSON about cats", '"topic"'),
        ("What is the capital of Norway?", "Oslo"),
        ("List capitals of Europe", "|---|---|"),
        ("Which capitals do you know?", "|---|---|"),
        ("Give me 4 ideas for a garden party", "4. "),
        ("Tell me a story about a dragon", "dragon"),
        ("Write an email to my landlord about the roof", "**Subject:**"),
        ("Who are you?", "simulated"),
        ("Hello!", "?"),
        ("Count to 5", "1, 2, 3, 4, 5"),
        ("Say hello world", "hello world"),
        ("Extract all emails: write to ann@x.org", "ann@x.org"),
        ("Tell me about the economy of small islands", "small islands"),
    ],
)
def test_known_kinds_of_prompts_get_fitting_answers(prompt, part) -> None:
    assert part in said(prompt)


@pytest.mark.parametrize(
    ("prompt", "exactly"),
    [
        ("What is 2+2?", "2+2 = **4**"),
        ("What is (3 + 4) * 5?", "(3 + 4) * 5 = **35**"),
        ("What is 17 * 23? Only the number.", "391"),
        ("Classify the sentiment: I loved every minute", "positive"),
        ("Classify as positive, negative or neutral: The parcel came on Monday", "neutral"),
        ("Is this review positive or negative? The battery died and support was rude.", "negative"),
        ("Classify the ticket as billing, technical or other: I was charged twice", "billing"),
        ("Rate this review from 1 to 5: awful, broken, a waste", "1"),
        ("Yes or no: did they like it? It was wonderful", "yes"),
    ],
)
@pytest.mark.parametrize("model", ["sim/swift", "sim/scholar", "sim/poet"])
def test_some_answers_are_exact_in_every_style(prompt, exactly, model) -> None:
    assert said(prompt, model) == exactly


@pytest.mark.parametrize("model", [name for name in MODELS if name != "sim/bench"])
@pytest.mark.parametrize("prompt", ["", " ", "?", "…", "x" * 5000, "日本語で話して", "{}[]()\\", "🎉"])
def test_odd_prompts_get_some_answer(model, prompt) -> None:
    assert said(prompt, model).strip()


@pytest.mark.parametrize(
    "prompt", ["What is the capital of Freedonia?", "How do I raise capital for a startup?"]
)
def test_a_capital_that_is_not_known_is_no_reason_to_list_others(prompt) -> None:
    assert "| Country |" not in said(prompt)


def test_a_table_is_summed_up_by_its_rows_columns_and_numbers() -> None:
    told = said(
        "Summarise this table:\n\n| shop (str) | sold (int64) |\n| --- | --- |\n| Oslo | 3 |\n| Bergen | 12 |"
    )
    assert told.startswith("In short: a table of 2 rows, with `shop`, `sold`.")
    assert "`sold` goes from 3 to 12." in told


def test_good_is_told_from_bad_by_the_text_and_not_by_the_question() -> None:
    assert choose(["good", "bad"], "Classify as good or bad: Broke on day two, terrible.") == "bad"
    assert choose(["good", "bad", "mixed"], "Great in rain, love it.") == "good"


def test_the_characters_differ() -> None:
    texts = {name: said("Why is the sky blue?", name) for name in MODELS}
    assert len(texts["sim/swift"]) < len(texts["sim/sage"]) < len(texts["sim/scholar"])
    assert "```" in texts["sim/coder"]
    assert json.loads(texts["sim/json"])["topic"]
    assert "*In prose:*" in texts["sim/poet"]


@pytest.mark.parametrize("system", ["Be terse.", "Answer in one sentence", "short answers only"])
def test_a_wish_for_brevity_is_heard(system) -> None:
    assert said("Why is the sky blue?", "sim/scholar", system=system) == said(
        "Why is the sky blue?", "sim/swift"
    )


def test_the_same_request_gets_the_same_answer_and_the_seed_matters() -> None:
    prompts = [f"Write a haiku about rain number {i}" for i in range(12)]
    first = [answer(asked(p), seed=1) for p in prompts]
    assert first == [answer(asked(p), seed=1) for p in prompts]
    assert first != [answer(asked(p), seed=2) for p in prompts]
    assert first != [answer(asked(p, seed=7), seed=1) for p in prompts]


def test_it_remembers_the_conversation() -> None:
    turns = (Turn("user", "Hi, my name is Ada"), Turn("assistant", "Hello"), Turn("user", "What is my name?"))
    assert said("", turns=turns) == "Your name is **Ada**."
    turns = (Turn("user", "My name is Bo."), Turn("assistant", "Hello"), Turn("user", "What is my name?"))
    assert said("", turns=turns) == "Your name is **Bo**."
    turns = (Turn("user", "I like tea"), Turn("assistant", "Good"), Turn("user", "What did I just say?"))
    assert "I like tea" in said("", turns=turns)


# -- limits -----------------------------------------------------------------------------------


def test_a_token_limit_is_kept() -> None:
    made = answer(asked("Why is the sky blue?", max_tokens=7))
    assert (count(made.text), made.stop, made.count.output) == (7, "length", 7)
    assert said("Why is the sky blue?").startswith(made.text)


def test_thinking_uses_up_the_limit_first() -> None:
    made = answer(asked("Why is the sky blue?", think=True, max_tokens=5))
    assert made.text == ""
    assert made.count.reasoning == made.count.output == 5
    assert made.stop == "length"


def test_a_stop_sequence_ends_the_answer_before_itself() -> None:
    made = answer(asked("Count to 9", stop=("7", "5")))
    assert (made.text, made.stop, made.stop_sequence) == ("1, 2, 3, 4, ", "stop_sequence", "5")


def test_effort_makes_thinking_longer() -> None:
    thoughts = [
        answer(asked("Why?", think=True, effort=e)).count.reasoning for e in ("low", "medium", "high", "max")
    ]
    assert thoughts == sorted(set(thoughts))
    assert answer(asked("Why?")).thinking == ""


@pytest.mark.parametrize("tokens", [0, 1, 17, 500])
def test_a_bench_answer_has_exactly_so_many_tokens(tokens) -> None:
    made = answer(asked("x", f"sim/bench:tokens={tokens}"))
    assert made.count.output == tokens
    assert made.text == flow(tokens)


# -- tools ------------------------------------------------------------------------------------

CITY = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
WEATHER = Tool("get_weather", "The weather of a city", CITY)
SUM = Tool("calculate", "Adds up", {"type": "object", "properties": {"expression": {"type": "string"}}})


def test_a_tool_is_called_when_the_prompt_is_about_it() -> None:
    made = answer(asked("What is the weather in Oslo?", tools=(SUM, WEATHER)))
    assert [(c.name, c.parsed) for c in made.calls] == [("get_weather", {"city": "Oslo"})]
    assert (made.stop, made.text) == ("tool_calls", "")


def test_a_tool_is_not_called_when_the_prompt_is_about_something_else() -> None:
    assert not answer(asked("Why is the sky blue?", tools=(WEATHER,))).calls
    assert not answer(asked("What is the weather in Oslo?", tools=(WEATHER,), tool_choice="none")).calls


def test_several_are_called_at_once_where_that_is_allowed() -> None:
    many = asked("The weather in Oslo, Paris and Rome?", tools=(WEATHER,))
    assert [c.parsed["city"] for c in answer(many).calls] == ["Oslo", "Paris", "Rome"]
    assert len(answer(replace(many, parallel=False)).calls) == 1


def test_a_tool_that_must_be_called_is_called() -> None:
    assert answer(asked("Hello", tools=(WEATHER, SUM), tool_choice="any")).calls
    assert answer(asked("Hello", tools=(WEATHER, SUM), tool_choice="calculate")).calls[0].name == "calculate"
    assert answer(asked("Hello", "sim/tooler", tools=(WEATHER,))).calls


def test_results_are_answered_with_and_not_called_for_again() -> None:
    turns = (
        Turn("user", "The weather in Oslo?"),
        Turn("assistant", calls=(Call("get_weather", '{"city":"Oslo"}', "c1"),)),
        Turn("tool", results=(("c1", "minus four"),)),
    )
    made = answer(asked("", "sim/tooler", turns=turns, tools=(WEATHER,)))
    assert not made.calls
    assert "minus four" in made.text
    assert "Oslo" in made.text


# -- schemas ----------------------------------------------------------------------------------

SCHEMAS = [
    {"type": "object", "properties": {"a": {"type": "integer", "minimum": 3, "maximum": 4}}, "required": ["a"]},
    {"type": "object", "properties": {"a": {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1}}, "required": ["a"]},
    {"type": "object", "properties": {"a": {"type": "integer", "multipleOf": 7, "minimum": 1}}, "required": ["a"]},
    {"type": "array", "items": {"type": "string"}, "minItems": 3, "maxItems": 5, "uniqueItems": True},
    {"type": "object", "properties": {"x": {"anyOf": [{"type": "null"}, {"type": "string", "maxLength": 4}]}}, "required": ["x"]},
    {"type": "object", "properties": {"x": {"type": ["string", "null"], "enum": ["red", "blue", None]}}},
    {"$defs": {"P": {"type": "object", "properties": {"n": {"type": "string", "minLength": 30}}, "required": ["n"]}}, "type": "array", "items": {"$ref": "#/$defs/P"}, "minItems": 1},
    {"allOf": [{"type": "object", "properties": {"a": {"const": 5}}, "required": ["a"]}, {"properties": {"b": {"type": "boolean"}}, "required": ["b"]}]},
    {"type": "object", "properties": {"when": {"type": "string", "format": "date"}, "id": {"type": "string", "pattern": "^[A-Z]+-\\d+$"}}, "required": ["when", "id"]},
    {"type": "object", "additionalProperties": {"type": "integer"}},
    {"type": "array", "prefixItems": [{"type": "string"}, {"type": "integer"}], "minItems": 2},
    {"$defs": {"T": {"type": "object", "properties": {"v": {"type": "integer"}, "kids": {"type": "array", "items": {"$ref": "#/$defs/T"}}}, "required": ["v", "kids"], "additionalProperties": False}}, "$ref": "#/$defs/T"},
]  # fmt: skip


@pytest.mark.parametrize("schema", SCHEMAS, ids=range(len(SCHEMAS)))
@pytest.mark.parametrize(
    "prompt", ["", "Alice is 30 and lives in Paris, 75 001", "It was terrible: 3.5 of 10"]
)
def test_json_is_valid_for_its_schema(schema, prompt) -> None:
    jsonschema.validate(example(schema, prompt, random.Random(1)), schema)


def test_values_come_from_the_prompt_where_they_fit() -> None:
    schema = {
        "type": "object",
        "properties": {
            "name": {"type": "string"},
            "age": {"type": "integer"},
            "city": {"type": "string"},
            "sentiment": {"enum": ["positive", "negative"]},
        },
    }
    made = example(schema, "Bob, a man named Bob, is 41, lives in Rome and loves it", random.Random(1))
    assert made == {"name": "Bob", "age": 41, "city": "Rome", "sentiment": "positive"}


# -- labels and tokens ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "mood"),
    [
        ("Absolutely wonderful, would buy again", "positive"),
        ("Not good at all", "negative"),
        ("I don't regret it", "positive"),
        ("It is a chair.", "neutral"),
        ("Great screen but terrible, awful battery", "negative"),
    ],
)
def test_moods_are_told(text, mood) -> None:
    assert sentiment(text)[0] == mood


def test_labels_are_read_from_the_instruction() -> None:
    assert listed("Classify into one of: sports, politics, business.") == ["sports", "politics", "business"]
    assert listed("Label it as positive/negative/neutral.") == [
        "positive",
        "negative",
        "neutral",
    ]
    assert choose(["sports", "politics"], "The team won the match") == "sports"


@pytest.mark.parametrize("text", ["call 555-1234-99", "in 2024-11-20", "1/0", "9**9**9**9", "nothing"])
def test_what_is_no_sum_is_not_computed(text) -> None:
    assert arithmetic(text) is None


@pytest.mark.parametrize(
    "text", ["", "Hello, world!", "  x\n\n y", "日本語テキスト", "a_b__c 1234567 é🎉", "\x00\t"]
)
def test_tokens_lose_nothing(text) -> None:
    assert "".join(split(text)) == text


def test_a_token_is_about_four_characters() -> None:
    prose = said("Why is the sky blue?", "sim/scholar")
    assert 3 < len(prose) / count(prose) < 5.5
