"""Answers after a schema: whatever it is given as, on every wire, checked, mended once, and seen while they come."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from typing import Any, Literal, TypedDict

import pytest
from pydantic import BaseModel, Field, model_validator

import llmkit
from llmkit.engine.structured import as_shape
from llmkit.engine.structured_check import problems
from llmkit.engine.structured_fit import fit
from llmkit.engine.structured_partial import PartialJson
from llmkit.engine.structured_words import from_words
from llmkit.errors import BadRequest, SchemaError
from llmkit.sim import Simulator


class Person(BaseModel):
    name: str
    age: int = Field(ge=0, le=150)
    mood: Literal["good", "bad"] = "good"


@dataclass
class Place:
    name: str
    people: int


class Book(TypedDict):
    title: str
    pages: int


class Tree(BaseModel):
    name: str
    children: list[Tree] = []


PLAIN = {
    "type": "object",
    "properties": {"name": {"type": "string"}, "n": {"type": "integer"}},
    "required": ["name"],
}
WIRES = ["anthropic", "chat", "responses", "gemini"]


def a_session(url: str) -> llmkit.Session:
    def at(kind: str, path: str = "", **more: Any) -> dict[str, Any]:
        return {"type": kind, "base_url": url + path, "api_key": "k" * 12, **more}

    return llmkit.Session(
        {
            "providers": {
                "anthropic": at("anthropic"),
                "chat": at("openai", "/v1", api="chat"),
                "responses": at("openai", "/v1", api="responses"),
                "gemini": at("gemini"),
                "deepseek": at("deepseek", "/deepseek/v1"),
                "openai": at("openai", "/v1", api="chat"),
            }
        }
    )


@pytest.fixture
def session(simulator: Simulator) -> llmkit.Session:
    simulator.reset()
    return a_session(simulator.url)


def rows(session: llmkit.Session) -> list[Any]:
    return list(session.ledger.rows(simulated=True))


# -- what may be given ----------------------------------------------------------------------------


@pytest.mark.parametrize("wire", WIRES)
@pytest.mark.parametrize(
    ("given", "kind"),
    [(Person, Person), (Place, Place), (Book, dict), (PLAIN, dict), ("name, age int, tags list", dict), (list[Place], list), (Tree, Tree), (dict[str, int], dict)],
    ids=lambda value: getattr(value, "__name__", "schema"),
)  # fmt: skip
def test_whatever_the_schema_is_given_as_the_value_is_one_of_it(session, wire, given, kind) -> None:
    reply = session.ask("Somebody from Oslo.", model=f"{wire}/swift:rate=0,ttft=0", schema=given)
    assert isinstance(reply.data, kind)
    if given == list[Place]:
        assert all(isinstance(item, Place) for item in reply.data)


@pytest.mark.parametrize(
    "given", [5, int, "", "name, name", "name wibble", {"n": 1}, {"type": {1}}, "{no json"]
)
def test_what_is_no_schema_is_refused_before_anything_is_sent(session, simulator, given) -> None:
    with pytest.raises(BadRequest, match="Nothing was sent"):
        session.ask("Who?", model="chat/swift", schema=given)
    assert simulator.requests == []


NOT_A_SCHEMA = [
    ({"a": {"type": "int"}}, "properties.a.type is 'int'"),
    ({"a": {"type": "string", "pattern": "("}}, "properties.a.pattern is no regular expression"),
    ({"a": {"type": "string", "minLength": "3"}}, "properties.a.minLength"),
    ({"a": {"enum": "red, blue"}}, "properties.a.enum must be a list of values"),
    ({"a": {"type": "array", "items": "string"}}, "properties.a.items is no schema, but a str"),
    ({"a": {"anyOf": {"type": "string"}}}, "properties.a.anyOf must be a list of schemas"),
    ({"a": {"type": "object", "required": "x"}}, "properties.a.required must be a list of names"),
    ({"a": {"$ref": "#/$defs/Nobody"}}, "properties.a.$ref points to nothing in it"),
    ({"a": {"$ref": "https://example.com/a.json"}}, "properties.a.$ref points to nothing in it"),
    ([{"type": "string"}], "properties must be schemas by name"),
]


@pytest.mark.parametrize(("properties", "told"), NOT_A_SCHEMA, ids=[told for _, told in NOT_A_SCHEMA])
def test_a_json_schema_that_is_none_is_refused_with_the_place_of_its_fault(properties, told) -> None:
    with pytest.raises(BadRequest) as caught:
        as_shape({"type": "object", "properties": properties})
    assert told in caught.value.why


def test_words_of_a_schema_may_be_names_of_fields() -> None:
    named = {"type": {"type": "string"}, "enum": {"type": "integer"}, "required": {"type": "boolean"}}
    assert as_shape({"type": "object", "properties": named}) is not None


def test_words_make_a_schema() -> None:
    made = from_words("name, age int, mood good|bad, tags list[int], born? date")
    assert made["properties"] == {
        "name": {"type": "string"},
        "age": {"type": "integer"},
        "mood": {"type": "string", "enum": ["good", "bad"]},
        "tags": {"type": "array", "items": {"type": "integer"}},
        "born": {"type": "string", "format": "date"},
    }
    assert made["required"] == ["name", "age", "mood", "tags"]
    lines = from_words("name: the person's name, as written\nage int: in years")
    assert [field.get("description") for field in lines["properties"].values()] == [
        "the person's name, as written",
        "in years",
    ]
    assert from_words("[city, people int]")["items"]["required"] == ["city", "people"]


def test_a_list_is_a_table(session) -> None:
    reply = session.ask("Places.", model="chat/swift:rate=0,ttft=0", schema=list[Place])
    assert list(reply.df.columns) == ["name", "people"]
    assert len(reply.df) == len(reply.data)


def test_a_map_takes_the_same_schemas(session) -> None:
    table = session.map(
        ["Ann", "Bo"], "Who is {text}?", model="chat/swift:rate=0,ttft=0", schema=Place, progress=False
    )
    assert {"name", "people"} <= set(table.columns)
    assert set(table["status"]) == {"ok"}


# -- what is sent ---------------------------------------------------------------------------------


def sent(simulator: Simulator) -> dict[str, Any]:
    (seen,) = simulator.requests
    return dict(seen.json)


def test_each_provider_gets_the_schema_in_its_own_mode_and_its_own_subset(session, simulator) -> None:
    places = {
        "anthropic": ("output_config", "format", "schema"),
        "chat": ("response_format", "json_schema", "schema"),
        "responses": ("text", "format", "schema"),
        "gemini": ("generationConfig", "responseJsonSchema"),
    }
    made = {}
    for wire, path in places.items():
        simulator.reset()
        made[wire] = session.ask("Who?", model=f"{wire}/swift:rate=0,ttft=0", schema=Person)
        schema: Any = sent(simulator)
        for step in path:
            schema = schema[step]
        age = schema["properties"]["age"]
        match wire:
            case "anthropic":
                assert schema["additionalProperties"] is False
                assert "minimum" not in age
                assert "minimum: 0" in age["description"]
                assert "Anthropic does not enforce maximum, minimum" in made[wire].notes[0]
            case "gemini":
                assert (age["minimum"], age["maximum"]) == (0, 150)
            case _:
                assert schema["required"] == ["name", "age", "mood"]
                assert {"type": "null"} in schema["properties"]["mood"]["anyOf"]
                assert made[wire].notes == ()


def test_openai_is_asked_strictly(session, simulator) -> None:
    session.ask("Who?", model="chat/swift:rate=0,ttft=0", schema=Person)
    assert sent(simulator)["response_format"]["json_schema"]["strict"] is True


def test_what_may_be_missing_may_come_as_null_and_is_then_missing() -> None:
    shape = as_shape(Person)
    assert shape is not None
    assert shape.read('{"name": "Bo", "age": 7, "mood": null}') == Person(name="Bo", age=7, mood="good")


def test_references_are_written_out_but_for_a_schema_that_holds_itself(session, simulator) -> None:
    class Pair(BaseModel):
        one: Person
        two: Person

    session.ask("Who?", model="chat/swift:rate=0,ttft=0", schema=Pair)
    assert "$ref" not in json.dumps(sent(simulator))
    simulator.reset()
    session.ask("Which?", model="chat/swift:rate=0,ttft=0", schema=Tree)
    assert "$ref" in json.dumps(sent(simulator))


@pytest.mark.parametrize(
    ("model", "given", "why"),
    [
        ("anthropic/swift", Tree, "takes no schema that holds itself"),
        ("anthropic/swift", dict[str, int], "fields are all named"),
        ("openai/gpt-3.5-turbo", Person, "older than that mode"),
    ],
)
def test_where_there_is_no_mode_for_it_the_schema_is_told_in_words_and_that_is_said(
    simulator, model, given, why
) -> None:
    provider, name = a_session(simulator.url).resolve(model)
    shape = as_shape(given)
    assert shape is not None
    request = llmkit.Request(
        model=name, messages=(llmkit.Message.user("?"),), signal=llmkit.Signal.never(), schema=shape.schema
    )
    fitted, notes = fit(request, provider.wire, provider.dialect, model, in_words=False)
    assert fitted.schema is None
    assert "JSON schema" in str(fitted.system)
    assert why in notes[0]


def test_a_server_that_refuses_schemas_is_told_in_words_from_then_on(session, simulator) -> None:
    model = "chat/json:rate=0,ttft=0@refuse=response_format"
    for _ in range(2):
        reply = session.ask("Who?", model=model, schema=Person)
        assert isinstance(reply.data, Person)
        assert "in words" in reply.notes[0]
    told = ["response_format" in seen.json for seen in simulator.requests]
    assert told == [True, False, False]
    assert "JSON schema" in json.dumps(simulator.requests[-1].json["messages"])


# -- wrong answers --------------------------------------------------------------------------------

RIGHT = '{"name": "Bo", "age": 7, "mood": "bad"}'
WRONG = '{"name": "Bo", "age": "old"}'


@pytest.mark.parametrize("wire", WIRES)
def test_a_wrong_answer_is_asked_for_once_more_with_what_is_wrong(wire) -> None:
    with Simulator().script([WRONG, RIGHT]) as simulator:
        session = a_session(simulator.url)
        reply = session.ask("Who?", model=f"{wire}/swift", schema=Person)
        assert reply.data == Person(name="Bo", age=7, mood="bad")
        assert reply.attempts == 2
        assert any("asked for again" in note for note in reply.notes)
        first, second = (json.dumps(seen.json) for seen in simulator.requests)
        assert "age: Input should be a valid integer" in second
        assert "valid integer" not in first
        assert [row["status"] for row in rows(session)] == ["ok", "ok"]
        assert all(row["input"] for row in rows(session))


def test_an_answer_wrong_twice_is_an_error_that_holds_it() -> None:
    with Simulator().script([WRONG, WRONG]) as simulator, pytest.raises(SchemaError) as caught:
        a_session(simulator.url).ask("Who?", model="chat/swift", schema=Person)
    assert caught.value.partial is not None
    assert caught.value.partial.text == WRONG
    assert "age" in caught.value.why


class Fraction(BaseModel):
    part: int
    whole: int

    @model_validator(mode="after")
    def whole_is_something(self) -> Fraction:
        _ = self.part / self.whole
        return self


@dataclass
class Country:
    code: str

    def __post_init__(self) -> None:
        self.name = {"NO": "Norway"}[self.code]


@pytest.mark.parametrize(
    ("schema", "answer", "told", "right"),
    [
        (Fraction, '{"part": 1, "whole": 0}', "ZeroDivisionError", '{"part": 1, "whole": 2}'),
        (Country, '{"code": "XX"}', "KeyError", '{"code": "NO"}'),
        (list[Country], '{"items": [{"code": "XX"}]}', "KeyError", '{"items": [{"code": "NO"}]}'),
    ],
)
def test_a_validator_that_fails_on_an_answer_is_named_as_the_one_that_failed(
    schema, answer, told, right
) -> None:
    with Simulator().script([answer, answer, answer, right]) as simulator:
        session = a_session(simulator.url)
        with pytest.raises(SchemaError) as caught:
            session.ask("Which?", model="chat/swift", schema=schema)
        assert caught.value.partial.text == answer
        where = "whole_is_something" if schema is Fraction else "__post_init__"
        assert told in caught.value.why
        assert f"in {where}, line" in caught.value.why
        assert "test_structured.py" in caught.value.why
        assert "bug" not in str(caught.value)
        assert session.ask(
            "Which?", model="chat/swift", schema=schema
        ).data  # asked once more, it may go well


def test_no_repair_where_it_is_not_wanted() -> None:
    with Simulator().script([WRONG, RIGHT]) as simulator:
        with pytest.raises(SchemaError):
            a_session(simulator.url).ask("Who?", model="chat/swift", schema=Person, repair=False)
        assert len(simulator.requests) == 1


def test_an_answer_cut_off_by_its_limit_is_told_as_that_and_not_asked_again(session, simulator) -> None:
    with pytest.raises(SchemaError, match="limit of tokens"):
        session.ask("Who?", model="chat/swift:rate=0,ttft=0", schema=Person, max_tokens=3)
    assert len(simulator.requests) == 1


def test_words_and_fences_around_the_json_do_no_harm() -> None:
    shape = as_shape("name, age int")
    assert shape is not None
    for text in ('Sure!\n```json\n{"name": "Bo", "age": 7}\n```\nBye.', 'It is {"name": "Bo", "age": 7}.'):
        assert shape.read(text) == {"name": "Bo", "age": 7}


@pytest.mark.parametrize(
    ("value", "schema", "told"),
    [
        ({}, {"type": "object", "required": ["a"]}, "a: is missing"),
        ({"a": 1}, {"type": "object", "properties": {}, "additionalProperties": False}, "a: is not asked for"),
        ([1, "b"], {"type": "array", "items": {"type": "integer"}}, "[1]: should be integer, is 'b'"),
        ("c", {"enum": ["a", "b"]}, "the answer: should be one of 'a', 'b', is 'c'"),
        (5, {"type": "integer", "maximum": 3}, "the answer: should be ≤ 3, is 5"),
        ("abc", {"type": "string", "maxLength": 2}, "the answer: should have at most 2 characters, has 3"),
        (True, {"type": "integer"}, "the answer: should be integer, is True"),
        ({"p": {"q": 1}}, {"properties": {"p": {"$ref": "#/$defs/P"}}, "$defs": {"P": {"properties": {"q": {"type": "string"}}}}}, "p.q: should be string, is 1"),
        (1, {"anyOf": [{"type": "string"}, {"type": "null"}]}, "the answer: should be string, is 1"),
    ],
)  # fmt: skip
def test_a_plain_schema_is_checked_and_says_where_it_is_wrong(value, schema, told) -> None:
    assert problems(value, schema) == [told]


def test_an_answer_that_is_nested_too_deeply_is_wrong_and_no_fault_of_ours() -> None:
    lists = {"type": "array", "items": {"$ref": "#/$defs/lists"}}
    shape = as_shape({"type": "object", "properties": {"a": lists}, "$defs": {"lists": lists}})
    deep = (
        sys.getrecursionlimit() - 100
    )  # for reading JSON, it depends on the Python whether that is too deep
    with pytest.raises(SchemaError, match=r"nested too deeply|recursion"):
        shape.read('{"a": ' + "[" * deep + "]" * deep + "}")


# -- while it comes -------------------------------------------------------------------------------

WHOLE = {"name": 'B\u00f6 "x" \\ \n \U0001f600', "age": 41, "n": -1.5e3, "ok": True, "no": None,
         "tags": ["a", ["c", {"d": []}]], "o": {}, "list": [{"k": "v"}, {"k": 2}]}  # fmt: skip


def grows(one: Any, other: Any) -> bool:
    match one, other:
        case str(), str():
            return other.startswith(one)
        case list(), list():
            return len(other) >= len(one) and all(map(grows, one, other))
        case dict(), dict():
            return all(key in other and grows(value, other[key]) for key, value in one.items())
        case _:
            return one is None or one == other


@pytest.mark.parametrize("ascii_only", [True, False])
def test_what_was_once_seen_stays_at_every_letter(ascii_only) -> None:
    text = f"Here:\n```json\n{json.dumps(WHOLE, ensure_ascii=ascii_only, indent=1)}\n```"
    draft, last = PartialJson(), None
    for end in range(len(text) + 1):
        now = json.loads(json.dumps(draft.read(text[:end])))
        assert grows(last, now)
        assert PartialJson().read(text[:end]) == now
        last = now
    assert last == WHOLE
    assert draft.complete


def test_a_stream_shows_the_value_as_far_as_it_is_written(session) -> None:
    stream = session.stream("Many places.", model="chat/swift:rate=300,ttft=0", schema=list[Place])
    seen = [json.loads(json.dumps(stream.partial.data)) for _ in stream.batches() if not stream.ended]
    kept = [value for value in seen if value]
    assert all(map(grows, kept, kept[1:]))
    assert stream.reply().data
