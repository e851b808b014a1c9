"""The papers around the code say what is so: version, licence, and files that can be read by those who read them."""

from __future__ import annotations

import tomllib

import pytest
import yaml
from fresh import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
TEMPLATES = sorted((ROOT / ".github" / "ISSUE_TEMPLATE").glob("*.yml"))


def test_a_citation_names_this_version_and_licence():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text("utf-8"))
    assert citation["version"] == PROJECT["version"]
    assert citation["license"] == PROJECT["license"]
    assert {"cff-version", "message", "title", "authors"} <= set(citation)


@pytest.mark.parametrize(
    "path", [path for path in TEMPLATES if path.stem != "config"], ids=lambda path: path.stem
)
def test_an_issue_template_has_what_a_form_needs(path):
    form = yaml.safe_load(path.read_text("utf-8"))
    assert {"name", "description", "body"} <= set(form)
    assert all({"type", "attributes"} <= set(field) for field in form["body"])
    asked = [field["id"] for field in form["body"] if field["type"] != "markdown"]
    assert len(asked) == len(set(asked))
