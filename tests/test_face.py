"""The face: what `import llmkit` offers, and that the list of it is the truth."""

from __future__ import annotations

import importlib.metadata
import tomllib
from pathlib import Path

import pytest

import llmkit

ROOT = Path(__file__).parents[1]


def test_the_list_of_names_is_sorted_and_has_no_name_twice():
    assert llmkit.__all__ == sorted(set(llmkit.__all__))


@pytest.mark.parametrize("name", llmkit.__all__)
def test_every_name_is_there(name):
    assert getattr(llmkit, name) is not None


def test_dir_shows_all_names_and_nothing_private():
    shown = dir(llmkit)
    assert set(llmkit.__all__) <= set(shown)
    assert [name for name in shown if name.startswith("_") and name != "__version__"] == []
    assert all(hasattr(llmkit, name) for name in shown)


def test_type_checkers_see_the_same_names():
    """The names are loaded by string; the imports that only type checkers read must list the same."""
    import ast

    tree = ast.parse(Path(llmkit.__file__).read_text("utf-8"))
    block = next(node for node in tree.body if isinstance(node, ast.If))
    seen = {
        alias.asname or alias.name
        for node in block.body
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("llmkit")
        for alias in node.names
    }
    assert seen == set(llmkit.__all__)


def test_a_name_that_is_not_there_is_an_attribute_error():
    with pytest.raises(AttributeError, match="module 'llmkit' has no attribute 'nothing_like_this'"):
        _ = llmkit.nothing_like_this


@pytest.mark.parametrize("name", [name for name in llmkit.__all__ if name[0].islower() or name[0].isupper()])
def test_every_public_name_says_what_it_is(name):
    value = getattr(llmkit, name)
    if callable(value) or hasattr(value, "__path__"):
        assert value.__doc__


@pytest.mark.parametrize(
    "name", [name for name in llmkit.__all__ if name != "Event"]
)  # a union has no docstring
def test_every_public_name_shows_an_example(name):
    assert ">>>" in getattr(llmkit, name).__doc__


def test_the_version_is_written_once_for_people_and_once_for_pip_and_both_agree():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    assert llmkit.__version__ == project["version"]


def test_where_it_is_installed_the_metadata_agrees():
    try:
        installed = importlib.metadata.version("llmkit")
    except importlib.metadata.PackageNotFoundError:
        pytest.skip("llmkit runs from its source here, not installed")
    assert installed == llmkit.__version__
