"""docs/simulator.md and the code say the same."""

from __future__ import annotations

import re
from pathlib import Path

from llmkit.sim import MODELS, Simulator
from llmkit.sim.dialects import DIALECTS, OPENAI
from llmkit.sim.faults import FAULTS

PAGE = (Path(__file__).parents[2] / "docs" / "simulator.md").read_text("utf-8")


def rows(heading: str) -> list[list[str]]:
    """The cells of all tables under a heading."""
    part = re.split(rf"^## {heading}$", PAGE, flags=re.MULTILINE)[1]
    part = re.split(r"^## ", part, flags=re.MULTILINE)[0]
    lines = [line.strip("| \n") for line in part.splitlines() if line.startswith("| `")]
    return [re.split(r" *\| *", line) for line in lines]


def test_every_fault_is_documented_and_every_documented_fault_exists() -> None:
    written = {cells[0].strip("`"): cells[1] for cells in rows("Faults")}
    assert written == {kind.form: kind.summary for kind in FAULTS.values()}


def test_the_documented_defaults_are_those_of_the_code() -> None:
    for cells in rows("Faults"):
        if len(cells) > 2 and cells[2]:
            name, _, value = cells[2].strip("`").partition("=")
            assert FAULTS[name].default == value


def test_every_model_is_documented_with_its_pace_and_price() -> None:
    written = {cells[0].strip("`"): cells for cells in rows("Models")}
    assert set(written) == set(MODELS)
    for name, model in MODELS.items():
        _, rate, ttft, prices, summary = written[name]
        assert rate == (f"{model.rate:g}" if model.rate else "at once")
        assert ttft == f"{model.ttft:g} s"
        assert prices == f"${model.price.input} / ${model.price.output}"
        assert summary == model.summary


def test_every_dialect_is_named() -> None:
    for name in DIALECTS:
        assert name == OPENAI.name or f"`{name}`" in PAGE or f"/{name}/v1" in PAGE


def test_the_examples_of_scripts_run() -> None:
    (example,) = re.findall(r"## Scripts\n\n```python\n(.*?)```", PAGE, flags=re.DOTALL)
    scope: dict[str, object] = {}
    exec(example, scope)
    assert isinstance(scope["sim"], Simulator)
