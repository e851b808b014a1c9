"""The papers around the code say what is so: version, licence, and files that can be read by those who read them."""

from __future__ import annotations

import re
import shutil
import subprocess
import tomllib

import pytest
import yaml
from fresh import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
LOCKED = tomllib.loads((ROOT / "uv.lock").read_text("utf-8"))["package"]
#: Uploads that were made to do harm. There is no list of all that could be read offline: `make audit` asks OSV.
MALICIOUS = {("litellm", "1.82.7"), ("litellm", "1.82.8")}
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


def addresses(text):
    """Owner and what is opened, of every address of Binder."""
    return re.findall(r"https://mybinder\.org/v2/gh/([\w.-]+)/llmkit/HEAD\?urlpath=(\S+)", text)


def test_every_address_of_binder_has_the_right_form_and_opens_a_notebook_that_exists():
    readme = (ROOT / "README.md").read_text("utf-8")
    found = addresses(readme)
    assert len(found) == len(re.findall(r"mybinder\.org/v2/", readme)) == 3
    assert len({owner for owner, _ in found}) == 1
    for _, opens in found:
        way, path = re.fullmatch(r"(lab/tree|voila/render)/(notebooks/\w+\.ipynb)", opens).groups()
        assert (ROOT / path).exists(), way


def test_whose_repository_it_is_is_said_once(tmp_path):
    for name in ("Makefile", "README.md", "docs/keys.md"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    subprocess.run(["make", "owner", "OWNER=ada"], cwd=tmp_path, check=True, capture_output=True)
    assert {owner for owner, _ in addresses((tmp_path / "README.md").read_text("utf-8"))} == {"ada"}
    assert "https://github.com/ada/llmkit" in (tmp_path / "docs" / "keys.md").read_text("utf-8")
    without = subprocess.run(["make", "owner"], cwd=tmp_path, capture_output=True, text=True)
    assert without.returncode
    assert "make owner OWNER=name" in without.stdout


def test_no_release_that_is_known_to_be_malicious_is_locked():
    assert MALICIOUS & {(package["name"], package.get("version")) for package in LOCKED} == set()
    extra = " ".join(PROJECT["optional-dependencies"]["litellm"])
    assert [version for _, version in MALICIOUS if f"!={version}" not in extra] == []


def test_what_is_locked_comes_from_the_public_index_alone():
    sources = {package["source"].get("registry", "here") for package in LOCKED}
    assert sources == {"https://pypi.org/simple", "here"}


def test_the_number_of_dependencies_is_told_as_it_is():
    words = ("none", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
    paper = (ROOT / "SECURITY.md").read_text("utf-8")
    assert f"The base install has {words[len(PROJECT['dependencies'])]} direct dependencies" in paper
