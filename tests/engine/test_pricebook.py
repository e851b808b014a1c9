"""``llmkit.prices``: a table that says whose price it is, models side by side for a call, and a newer list only when asked."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

import llmkit
from llmkit.core.errors import BadRequest, LLMKitError
from llmkit.core.usage import Usage
from llmkit.engine.pricebook import COLUMNS, PriceBook
from llmkit.models import priceupdate
from llmkit.models.prices import cost_of

ROOT = Path(__file__).parents[2]
OWN = {"openai/gpt-6-luna": {"input": "9", "output": "18"}, "ollama/*": {"input": 0, "output": 0}}


def book(prices: Any = None) -> PriceBook:
    session = llmkit.Session({"prices": prices} if prices else {})
    return PriceBook(lambda: session)


# -- the table ------------------------------------------------------------------------------------


def test_each_model_has_its_prices_and_says_whose_they_are() -> None:
    table = book()()
    assert tuple(table.columns) == COLUMNS
    assert len(table) > 100
    assert set(table["source"]) == {"genai-prices"}
    assert table["as_of"].notna().all()
    assert not table[["provider", "model"]].duplicated().any()


def test_words_and_filters_choose() -> None:
    assert set(book()("haiku")["provider"]) == {"anthropic"}
    assert set(book()(provider="groq")["provider"]) == {"groq"}
    assert len(book()(all=True)) > 5 * len(book()())
    with pytest.raises(BadRequest, match="'visoin'"):
        book()(visoin=True)


def test_prices_of_ones_own_are_shown_as_such() -> None:
    table = book(OWN)("luna").set_index("model")
    assert table.loc["gpt-6-luna", ["input", "output", "source"]].tolist() == [9, 18, "override"]
    mine = book(OWN)("ollama").iloc[0]
    assert (mine["model"], mine["input"], mine["source"]) == ("*", 0, "override")


def test_simulated_models_are_there_only_when_asked_for() -> None:
    assert "sim" not in set(book()()["provider"])
    assert set(book()(provider="sim")["source"]) == {"simulated"}


# -- side by side ---------------------------------------------------------------------------------


def test_a_comparison_is_sorted_and_agrees_with_the_price_of_a_call() -> None:
    at = datetime(2026, 11, 20, tzinfo=UTC)
    table = book().compare(tokens_in=150_000, tokens_out=900, cache_read=10, at=at)
    assert table["cost"].dropna().is_monotonic_increasing
    used = Usage(input=150_000, output=900, cache_read=10, source="provider")
    for row in table[table["provider"] == "anthropic"].to_dict("records"):
        cost = cost_of(used, provider="anthropic", model=row["model"], at=at).amount
        assert row["cost"] == pytest.approx(float(cost))


def test_long_prompts_cost_more_than_their_length() -> None:
    short, long = (
        book().compare("haiku-5-5", tokens_in=n, tokens_out=0)["cost"][0] for n in (100_000, 200_000)
    )
    assert long > 2 * short


def test_numbers_that_are_none_are_refused() -> None:
    with pytest.raises(BadRequest, match="tokens_out=-1"):
        book().compare(tokens_in=1, tokens_out=-1)


def test_the_plot_shows_the_cheapest_of_the_comparison() -> None:
    pytest.importorskip("plotly", reason="plotly is not installed here")
    figure = book().plot("claude", tokens_in=1000, tokens_out=500, top=5)
    drawn = sorted(x for trace in figure.data for x in trace.x)
    assert drawn == book().compare("claude", tokens_in=1000, tokens_out=500)["cost"].head(5).tolist()
    assert "1,000 tokens in and 500 out" in figure.layout.title.text


def test_announced_changes_say_when_and_to_what() -> None:
    table = book().scheduled("gemini-3.8-flash")
    at = datetime(2026, 11, 20, tzinfo=UTC)
    if datetime.now(UTC) < datetime(2027, 1, 1, tzinfo=UTC):
        assert str(table["from"][0]) == "2027-01-01"
        assert (table["input_now"][0], table["input_then"][0]) == (0.75, 1.5)
    later = book().compare(
        "gemini-3.8-flash", tokens_in=10**6, tokens_out=0, at=datetime(2027, 2, 1, tzinfo=UTC)
    )
    now = book().compare("gemini-3.8-flash", tokens_in=10**6, tokens_out=0, at=at)
    assert later["cost"][0] == 2 * now["cost"][0]


# -- a newer list ---------------------------------------------------------------------------------

LIST = [{"id": "openai", "name": "OpenAI", "api_pattern": "https://api\\.openai\\.com", "models": [{"id": "gpt-6-luna", "match": {"equals": "gpt-6-luna"}, "prices": {"input_mtok": 77, "output_mtok": 99}}]}]  # fmt: skip


@pytest.fixture
def published() -> Iterator[Any]:
    """An address that publishes a list; its ``body`` can be set."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = self.server.body  # type: ignore[attr-defined]
            self.send_response(200 if body else 503)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    server.body = json.dumps(LIST).encode()  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def address(published: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> Iterator[str]:
    monkeypatch.setenv("LLMKIT_HOME", str(tmp_path))
    monkeypatch.setattr(priceupdate, "_looked", False)
    yield f"http://127.0.0.1:{published.server_port}/data.json"
    priceupdate.reset()


def price_of_luna() -> Any:
    return book()("gpt-6-luna").set_index("model")["input"].get("gpt-6-luna")


def test_a_list_that_was_fetched_holds_from_then_on_and_can_be_taken_back(address: str) -> None:
    before = price_of_luna()
    assert str(llmkit.prices.update(address)).startswith("Prices of 1 models")
    assert price_of_luna() == 77 != before
    assert "fetched" in repr(llmkit.prices)
    code = "from llmkit.models.pricelist import per_million; print(per_million('openai', 'gpt-6-luna').input)"
    other = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert other.stdout.strip() == "77"
    assert llmkit.prices.reset() is True
    assert (price_of_luna(), llmkit.prices.reset()) == (before, False)


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b'[{"id": 1}]', b'{"a": 1}'])
def test_what_is_no_list_changes_nothing(published: Any, address: str, body: bytes) -> None:
    before = price_of_luna()
    published.body = body
    with pytest.raises(LLMKitError, match="as they were"):
        llmkit.prices.update(address)
    assert price_of_luna() == before
    assert not priceupdate.where().exists()


def test_a_file_that_is_broken_or_from_another_package_is_not_used(address: str, caplog: Any) -> None:
    before = price_of_luna()
    for text in (
        "{",
        json.dumps({"package": "0.0.1", "fetched": "2026-01-01T00:00:00+00:00", "providers": LIST}),
    ):
        priceupdate.where().write_text(text, "utf-8")
        priceupdate._looked = False
        assert price_of_luna() == before
    assert "can't be read" in caplog.text


def test_who_asks_while_the_fetched_list_is_read_waits_for_it(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    llmkit.prices.update(address)
    priceupdate._use(None)
    priceupdate._looked = False  # as in the next kernel
    read, seen = priceupdate._read, []
    other = threading.Thread(target=lambda: seen.append(price_of_luna()))

    def reading(raw: Any) -> Any:
        other.start()
        other.join(0.1)  # long enough for one that does not wait
        return read(raw)

    monkeypatch.setattr(priceupdate, "_read", reading)
    priceupdate.bring_in()
    other.join(60)
    assert seen == [77]
