"""Keys in notebooks are found wherever a notebook keeps something, and taken out without breaking it."""

from __future__ import annotations

import base64
import io
import json
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
import yaml
from nbformat import v4
from PIL import Image, PngImagePlugin

from llmkit.core.errors import BadRequest
from llmkit.notebook.scrub import scrub_notebook, scrub_text

ROOT = Path(__file__).parents[2]
OPENAI = "sk-proj-made0up0123456789abcdefghij"
ANTHROPIC = "sk-ant-api03-made0up0123456789abcdefghij"
KNOWN = "unlike any other 0123456789".replace(" ", "-")


def png(words, *, packed):
    info = PngImagePlugin.PngInfo()
    info.add_text("Software", "matplotlib")
    info.add_text("Comment", words, zip=packed)
    out = io.BytesIO()
    Image.new("RGB", (3, 2), "red").save(out, "PNG", pnginfo=info)
    return base64.b64encode(out.getvalue()).decode()


def notebook():
    """One with a key in every place that a notebook has."""
    source = f'import os\nos.environ["OPENAI_API_KEY"] = "{OPENAI}"\nprint("hello")'
    cell = v4.new_code_cell(source, execution_count=1)
    cell.outputs = [
        v4.new_output("stream", name="stdout", text=f"hello\nusing {ANTHROPIC}\n"),
        v4.new_output(
            "execute_result", {"text/plain": json.dumps({"key": json.dumps(OPENAI)})}, execution_count=1
        ),
        v4.new_output("display_data", {"image/png": png(OPENAI, packed=False)}),
        v4.new_output(
            "display_data", {"image/png": png((OPENAI + " ") * 20, packed=True), "text/plain": "<Figure>"}
        ),
        v4.new_output(
            "display_data",
            {"application/octet-stream": base64.b64encode(f"x {KNOWN} y {'z' * 40}".encode()).decode()},
        ),
        v4.new_output(
            "error", ename="AuthError", evalue=f"no: {OPENAI}", traceback=[f"\x1b[31m{OPENAI}\x1b[0m"]
        ),
    ]
    words = v4.new_markdown_cell("![a](attachment:a.png) é")
    words.attachments = {"a.png": {"image/png": png(KNOWN, packed=False)}}
    clean = v4.new_code_cell("x = 1  # sk-your-api-key-goes-right-here\nkey = os.environ['OPENAI_API_KEY']")
    book = v4.new_notebook(cells=[cell, words, clean])
    book.metadata["papermill"] = {"parameters": {"api_key": KNOWN}}
    book.metadata["widgets"] = {"state": {"a": {"value": ANTHROPIC}}}
    return nbformat.writes(book)


@pytest.fixture
def known(monkeypatch):
    monkeypatch.setenv("OWN_API_KEY", KNOWN)


def everything(text):
    """All that is in a notebook, base64 and packed words of pictures undone."""
    found = [text]
    for cell in json.loads(text)["cells"]:
        bundles = [output.get("data", {}) for output in cell.get("outputs", [])]
        bundles += cell.get("attachments", {}).values()
        for kind, data in (item for bundle in bundles for item in bundle.items()):
            if kind == "image/png":
                found.append(str(Image.open(io.BytesIO(base64.b64decode("".join(data)))).info))
            elif kind == "application/octet-stream":
                found.append(base64.b64decode("".join(data)).decode())
    return "\n".join(found)


def test_every_place_is_looked_at_and_told_in_peoples_numbers(known):
    places = [str(finding) for finding in scrub_notebook(notebook()).findings]
    assert places == [
        "cell 1, output 1, text: anthropic (…ghij)",
        "cell 1, output 2, data, text/plain: openai (…ghij)",
        "cell 1, output 3, data, image/png (base64), the picture's own words: openai (…ghij)",
        *["cell 1, output 4, data, image/png (base64), the picture's own words: openai (…ghij)"] * 20,
        "cell 1, output 5, data, application/octet-stream (base64): a known key (…6789)",
        "cell 1, output 6, evalue: openai (…ghij)",
        "cell 1, output 6, traceback: openai (…ghij)",
        "cell 1, source: openai (…ghij)",
        "cell 2, attachments, a.png, image/png (base64), the picture's own words: a known key (…6789)",
        "metadata, papermill, parameters: a known key (…6789)",
        "metadata, widgets, state: anthropic (…ghij)",
    ]


def test_what_is_taken_out_is_gone_and_the_notebook_is_whole(known):
    before = notebook()
    assert OPENAI in everything(before)
    after = scrub_notebook(before).text
    left = everything(after)
    assert not [key for key in (OPENAI, ANTHROPIC, KNOWN) if key in left]
    book = nbformat.reads(after, as_version=4)
    nbformat.validate(book)
    assert book.cells[0].source == 'import os\nos.environ["OPENAI_API_KEY"] = "•••"\nprint("hello")'
    picture = Image.open(io.BytesIO(base64.b64decode(book.cells[0].outputs[2].data["image/png"])))
    assert picture.getpixel((0, 0)) == (255, 0, 0)
    assert picture.info["Software"] == "matplotlib"
    assert scrub_notebook(after).findings == ()


