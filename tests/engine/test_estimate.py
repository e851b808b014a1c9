"""Tokens and cost before anything is sent: guessed, learnt from the ledger, or counted by the provider."""

from __future__ import annotations

import struct
import threading
import zlib
from typing import Any

import asking
import pytest
from asking import Scripted

import llmkit
from llmkit.core.messages import FilePart, ImagePart, Message
from llmkit.engine.estimate import corrected
from llmkit.errors import BadRequest, FirstByteTimeout, MissingKey
from llmkit.models import encodings, vision
from llmkit.sim import Simulator

PRICES = {"chat/*": {"input": 10, "output": 10}}
FAST = "swift:rate=0,ttft=0"
TEXT = "The quick brown fox jumps over the lazy dog, and then it rests for a while. " * 20


@pytest.fixture
def session(simulator: Simulator) -> llmkit.Session:
    simulator.reset()

    def at(kind: str, path: str = "", **more: Any) -> dict[str, Any]:
        return {"type": kind, "base_url": simulator.url + path, "api_key": "k" * 12, **more}

    providers = {
        "anthropic": at("anthropic"),
        "chat": at("openai", "/v1", api="chat"),
        "responses": at("openai", "/v1", api="responses"),
        "gemini": at("gemini"),
    }
    return llmkit.Session({"providers": providers, "prices": PRICES})


def picture(width: int, height: int) -> bytes:
    """A PNG of that size, as far as its header goes."""
    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + struct.pack(">I", 13)
        + b"IHDR"
        + head
        + struct.pack(">I", zlib.crc32(b"IHDR" + head))
    )


def test_nothing_is_sent_for_an_estimate_and_no_row_is_made(session, simulator) -> None:
    found = session.estimate(TEXT, model=f"chat/{FAST}", max_tokens=100)
    assert simulator.requests == []
    assert list(session.ledger.rows(simulated=True)) == []
    assert (found.method, found.exact, found.error) == ("a guess", False, 0.3)
    assert found.low < found.tokens < found.high


def test_the_cost_is_a_range_and_says_what_it_assumes(session) -> None:
    found = session.estimate(TEXT, model=f"chat/{FAST}", max_tokens=100)
    assert "100 tokens of answer" in found.assumption
    assert float(found.least.amount) == pytest.approx(found.low * 1e-5)
    assert float(found.most.amount) == pytest.approx((found.high + 100) * 1e-5)
    assert str(found).startswith(f"chat/{FAST}: ")


def test_what_nobody_knows_the_price_of_is_unpriced(session) -> None:
    found = session.estimate("Why?", model="responses/some-model")
    assert found.least.amount is None
    assert "unpriced" in str(found)


def test_no_key_is_needed_to_guess_but_one_to_count() -> None:
    session = llmkit.Session()
    assert session.estimate("Why?", model="sonnet").tokens > 0
    with pytest.raises(MissingKey):
        session.estimate("Why?", model="sonnet", exact=True)


def test_more_that_is_sent_is_more_tokens(session) -> None:
    plain = session.estimate("Why?", model="chat/m").tokens
    tool = llmkit.ToolSpec(
        "weather", "The weather in a city.", {"type": "object", "properties": {"city": {}}}
    )
    assert session.estimate("Why?", model="chat/m", tools=[tool]).tokens > plain
    assert session.estimate("Why?", model="chat/m", schema="name, age int").tokens > plain
    assert session.estimate("Why?", model="chat/m", system="Be brief.").tokens > plain


@pytest.mark.parametrize("provider", ["anthropic", "chat", "responses", "gemini"])
def test_the_provider_counts_where_it_is_asked_to(session, simulator, provider) -> None:
    found = session.estimate(TEXT, model=f"{provider}/{FAST}", exact=True, system="Be brief.")
    assert (found.exact, found.error, found.method) == (True, 0.0, f"counted by {provider}")
    reply = session.ask(TEXT, model=f"{provider}/{FAST}", system="Be brief.")
    assert found.tokens == reply.usage.total_input


def test_a_server_that_can_not_count_says_so(session) -> None:
    with pytest.raises(BadRequest, match="can't count"):
        session.estimate("Why?", model="chat/swift@status=404", exact=True)


