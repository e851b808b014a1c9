"""What an answer should look like, and what it is made into."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from llmkit.core.errors import BadRequest, LLMKitError
from llmkit.core.messages import Message
from llmkit.core.reply import Reply
from llmkit.notebook.formats import shape_of, value_of

SCHEMA = {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]}


@dataclass
class Place:
    name: str
    people: int


def said(text):
    return Reply(Message.assistant(text))


def test_a_dataclass_is_a_schema_and_reads_the_answer():
    pytest.importorskip("pydantic", reason="types as schemas need pydantic")
    shape = shape_of("Place", {"Place": Place})
    assert set(shape.schema["properties"]) == {"name", "people"}
    assert value_of(said('{"name": "Oslo", "people": 7}'), "json", shape) == Place("Oslo", 7)
    with pytest.raises(LLMKitError, match="does not follow the schema"):
        value_of(said('{"name": "Oslo"}'), "json", shape)


@pytest.mark.parametrize("given", [{"n": 1}, {"type": {1}}, 5, int, "name wibble"])
def test_what_is_no_schema_is_refused(given):
    with pytest.raises(BadRequest, match=r"can.t be used as --schema|needs pydantic"):
        shape_of("s", {"s": given})


@pytest.mark.parametrize(
    ("text", "shape"),
    [('[{"a": 1}, {"a": 2}]', (2, 1)), ('{"rows": [{"a": 1}]}', (1, 1)), ('{"a": [1, 2], "b": [3, 4]}', (2, 2)), ('{"a": 1}', (1, 1))],
)  # fmt: skip
def test_json_becomes_a_table(text, shape):
    assert value_of(said(text), "df").shape == shape


@pytest.mark.parametrize(("text", "wanted"), [("no json", "json"), ("no json", "df"), ("5", "df")])
def test_an_answer_that_is_not_like_that_is_told(text, wanted):
    with pytest.raises(LLMKitError, match="_llm"):
        value_of(said(text), wanted)


def test_code_is_what_stands_in_the_fences():
    assert value_of(said("So:\n```python\nx = 1\n```\nDone."), "code") == "x = 1"


def test_a_schema_makes_json_and_the_value_lies_beside_the_reply(kernel):
    kernel.run(f"schema = {SCHEMA!r}")
    assert kernel.run("%%llm sim/swift --schema schema -o place\nName a place.").status == "ok"
    assert kernel.value("place is _llm, place_value is _llm_value, list(_llm_value)") == (
        True,
        True,
        ["name"],
    )


def test_an_answer_that_does_not_follow_its_schema_is_kept_and_told(kernel):
    kernel.run(f"schema = {SCHEMA!r}")
    ran = kernel.run("%%llm sim/swift@length=1 --schema schema -o place\nName a place.")
    assert ran.error["ename"] == "SchemaError"
    assert ran.error["evalue"].endswith("Raise max_tokens. What came is in place.")
    assert kernel.value("place.text != ''") is True


def test_code_goes_into_the_next_cell_and_is_not_run(kernel):
    cell = kernel.send("%%llm sim/coder -f code\nWrite a SQL query: the total of each category.")
    kernel.wait_for_idle(cell)
    while (message := kernel.client.get_shell_msg(timeout=60))["parent_header"].get("msg_id") != cell:
        pass
    (payload,) = message["content"]["payload"]
    assert payload["source"] == "set_next_input"
    assert payload["text"] == kernel.value("_llm_value")
    assert "SELECT" in payload["text"]
    assert "```" not in payload["text"]


def test_text_is_printed_once(kernel):
    ran = kernel.run("%%llm sim/swift -f text\nWhat is the capital of Norway?")
    assert ran.stdout == "The capital of Norway is **Oslo**.\n"
    assert ran.outputs == []


def test_an_answer_that_is_not_json_is_kept_and_told(kernel):
    ran = kernel.run("%%llm sim/swift -f json -o place\nWhat is the capital of Norway?")
    assert "not JSON" in "".join(ran.error["traceback"])
    assert kernel.value("'Oslo' in place.text") is True
    assert kernel.run("%%llm sim/swift --schema nothing\nhi").error["ename"] == "BadRequest"
    assert "-f" in kernel.run("%%llm sim/swift -f xml\nhi").stderr
