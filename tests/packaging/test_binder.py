"""Binder's folder: repo2docker understands it, and an environment made of its files alone runs the quick start."""

from __future__ import annotations

import json
import os

import pytest
from fresh import ROOT, Fresh

pytestmark = [pytest.mark.packaging, pytest.mark.xdist_group("binder")]

BINDER = ROOT / "binder"
PYTHON = (BINDER / "runtime.txt").read_text("utf-8").strip().removeprefix("python-")

EXECUTE = """
import json, sys, nbformat
from nbclient import NotebookClient
book = nbformat.read(sys.argv[1], as_version=4)
NotebookClient(book, timeout=120, store_widget_state=False).execute()
print(json.dumps([out.output_type for cell in book.cells for out in cell.get("outputs", [])]))
"""


@pytest.fixture(scope="module")
def image(tmp_path_factory):
    """What Binder's image has, as far as it goes without Docker: that Python, and those requirements."""
    fresh = Fresh(tmp_path_factory.mktemp("image"), PYTHON)
    fresh.install("-r", BINDER / "requirements.txt", cwd=ROOT)
    return fresh


def test_repo2docker_takes_its_python_and_its_requirements_from_it(tmp_path):
    fresh = Fresh(tmp_path)
    fresh.install("jupyter-repo2docker")
    told = fresh.run(
        *(
            "-c",
            "import sys, repo2docker.__main__ as r; sys.argv[1:] = ['--no-build', '--debug', sys.argv[1]]; r.main()",
        ),
        ROOT,
    )
    assert "binder/requirements.txt" in told
    assert "binder/postBuild" in told
    assert "binder/start" in told
    assert (
        f"environment-2epy-2d{PYTHON.replace('.', '-2e')}" in told
    )  # its file of that Python, as it escapes names


@pytest.mark.parametrize("script", ["postBuild", "start"])
def test_its_scripts_can_be_run(script):
    assert os.access(BINDER / script, os.X_OK)
    assert (BINDER / script).read_text("utf-8").startswith("#!/usr/bin/env bash\n")


def test_jupyterlab_and_the_kernel_are_new_enough_for_the_stop_button(image):
    told = image.run(
        "-c",
        "import json, importlib.metadata as m; print(json.dumps([m.version(n) for n in ('jupyterlab', 'ipykernel')]))",
    )
    lab, kernel = (tuple(int(part) for part in version.split(".")[:2]) for version in json.loads(told))
    assert lab >= (4, 6)
    assert kernel >= (7, 4)


def test_its_post_build_runs_and_no_pop_up_greets_the_visitor(image):
    programs = image.python.parent
    image.script(BINDER / "postBuild", PATH=f"{programs}:{os.environ['PATH']}")
    settings = json.loads(
        (programs.parent / "share" / "jupyter" / "lab" / "settings" / "overrides.json").read_text("utf-8")
    )
    assert settings["@jupyterlab/apputils-extension:notification"]["fetchNews"] == "false"


def test_the_quick_start_runs_in_it(image):
    told = json.loads(
        image.run("-c", EXECUTE, ROOT / "notebooks" / "00_quickstart.ipynb", LLMKIT_DISPLAY="final")
    )
    assert "display_data" in told
    assert "error" not in told


def test_its_start_goes_on_with_what_it_is_given(image):
    told = image.script(BINDER / "start", "sh", "-c", "echo $LLMKIT_HOME")
    assert told.strip()
