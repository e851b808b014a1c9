"""Calls of tools as they are shown: short, as text, and safe, whatever a model or a tool has written."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from markdown_it import MarkdownIt

from llmkit.core.events import Done, Text, ToolCall, ToolResult
from llmkit.core.messages import ImagePart, Message, ToolCallPart, ToolResultPart
from llmkit.core.reply import Reply, Step
from llmkit.notebook.live import LiveAnswer
from llmkit.notebook.rounds import ON_A_LINE, SHOWN, Trail, Used, used
from llmkit.notebook.static import reply_bundle

HOSTILE = Path(__file__).parent / "data" / "hostile.jsonl"


def call(name="look", id="1", **arguments):
    return ToolCallPart(id, name, arguments)


def result(text, id="1", name="look", **more):
    return ToolResultPart(id, text, name, **more)


def test_hostile_calls_and_results_are_text_in_every_form(look):
    for hostile in map(json.loads, HOSTILE.read_text("utf-8").splitlines()):
        asked = ToolCallPart("1", hostile[:60], {"x": hostile})
        for each in (Used(asked, result(hostile)), Used(asked), Used(asked, doing=hostile)):
            assert look(each.html()).faults == [], hostile
            assert "\x1b" not in each.plain()
            assert "\u202e" not in each.plain()
            rendered = MarkdownIt("commonmark", {"html": True}).render(each.markdown())
            assert look(rendered).faults == [], hostile


def test_a_result_is_one_line_that_unfolds_to_a_bearable_length(look):
    each = Used(call(), result("word " * 5_000))
    assert len(each.plain()) < 2 * ON_A_LINE + 20
    assert "25,000 characters in all" in each.html()
    assert len(each.html()) < 2 * SHOWN


@pytest.mark.parametrize(
    ("part", "says"),
    [
        (result("2"), "[look(a=1) → 2]"),
        (result("ValueError: no", is_error=True), "[look(a=1) ✗ ValueError: no]"),
        (result("", images=(ImagePart(b"x", "image/png"),)), "[look(a=1) → [1 picture]]"),
        (None, '[asks for look({"a": 1})]'),
    ],
)
def test_a_line_says_what_came_of_it(part, says):
    assert Used(call(a=1), part).plain() == says


def test_keys_are_masked(monkeypatch):
    key = "sk-proj-" + "a1B2" * 12
    monkeypatch.setenv("OPENAI_API_KEY", key)
    each = Used(call(key=key), result(f"It is {key}."))
    for form in (each.html(), each.plain(), each.markdown(), Used(call(key=key)).html()):
        assert "a1B2a1B2" not in form


def test_results_find_their_calls_by_id_and_calls_without_one_by_name_and_order():
    calls = (call(id="a", n=1), call(id="b", n=2), call(id="c", n=3))
    found = used(calls, [result("two", id="b"), result("one", id="a")])
    assert [each.result and each.result.content for each in found] == ["one", "two", None]
    alike = (call(id=None, n=1), call(id=None, n=2))
    found = used(alike, [result("one", id=None), result("two", id=None)])
    assert [each.result.content for each in found] == ["one", "two"]


def test_a_reply_shows_every_round_in_its_order_once():
    first = Reply(Message("assistant", (*Message.assistant("First.").parts, call(city="Oslo"))))
    reply = Reply(Message.assistant("Last."), model="m").with_(
        steps=(Step(first, (result("21 °C"),)), Step(Reply(Message.assistant("Last."))))
    )
    for form in reply_bundle(reply).values():
        at = [form.index(words) for words in ("First.", "look", "21 °C", "Last.", "2 rounds")]
        assert at == sorted(at)
        assert form.count("Last.") == form.count("First.") == 1


def test_what_is_live_shows_rounds_in_the_same_order():
    shown = []

    class Output:
        def show(self, bundle):
            shown.append(bundle["text/html"])

        update = show

    now = [0.0]
    answer = LiveAnswer("m", output=Output(), clock=lambda: now[0])
    answer.start()
    asked = ToolCall("1", "look", {"city": "Oslo"})
    for events in ([Text("First.")], [asked], [ToolResult("1", "look", "21 °C")], [Text("Last.")]):
        now[0] += 1
        answer.take(events)
    assert "running" in shown[2]
    assert "21 °C" not in shown[2]
    at = [shown[4].index(words) for words in ("First.", "look(city=", "21 °C", "Last.")]
    assert at == sorted(at)
    answer.take([Done(Reply())])


def test_a_trail_changes_the_call_that_is_meant():
    trail = Trail()
    for number in ("1", "2"):
        trail.call(ToolCall(number, "look", {"n": number}), "waits")
    trail.doing(ToolCall("2", "look", {"n": "2"}), "running")
    trail.result(ToolResult("1", "look", json.dumps("done")))
    assert trail.html.index("done") < trail.html.index("running")
    assert "waits" not in trail.html