def test_a_server_that_never_counts_is_not_waited_for_for_ever() -> None:
    over = threading.Event()
    with Scripted(lambda client: over.wait(30)) as url:
        here = asking.session(url, "responses", timeouts={"first_byte": 0.2})
        with pytest.raises(FirstByteTimeout, match="did not count the tokens"):
            here.estimate("Why?", model="here/m", exact=True)
        over.set()


# -- learning -------------------------------------------------------------------------------------


def test_a_guess_learns_from_what_the_provider_counted(session) -> None:
    model = f"chat/{FAST}"
    before = session.estimate(TEXT, model=model)
    for times in (1, 2, 3, 4):
        session.ask(TEXT[: 300 * times], model=model)
    after = session.estimate(TEXT, model=model)
    true = session.estimate(TEXT, model=model, exact=True).tokens
    assert "4 earlier counts" in after.method
    assert after.error < before.error
    assert abs(after.tokens - true) <= abs(before.tokens - true)
    assert after.low <= true <= after.high


def test_a_row_keeps_the_guess_beside_the_count_and_bills_by_the_count(session) -> None:
    reply = session.ask(TEXT, model=f"chat/{FAST}")
    (row,) = session.ledger.rows(simulated=True)
    assert row["estimated_input"] > 0
    assert row["input"] == reply.usage.total_input != row["estimated_input"]
    assert row["usage_source"] == "provider"


def test_what_the_provider_did_not_count_teaches_nothing(session) -> None:
    session.ask(TEXT, model=f"chat/{FAST}@usage=none")
    assert session.ledger.guesses("chat", f"{FAST}@usage=none") == []


def test_what_is_unlike_all_that_was_learnt_from_has_a_wider_band() -> None:
    pairs = [(10, 12), (50, 60), (200, 240)]
    assert corrected(100, pairs)[1] == 0.02
    assert corrected(10_000, pairs)[1] >= 0.15


def test_tokens_around_the_words_are_learnt_as_such() -> None:
    pairs = [(was, 2 * was + 30) for was in (10, 100, 400, 1000)]
    assert corrected(200, pairs)[0] == 430


# -- pictures and files ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("provider", "model", "size", "tokens"),
    [
        ("anthropic", "claude-sonnet-5-5", (1000, 750), 1000),
        ("anthropic", "claude-sonnet-5-5", (8000, 8000), 1600),
        ("openai", "gpt-4o", (1024, 1024), 765),
        ("openai", "gpt-4o", (2048, 4096), 1105),
        ("openai", "gpt-4.1-mini", (1024, 1024), 1659),
        ("gemini", "gemini-2.5-flash", (300, 300), 258),
        ("gemini", "gemini-2.5-flash", (960, 540), 516),
        ("groq", "some-model", (300, 300), None),
        ("openai", "gpt-4o", (0, 0), None),
    ],
)
def test_a_picture_is_counted_as_its_provider_says(provider, model, size, tokens) -> None:
    assert vision.picture_tokens(provider, model, *size) == tokens


def test_pictures_and_pages_are_in_the_estimate(session) -> None:
    plain = session.estimate("What?", model="anthropic/claude-sonnet-5-5").tokens
    seen = Message.user("What?", ImagePart(picture(1000, 750)))
    assert session.estimate(seen, model="anthropic/claude-sonnet-5-5").tokens == plain + 1000
    pdf = b"%PDF-1.4 /Type /Pages /Type /Page /Type/Page "
    read = Message.user("What?", FilePart(pdf, "application/pdf"))
    assert session.estimate(read, model="gemini/gemini-2.5-flash").tokens == plain + 2 * 258


# -- vocabularies ---------------------------------------------------------------------------------


def test_a_vocabulary_that_is_not_here_is_not_fetched(monkeypatch, tmp_path) -> None:
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", str(tmp_path))
    assert encodings.cached_file("o200k_base") is None
    assert encodings.encoding_of("openai", "gpt-4o") is None
    wrong = tmp_path / "fb374d419588a4632f3f557e76b4b70aebbca790"
    wrong.write_bytes(b"not a vocabulary")
    assert encodings.cached_file("o200k_base") is None
    assert wrong.exists()
