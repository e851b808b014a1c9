"""How a reply looks once it is there: in plain text, in Markdown, and in HTML that stands alone."""

from __future__ import annotations

from decimal import Decimal

import pytest

from llmkit.core.messages import Message, OpaquePart, TextPart, ThinkingPart, ToolCallPart
from llmkit.core.reply import Reply, StopReason, Timing
from llmkit.core.usage import Cost, Usage
from llmkit.notebook.static import footer, reply_bundle

WHOLE = Reply(
    Message.assistant("**Because** of *scattering*."),
    stop_reason=StopReason("stop"),
    usage=Usage(input=12, output=240, source="provider"),
    cost=Cost(Decimal("0.00123"), source="genai-prices"),
    timing=Timing(ttft=0.4, duration=2.4),
    model="a-model",
)


def test_plain_text_is_the_answer_itself_then_a_footer():
    assert reply_bundle(WHOLE)["text/plain"] == (
        "**Because** of *scattering*.\n\n— a-model · 12 → 240 tokens · 2.4 s · 120 tok/s · $0.00123"
    )


def test_a_reply_shows_itself_in_all_three_forms():
    assert set(WHOLE._repr_mimebundle_()) == {"text/plain", "text/markdown", "text/html"}


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({}, "a-model · 12 → 240 tokens · 2.4 s · 120 tok/s · $0.00123"),
        ({"usage": Usage(input=12, output=240, source="estimated")}, "~12 → ~240 tokens"),
        ({"usage": Usage(output=240, source="provider")}, "? → 240 tokens"),
        ({"cost": Cost()}, "· unpriced"),
        ({"cost": Cost(Decimal("0.5"), estimated=True)}, "· ~$0.50"),
        ({"simulated": True}, "· simulated"),
        ({"timing": Timing()}, "a-model · 12 → 240 tokens · $0.00123"),
        ({"model": "\x1b[31mred\u202e"}, "red⟨U+202E⟩ ·"),
    ],
)
def test_the_footer_says_what_is_known_and_no_more(change, says):
    assert says in footer(WHOLE.with_(**change))


def test_unknown_tokens_are_left_out():
    assert "tokens" not in footer(WHOLE.with_(usage=Usage()))


def test_html_stands_alone(look):
    page = look(reply_bundle(WHOLE)["text/html"])
    assert page.faults == []
    assert "<style" not in reply_bundle(WHOLE)["text/html"]
    assert "$0.00123" in "".join(page.words)


def test_colours_are_taken_from_the_page():
    page = reply_bundle(everything())["text/html"]
    for setting in (
        part for piece in page.split('style="')[1:] for part in piece.partition('"')[0].split(";")
    ):
        name, _, value = setting.partition(":")
        if name == "color" or "#" in value:
            assert "var(--" in value, setting


def everything() -> Reply:
    message = Message(
        "assistant",
        (
            ThinkingPart("Let me <b>think</b>."),
            TextPart("The answer."),
            ToolCallPart("1", "look_up", {"q": "<script>alert(1)</script>"}),
            ToolCallPart("2", "<img src=x>", '{"half":'),
        ),
    )
    return WHOLE.with_(message=message, complete=False, notes=("temperature was <left> out",))


def test_thinking_is_folded_tools_are_panels_and_a_partial_answer_says_so(look):
    html = reply_bundle(everything())["text/html"]
    page = look(html)
    words = "".join(page.words)
    assert page.faults == []
    assert "<details" in html
    assert "<details open" not in html
    for said in (
        "Let me <b>think</b>.",
        "look_up",
        "not valid JSON",
        "partial answer",
        "temperature was <left> out",
    ):
        assert said in words


def test_plain_text_tells_of_tools_and_of_what_is_missing():
    plain = reply_bundle(everything())["text/plain"]
    assert "[asks for look_up(" in plain
    assert "■ This is a partial answer." in plain
    assert "Let me" not in plain


@pytest.mark.parametrize("stop", ["max_tokens", "refusal", "content_filter"])
def test_an_answer_that_was_cut_says_why(stop):
    bundle = reply_bundle(WHOLE.with_(stop_reason=StopReason(stop)))
    assert "■" in bundle["text/plain"]
    assert "border-left" in bundle["text/html"]


def test_a_whole_answer_carries_no_mark():
    assert "■" not in reply_bundle(WHOLE)["text/plain"]
    assert "border-left" not in reply_bundle(WHOLE)["text/html"]


def test_a_hostile_reply_is_harmless_in_every_form(hostile, look):
    message = Message(
        "assistant", (ThinkingPart(hostile), TextPart(hostile), ToolCallPart(None, hostile, hostile))
    )
    bundle = reply_bundle(WHOLE.with_(message=message, model=hostile, notes=(hostile,)), hostile)
    assert look(bundle["text/html"]).faults == []
    assert "\x1b" not in "".join(bundle.values())
    assert "\u202e" not in "".join(bundle.values())


@pytest.mark.parametrize(
    ("reply", "name"),
    [
        (Reply(model="luna-1", provider="openai"), "openai/luna-1"),
        (Reply(model="sim/swift", provider="sim"), "sim/swift"),
        (Reply(model="swift@status=401", provider="sim", complete=False), "sim/swift@status=401"),
        (Reply(model="m"), "m"),
    ],
)
def test_the_footer_names_a_model_with_its_provider_whether_it_answered_or_not(reply, name):
    assert footer(reply).startswith(name)


def test_what_the_providers_own_tools_did_stands_before_the_words(look):
    search = {
        "type": "web_search_call", "id": "w", "status": "completed",
        "action": {"query": "<b>sky</b>", "sources": [{"title": "Sky", "url": "https://sky.example/<script>"}]},
    }  # fmt: skip
    parts = (OpaquePart("openai.responses", "web_search_call", search), TextPart("Blue."))
    bundle = reply_bundle(WHOLE.with_(message=Message("assistant", parts)))
    assert bundle["text/plain"].startswith(
        '[web_search(query="<b>sky</b>") → Sky – https://sky.example/<script>]\n\nBlue.'
    )
    page = look(bundle["text/html"])
    assert page.faults == []
    assert bundle["text/html"].index("web_search") < bundle["text/html"].index("Blue.")
    assert "web_search" in bundle["text/markdown"]


def test_a_key_that_a_model_repeats_is_not_kept(monkeypatch):
    key = "made-up-key-0123456789-of-a-test"
    monkeypatch.setenv("OPENAI_API_KEY", key)
    said = f"Your key is {key}, and `{key}`."
    shown = reply_bundle(Reply(Message("assistant", (ThinkingPart(said), TextPart(said))), model=f"m {key}"))
    assert all(key not in form and "Your key is" in form for form in shown.values())
