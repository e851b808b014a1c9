"""The contract: what holds with every provider, cell by cell of the matrix in docs/matrix.md.

A cell passes what its column asks, or the matrix says why it can't; then llmkit says so too, before anything is sent.
"""

from __future__ import annotations

import base64
import importlib.util
import json
import sys
import types
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from contract_places import Llama, fields_of
from pydantic import BaseModel

import llmkit
from llmkit import errors as e
from llmkit.core.events import Done, Failed, ServerTool, Text, ToolResult
from llmkit.models import matrix
from llmkit.providers.presets import PRESETS
from llmkit.sim import Say, Simulator

DOCS = Path(__file__).parents[2] / "docs" / "matrix.md"
PICTURE = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
#: A tool of its own for each wire, as its provider writes it.
OWN_TOOLS = {
    "anthropic.messages": {"type": "web_search_20250305", "name": "web_search"},
    "openai.responses": {"type": "web_search"},
    "gemini.generate": {"google_search": {}},
    "groq": {"type": "browser_search"},
    "openrouter": {"type": "openrouter:web_search"},
}


@pytest.fixture(scope="module")
def simulator() -> Iterator[Simulator]:
    with Simulator(pace="instant") as running:
        yield running


class Here:
    """A provider at the simulator."""

    def __init__(self, row: str, simulator: Simulator, directory: Path) -> None:
        self.row = row
        self.simulator = simulator
        self.directory = directory
        self.session = llmkit.Session(
            {
                "providers": {"here": fields_of(row, simulator.url)},
                "retry": {"base": 0, "cap": 0, "attempts": 2},
            }
        )

    @property
    def provider(self) -> Any:
        return self.session.registry["here"]

    def model(self, name: str) -> str:
        if self.row == "litellm":
            return f"here/openai/{name}"
        if self.row == "local":
            file = self.directory / f"{name}.gguf"
            file.write_bytes(b"GGUF")
            return f"here/{file}"
        return f"here/{name}"

    def ask(self, prompt: Any = "Why is the sky blue?", *, name: str = "sage", **more: Any) -> llmkit.Reply:
        return self.session.ask(prompt, model=self.model(name), **more)

    def stream(self, prompt: str = "Why is the sky blue?", *, name: str = "sage", **more: Any) -> Any:
        return self.session.stream(prompt, model=self.model(name), **more)

    def fails(self, name: str, **more: Any) -> e.LLMKitError:
        with pytest.raises(e.LLMKitError) as caught:
            self.ask(name=name, **more)
        return caught.value

    @property
    def own_tool(self) -> dict[str, Any]:
        return OWN_TOOLS.get(self.provider.dialect) or OWN_TOOLS.get(
            self.provider.wire, {"type": "web_search"}
        )


