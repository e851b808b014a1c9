"""What people install: the wheel and the sdist hold what they should, and work where nothing else is."""

from __future__ import annotations

import json
import subprocess
import tarfile
import tomllib
import zipfile

import pytest
from fresh import ROOT, SUPPORTED, Fresh, run, uv

pytestmark = pytest.mark.packaging

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
EXTRAS = PROJECT["optional-dependencies"]
#: What the base install may take on a disk, with all that it brings.
MEGABYTES = 70
#: An import that works with each extra; those of one distribution that is not imported have none.
OPENS = {
    "anthropic": "anthropic",
    "gemini": "google.genai",
    "notebook": "IPython, ipywidgets, anywidget",
    "data": "pandas, plotly",
    "export": "openpyxl, pyarrow",
    "nested": "nest_asyncio2",
    "tokens": "tiktoken",
    "keyring": "keyring",
    "otel": "opentelemetry.trace",
}

#: A day with llmkit, and no key: asking, streaming, stopping, counting; all with the base install alone.
SMOKE = """
import importlib.util as util, json, os
import llmkit

assert "site-packages" in llmkit.__file__, llmkit.__file__
brought = [name for name in ("anthropic", "pandas", "plotly", "IPython", "ipywidgets", "litellm") if util.find_spec(name)]
reply = llmkit.ask("Why is the sky blue?", model="sim/swift")
events = [type(event).__name__ for event in llmkit.stream("Why is the sky blue?", model="sim/swift")]
try:
    llmkit.ask("Why is the sky blue?", model="sim/sage", signal=llmkit.Signal.token_limit(5))
except llmkit.errors.Aborted as error:
    stopped = error.partial
try:
    llmkit.ask("Why is the sky blue?", model="sim/swift", temprature=1)
except llmkit.LLMKitError as error:
    refused = str(error)
rows = os.path.exists(llmkit.default_session().ledger.path)
print(json.dumps({
    "version": llmkit.__version__, "text": reply.text, "events": sorted(set(events)), "stopped": stopped.text,
    "refused": refused, "ledger": rows, "brought": brought,
}))
"""


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    folder = tmp_path_factory.mktemp("dist")
    run([uv(), "build", "--quiet", "--out-dir", folder], cwd=ROOT)
    return folder


@pytest.fixture(scope="module")
def wheel(built):
    (path,) = built.glob("*.whl")
    return path


@pytest.fixture(scope="module")
def sdist(built):
    (path,) = built.glob("*.tar.gz")
    return path


@pytest.fixture(scope="module")
def names(wheel):
    with zipfile.ZipFile(wheel) as archive:
        return archive.namelist()


class TestTheWheel:
    def test_it_holds_the_package_and_nothing_else(self, names):
        assert {name.split("/")[0] for name in names} == {"llmkit", f"llmkit-{PROJECT['version']}.dist-info"}

    def test_it_holds_what_is_no_python_but_needed(self, names):
        tracked = subprocess.run(["git", "ls-files", "llmkit"], cwd=ROOT, capture_output=True, text=True)
        if tracked.returncode:
            pytest.skip("this is no clone: git can't say which files are the package's")
        assert [name for name in tracked.stdout.split() if name not in names] == []

    def test_it_is_typed_and_has_its_licence(self, names):
        assert "llmkit/py.typed" in names
        assert any(name.endswith("licenses/LICENSE") for name in names)

    def test_it_is_small(self, wheel):
        """Prices come with another package, and figures with plotly: ours is text."""
        assert wheel.stat().st_size < 1_000_000

    def test_the_sdist_builds_the_same_wheel(self, sdist, names, tmp_path):
        run([uv(), "build", "--quiet", "--wheel", "--out-dir", tmp_path, sdist], cwd=tmp_path)
        (again,) = tmp_path.glob("*.whl")
        with zipfile.ZipFile(again) as archive:
            assert sorted(archive.namelist()) == sorted(names)

    def test_the_sdist_brings_its_tests(self, sdist):
        with tarfile.open(sdist) as archive:
            inside = {name.partition("/")[2] for name in archive.getnames()}
        assert {"tests/conftest.py", "uv.lock", "CHANGELOG.md", "LICENSE"} <= inside


@pytest.mark.parametrize("version", SUPPORTED)
def test_the_base_install_is_enough_for_a_day(version, wheel, tmp_path):
    fresh = Fresh(tmp_path, version)
    fresh.install(wheel)
    told = json.loads(fresh.run("-W", "error", "-c", SMOKE))
    assert told["version"] == PROJECT["version"]
    assert told["text"].startswith("The sky is blue")
    assert told["events"] == ["Done", "Text"]
    assert told["text"].startswith(told["stopped"][:10])
    assert "Did you mean 'temperature'?" in told["refused"]
    assert told["stopped"]
    assert told["ledger"]
    assert told["brought"] == []
    assert fresh.megabytes() < MEGABYTES
    assert fresh.run(tmp_path / "venv" / "bin" / "llmkit", "--version").split() == [
        "llmkit",
        PROJECT["version"],
    ]


@pytest.mark.parametrize("extra", sorted(OPENS))
def test_each_extra_installs_alone(extra, wheel, tmp_path):
    fresh = Fresh(tmp_path)
    fresh.install(f"{wheel}[{extra}]")
    fresh.run("-c", f"import llmkit, {OPENS[extra]}; print(llmkit.ask('Hello', model='sim/swift').text)")


@pytest.mark.parametrize("extra", sorted(set(EXTRAS) - set(OPENS)))
def test_the_larger_extras_can_be_resolved(extra, wheel, tmp_path):
    fresh = Fresh(tmp_path)
    fresh.install("--dry-run", f"{wheel}[{extra}]")


def test_the_lock_has_a_hash_for_every_file_it_names():
    lock = tomllib.loads((ROOT / "uv.lock").read_text("utf-8"))
    files = [
        file
        for package in lock["package"]
        for file in (*package.get("wheels", ()), *([package["sdist"]] if "sdist" in package else ()))
    ]
    assert len(files) > 500
    assert [file["url"] for file in files if not file.get("hash", "").startswith("sha256:")] == []


def test_a_bill_of_materials_is_made_of_the_lock(tmp_path):
    path = tmp_path / "sbom.json"
    run(
        [*(uv(), "export", "--quiet", "--frozen", "--no-dev"), *("--format", "cyclonedx1.5", "-o", path)],
        cwd=ROOT,
    )
    bill = json.loads(path.read_text("utf-8"))
    assert bill["metadata"]["component"]["name"] == "llmkit"
    named = {component["name"] for component in bill["components"]}
    assert {"openai", "genai-prices", "markdown-it-py", "pyyaml", "jiter"} <= named
