"""Providers of other packages, by the example of the documentation."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import llmkit
from llmkit.core.errors import ConfigError
from llmkit.providers import plugins

DOCS = Path(__file__).parents[2] / "docs" / "providers.md"


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A directory of packages that Python looks into; what they registered is forgotten afterwards."""
    monkeypatch.syspath_prepend(str(tmp_path))
    plugins.forget()
    yield tmp_path
    monkeypatch.undo()
    plugins.forget()
    for name in ("echo_provider", "broken_provider"):
        sys.modules.pop(name, None)


def install(site: Path, name: str, code: str, target: str) -> None:
    (site / f"{name}_provider.py").write_text(code)
    info = site / f"{name}_provider-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}-provider\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[llmkit.providers]\n{name} = {target}\n")


def example() -> str:
    return next(re.finditer(r"```python\n(# echo_provider\.py.*?)```", DOCS.read_text("utf-8"), re.DOTALL))[1]


def test_the_example_is_about_forty_lines() -> None:
    assert len(example().splitlines()) <= 45


def test_a_package_adds_a_provider(site: Path) -> None:
    install(site, "echo", example(), "echo_provider:make")
    session = llmkit.Session(
        {"providers": {"loud": {"type": "echo", "shout": True, "default_model": "parrot"}}}
    )
    assert "echo" in session.registry
    assert session.ask("good morning", model="echo/parrot").text.strip() == "good morning"
    reply = session.ask("good morning", model="loud/parrot")
    assert (reply.text.strip(), reply.provider, reply.stop_reason) == ("GOOD MORNING", "loud", "stop")
    assert list(session.usage(session=session.id)["provider"]) == ["echo", "loud"]


def test_what_a_package_does_wrong_is_told_with_its_name(site: Path) -> None:
    install(site, "broken", "def make(name, settings):\n    return 5\n", "broken_provider:make")
    with pytest.raises(ConfigError, match=r"broken_provider:make made something without wire"):
        llmkit.Session({}).ask("hello", model="broken/x")


def test_a_package_that_can_not_be_loaded_spoils_nothing_else(site: Path) -> None:
    install(site, "broken", "raise RuntimeError('of its own')\n", "broken_provider:make")
    with pytest.raises(ConfigError, match=r"broken-provider .*RuntimeError: of its own"):
        llmkit.Session({}).ask("hello", model="broken/x")
    assert llmkit.ask("hello", model="sim/swift").text


def test_a_provider_object_may_be_registered_in_a_running_program() -> None:
    session = llmkit.Session({})
    session.registry.register("mine", {"type": "compatible", "base_url": "http://127.0.0.1:1/v1"})
    assert session.registry.configured == ("mine",)
    with pytest.raises(ConfigError, match="unknown field"):
        session.registry.register("other", {"type": "compatible", "base_ulr": "x"})