@pytest.fixture
def here(
    request: pytest.FixtureRequest, simulator: Simulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Here:
    row = request.param
    if row == "litellm" and importlib.util.find_spec("litellm") is None:
        pytest.skip("litellm is not installed (extra `litellm`)")
    if row == "local":
        module = types.ModuleType("llama_cpp")
        monkeypatch.setattr(Llama, "url", simulator.url)
        module.Llama = Llama  # type: ignore[attr-defined]
        module.__spec__ = types.SimpleNamespace(name="llama_cpp")  # type: ignore[assignment]
        monkeypatch.setitem(sys.modules, "llama_cpp", module)
    simulator.reset()
    return Here(row, simulator, tmp_path)


def weather(city: str) -> str:
    """The weather in a city."""
    return f"21 °C in {city}"


class Person(BaseModel):
    name: str
    age: int


# -- what each column asks ------------------------------------------------------------------------


def complete(here: Here) -> None:
    reply = here.ask(stream=False)
    assert reply.text
    assert (reply.complete, reply.stop_reason) == (True, "stop")


def stream(here: Here) -> None:
    events = list(here.stream())
    words = [event.text for event in events if isinstance(event, Text)]
    assert len(words) > 1
    assert isinstance(events[-1], Done)
    assert [type(event) for event in events].count(Done) == 1
    assert "".join(words) == events[-1].reply.text


def cancel(here: Here) -> None:
    running = here.stream(name="sage@stall=3:1" if here.row == "local" else "sage@stall=3")
    for event in running:
        if isinstance(event, Text):
            running.stop()
    assert isinstance(running.error, e.Aborted)
    assert running.partial.text
    assert not running.partial.complete
    assert running.settled(20)


def tools(here: Here) -> None:
    here.simulator.script([Say(tools=[("weather", {"city": "Oslo"})]), "It is 21 °C in Oslo."])
    reply = here.ask("The weather in Oslo?", tools=[weather])
    assert reply.text == "It is 21 °C in Oslo."
    assert [len(step.results) for step in reply.steps] == [1, 0]


def parallel_tools(here: Here) -> None:
    here.simulator.script(
        [Say(tools=[("weather", {"city": "Oslo"}), ("weather", {"city": "Rome"})]), "The same in both."]
    )
    events = list(here.stream("The weather in Oslo and Rome?", tools=[weather]))
    results = [event.content for event in events if isinstance(event, ToolResult)]
    assert results == ["21 °C in Oslo", "21 °C in Rome"]
    assert isinstance(events[-1], Done)
    assert events[-1].reply.text == "The same in both."


def server_tools(here: Here) -> None:
    search, code = (
        ("web_search", {"query": "sky"}, "Rayleigh"),
        ("code_execution", {"code": "print(6 * 7)"}, "42"),
    )
    for streamed in (True, False):
        here.simulator.script([Say("Blue.", work=[search, code])])
        reply = here.ask(tools=[here.own_tool], stream=streamed)
        sent = here.simulator.requests[-1].json["tools"]
        assert [tool for tool in sent if "function" not in str(tool)] == [here.own_tool]
        assert (reply.text, reply.tool_calls, len(here.simulator.requests)) == (
            "Blue.",
            (),
            1 if streamed else 2,
        )
        done = {call.name: result.content for call, result in reply.server_work if result is not None}
        assert len(done) == 2
        assert any("search" in name and "Rayleigh" in found for name, found in done.items())
        assert done["code_execution"] == "42"
    here.simulator.script([Say("Blue.", work=[search, code])])
    events = list(here.stream("Why?", tools=[here.own_tool]))
    told = [event for event in events if isinstance(event, ServerTool)]
    assert {event.name: event.content for event in told if event.state == "done"} == done
    code_runs = [event.state for event in told if event.name == "code_execution"]
    assert code_runs[-1] == "done"
    assert len(set(code_runs)) == len(code_runs), "each state is told once"
    assert events.index(told[0]) < next(n for n, event in enumerate(events) if isinstance(event, Text))


def structured(here: Here) -> None:
    reply = here.ask("Somebody.", name="json", schema=Person)
    assert isinstance(reply.data, Person)
    assert here.simulator.requests[-1].json


def thinking(here: Here) -> None:
    reply = here.ask(name="scholar", think="high")
    assert reply.thinking or (reply.usage.reasoning or 0) > 0  # OpenAI's chat counts it, and shows none
    assert not reply.thinking or reply.thinking not in reply.text
    quiet = here.ask(name="scholar", think="off")
    assert quiet.thinking == ""
    assert (quiet.usage.reasoning or 0) < (reply.usage.reasoning or 1)  # Gemini always thinks a little


def images(here: Here) -> None:
    seen = llmkit.Message.user("What is this?", llmkit.ImagePart(PICTURE))
    assert "PNG" in here.ask([seen], name="vision").text.upper()


def error_401(here: Here) -> None:
    assert type(here.fails("sage@status=401")) is e.AuthError
    assert len(here.simulator.requests) == 1


def error_404(here: Here) -> None:
    assert type(here.fails("sage@status=404")) is e.ModelNotFound
    assert len(here.simulator.requests) == 1


def error_429(here: Here) -> None:
    error = here.fails("sage@status=429")
    assert type(error) is e.RateLimited
    assert error.retryable
    assert len(here.simulator.requests) == 2


def error_500(here: Here) -> None:
    assert type(here.fails("sage@status=500")) is e.ServerError
    assert len(here.simulator.requests) == 2


def mid_stream_error(here: Here) -> None:
    events = list(here.stream(name="sage@error=5:500"))
    assert isinstance(last := events[-1], Failed)
    assert not isinstance(last.error, e.TruncatedStream)
    assert last.partial.text
    assert last.partial.text == "".join(event.text for event in events if isinstance(event, Text))
    assert len(here.simulator.requests) == 1


def truncation(here: Here) -> None:
    error = here.fails("sage@eof=5")
    assert isinstance(error, e.TruncatedStream)
    assert error.partial is not None
    assert error.partial.text
    assert len(here.simulator.requests) == 1


def usage(here: Here) -> None:
    for streamed in (True, False):
        used = here.ask(stream=streamed).usage
        assert used.source == "provider"
        assert (used.input or 0) > 0
        assert (used.output or 0) > 0


def count(here: Here) -> None:
    found = here.session.estimate("Why is the sky blue?", model=here.model("sage"), exact=True)
    assert found.exact
    assert 3 < found.tokens < 50
    assert here.simulator.requests[-1].status == 200


CHECKS: dict[str, Callable[[Here], None]] = {
    check.__name__: check
    for check in (
        complete, stream, cancel, tools, parallel_tools, server_tools, structured, thinking, images,
        error_401, error_404, error_429, error_500, mid_stream_error, truncation, usage, count,
    )
}  # fmt: skip


# -- what is said where it can't be ---------------------------------------------------------------


def no_tools(here: Here) -> None:
    with pytest.raises(e.BadRequest, match="can't be given tools"):
        here.ask(tools=[weather])


def no_server_tools(here: Here) -> None:
    with pytest.raises(e.BadRequest, match="no tool that the provider"):
        here.ask(tools=[here.own_tool])


def no_thinking(here: Here) -> None:
    assert any("`think` was left out" in note for note in here.ask(think="high").notes)
    here.simulator.reset()


def no_images(here: Here) -> None:
    with pytest.raises(e.BadRequest, match="can't be shown pictures"):
        here.ask([llmkit.Message.user(llmkit.ImagePart(PICTURE))])


def no_usage(here: Here) -> None:
    assert here.ask().usage.source == "estimated"
    here.simulator.reset()


def no_count(here: Here) -> None:
    with pytest.raises(e.BadRequest, match="can't count tokens"):
        here.session.estimate("Why?", model=here.model("sage"), exact=True)


def no_server(here: Here) -> None:
    assert here.provider.base_url == ""


REFUSALS: dict[str, Callable[[Here], None]] = {
    "tools": no_tools,
    "parallel_tools": no_tools,
    "server_tools": no_server_tools,
    "thinking": no_thinking,
    "images": no_images,
    "usage": no_usage,
    "count": no_count,
    "error_401": no_server,
    "error_404": no_server,
    "error_429": no_server,
}


#: LiteLLM uses what pydantic has deprecated.
OLD_WAYS = pytest.mark.filterwarnings("ignore::DeprecationWarning")
ROWS = [pytest.param(row, marks=[OLD_WAYS] if row == "litellm" else []) for row in matrix.LACKS]


@pytest.mark.parametrize("column", matrix.COLUMNS)
@pytest.mark.parametrize("here", ROWS, indirect=True)
def test_a_cell_is_green_or_says_why_not(here: Here, column: str) -> None:
    why = matrix.why_not(here.row, column)
    if not why:
        CHECKS[column](here)
    else:
        assert why.endswith(".")
        REFUSALS[column](here)
        assert here.simulator.requests == []


def test_the_matrix_has_a_row_for_every_provider_and_a_check_for_every_column() -> None:
    assert set(matrix.LACKS) == {*PRESETS, "openai (chat)", "sim"}
    assert set(CHECKS) == set(matrix.COLUMNS)
    assert all(set(lacks) <= set(REFUSALS) for lacks in matrix.LACKS.values())


def test_the_matrix_of_the_documentation_is_this_one() -> None:
    assert matrix.as_markdown() in DOCS.read_text("utf-8")


def test_the_matrix_reads_in_a_terminal() -> None:
    lines = matrix.as_text().splitlines()
    assert lines[0].split()[0] == "provider"
    assert all(len(line) < 200 for line in lines)
    assert any(line.startswith("1. ") for line in lines)
    with pytest.raises(KeyError, match="no column"):
        matrix.why_not("groq", "colour")
    assert json.dumps(matrix.matrix())
