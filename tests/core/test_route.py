"""A route reads, where a notebook shows it."""

from __future__ import annotations

from IPython.lib.pretty import pretty

from llmkit.core.route import Route, Tried


def test_a_notebook_shows_the_way_and_why_a_model_did_not_answer() -> None:
    route = Route("coding", "balanced", (), (Tried("a/b", "server", "It broke."), Tried("c/d", "ok")))
    assert pretty(route) == "coding, balanced: a/b (server) → c/d\na/b: It broke."
    assert pretty(Route()) == "Route()"