def test_only_the_lines_with_a_key_change(known):
    text = notebook()
    before, after = text.splitlines(), scrub_notebook(text).text.splitlines()
    assert len(before) == len(after)
    changed = [old for old, new in zip(before, after, strict=True) if old != new]
    assert len(changed) == 11


def test_a_notebook_without_keys_comes_back_to_the_letter():
    text = '{"cells":[ {"cell_type":"markdown","source":"no key","metadata":{}} ]}'
    assert scrub_notebook(text).text == text


@pytest.mark.parametrize("path", sorted((ROOT / "notebooks").glob("*.ipynb")), ids=lambda path: path.name)
def test_our_own_notebooks_have_none(path):
    assert scrub_notebook(path.read_text("utf-8")).findings == ()


@pytest.mark.parametrize(
    "line",
    [
        "api_key = 'Zm9vYmFyYmF6cXV4MTIz4567'",
        "%env MISTRAL_API_KEY=aB3dE5fG7hI9jK1lM3nO5pQ7",
        '{"Authorization": "Bearer aB3dE5fG7hI9jK1lM3nO5"}',
        "https://a.example/v1?key=aB3dE5fG7hI9jK1lM3nO5",
        "gsk_0123456789abcdefABCDEF",
        "AIzaSyA0123456789abcdefghijklmnopqrstuv",
        'os.environ["AZURE_OPENAI_API_KEY"] = "0123456789abcdef0123456789abcdef"',
        'client = OpenAI(api_key="0123456789abcdef0123456789abcdef")',
        r"one\nsk-proj-0123456789abcdef01 and %3Dnothing",
        "redirect=a%3Dsk-proj-0123456789abcdef01",
        "\x1b[1;31msk-proj-0123456789abcdef01\x1b[0m",
        '\\"api_key\\": \\"0123456789abcdef0123456789abcdef\\"',
    ],
)
def test_what_is_spelled_like_a_key_is_found(line):
    (finding,) = scrub_text(f"first\n{line}\n").findings
    assert finding.place == "line 2"


@pytest.mark.parametrize(
    "line",
    [
        "api_key = os.environ['OPENAI_API_KEY']",
        "api_key=getpass.getpass()",
        "OPENAI_API_KEY=sk-your-key-here-0000",
        "export OPENAI_API_KEY=sk-xxxxxxxxxxxxxxxxxxxxxxxx",
        "sk-learn-contrib-is-a-package-of-packages",
        "api_key: ${MY_VARIABLE_NAME_2}",
        "def api_key(self, provider_name_of_2): ...",
        "the api key, which is needed for 2 calls",
        "task-0123456789abcdef0123456789",
        "git sha 0123456789abcdef0123456789abcdef01234567",
    ],
)
def test_what_only_speaks_of_keys_is_left_alone(line):
    assert scrub_text(line).findings == ()


@pytest.mark.parametrize("text", ["", "no json", "[]", '{"nbformat": 4}', "[" * 100_000])
def test_what_is_no_notebook_is_refused(text):
    with pytest.raises(BadRequest, match="This is no notebook"):
        scrub_notebook(text)


@pytest.fixture
def scrub(child_environment):
    def run(*words, **more):
        return subprocess.run(
            [sys.executable, "-m", "llmkit", "scrub", *map(str, words)],
            env={**child_environment, "PYTHONPATH": str(ROOT), **more},
            capture_output=True,
            text=True,
            timeout=120,
        )

    return run


def test_the_command_finds_takes_out_and_is_then_content(scrub, tmp_path):
    book = tmp_path / "a.ipynb"
    text = notebook()
    book.write_text(text, "utf-8")
    book.chmod(0o640)
    found = scrub(book, OWN_API_KEY=KNOWN)
    assert found.returncode == 1
    assert f"{book}: cell 1, source: openai (…ghij)" in found.stdout
    assert OPENAI not in found.stdout
    assert book.read_text("utf-8") == text
    fixed = scrub("--fix", book, OWN_API_KEY=KNOWN)
    assert fixed.returncode == 1
    assert "Revoke them" in fixed.stdout
    assert book.stat().st_mode & 0o777 == 0o640
    assert list(tmp_path.iterdir()) == [book]
    again = scrub(book, OWN_API_KEY=KNOWN)
    assert (again.returncode, again.stdout) == (0, "")


def test_a_file_that_cant_be_read_does_not_hide_the_others(scrub, tmp_path):
    (tmp_path / "b.ipynb").write_text("no json")
    (tmp_path / "c.txt").write_text(f"x\n{OPENAI}\n")
    ran = scrub(tmp_path / "missing.ipynb", tmp_path / "b.ipynb", tmp_path / "c.txt")
    assert ran.returncode == 2
    assert "missing.ipynb: No such file" in ran.stderr
    assert "b.ipynb: This is no notebook" in ran.stderr
    assert "c.txt: line 2: openai (…ghij)" in ran.stdout


def test_it_is_a_pre_commit_hook():
    (hook,) = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text("utf-8"))
    assert hook["entry"] == "llmkit scrub"
    assert hook["types_or"] == ["jupyter"]
