"""A notebook that a program runs, with parameters, as papermill does, and what becomes of it on a page without a kernel."""

from __future__ import annotations

import nbformat
import pytest
from kernel import ROOT
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

PARAMETERS, ADDED = 'city = "Oslo"', '# Parameters\ncity = "Rome"\n'
SETUP = '''%load_ext llmkit
import llmkit.sim
from llmkit.sim import Say

def get_weather(city: str) -> str:
    """The weather to come."""
    return f"21 °C in {city} <b>now</b>"

def answers(ask):
    if "umbrella" not in ask.turns[-1].text + ask.turns[0].text:
        return None
    return "No umbrella." if ask.turns[-1].results else Say("I'll **look**.", tools=[("get_weather", {"city": city})])

llmkit.sim.default().script(answers);'''
ASK = "%%llm sim/sage --no-history -t get_weather --yes-tools -o reply\nDo I need an umbrella in {{ city }}?"


@pytest.fixture
def run(kernel_environment, monkeypatch):
    for name, value in {**kernel_environment, "PYTHONPATH": str(ROOT)}.items():
        monkeypatch.setenv(name, value)

    def run(*sources):
        book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in sources])
        NotebookClient(book, timeout=60).execute()
        return book

    return run


def test_parameters_reach_prompts_and_tools_and_the_answer_is_saved_once(run):
    book = run(
        PARAMETERS, ADDED, SETUP, ASK, "%%llm sim/swift --bg -o job\nHello?", "job.done, reply.complete"
    )
    (answer,) = book.cells[3].outputs
    assert answer.data["text/plain"].split("\n\n")[:3] == [
        "I'll **look**.",
        '[get_weather(city="Rome") → 21 °C in Rome <b>now</b>]',
        "No umbrella.",
    ]
    (later,) = book.cells[4].outputs
    assert "simulated" in later.data["text/plain"]  # it waited, for nobody would see it later
    assert book.cells[5].outputs[0].data["text/plain"] == "(True, True)"
    assert "widgets" not in book.metadata


def test_a_tool_that_would_have_to_ask_fails_the_notebook_with_the_way_out(run):
    with pytest.raises(CellExecutionError, match="--yes-tools"):
        run(PARAMETERS, SETUP, ASK.replace(" --yes-tools", ""))


def test_what_was_saved_is_whole_in_an_exported_page(run, look):
    from nbconvert import HTMLExporter

    page, _ = HTMLExporter(exclude_input=True).from_notebook_node(run(PARAMETERS, SETUP, ASK))
    shown = page[page.index('<div class="llmkit-reply"') :]
    assert "<strong>look</strong>" in shown
    assert "21 °C in Oslo &lt;b&gt;now&lt;/b&gt;" in shown
    assert "<b>now</b>" not in shown
    assert "No umbrella." in shown
