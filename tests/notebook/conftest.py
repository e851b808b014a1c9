"""Shared by the notebook's tests: data, and an inspector that says what a page would do with some HTML."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from kernel import Kernel
from lab import FLAGS, PATIENCE, SCREENSHOTS, Lab

DATA = Path(__file__).parent / "data"

TAGS = {
    "a", "blockquote", "br", "code", "del", "details", "div", "em", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "li", "ol",
    "p", "pre", "s", "span", "strong", "summary", "table", "tbody", "td", "th", "thead", "tr", "ul",
}  # fmt: skip
ATTRIBUTES = {"class", "href", "rel", "start", "style", "target", "title", "open"}
STYLE = re.compile(r"[\w\s.,:;%()#-]*\Z")


class Inspector(HTMLParser):
    """Collects what a page must not do: elements, attributes, links and styles beyond the harmless ones."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.faults: list[str] = []
        self.words: list[str] = []
        self.links: list[str] = []
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in TAGS:
            self.faults.append(f"<{tag}>")
        if tag not in ("br", "hr"):
            self.open.append(tag)
        for name, value in attrs:
            if name not in ATTRIBUTES:
                self.faults.append(f"{tag} {name}=")
            if name == "href":
                self.links.append(value or "")
                if not (value or "").lower().startswith(("http://", "https://", "mailto:")):
                    self.faults.append(f"href={value!r}")
            if name == "style" and (not STYLE.match(value or "") or "url" in (value or "")):
                self.faults.append(f"style={value!r}")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.faults.append(f"</{tag}> closes nothing")

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    def handle_comment(self, data: str) -> None:
        if data.strip():
            self.faults.append(f"comment {data!r}")

    def handle_decl(self, decl: str) -> None:
        self.faults.append(f"declaration {decl!r}")

    def handle_pi(self, data: str) -> None:
        self.faults.append(f"instruction {data!r}")

    def unknown_decl(self, data: str) -> None:
        self.faults.append(f"declaration {data!r}")


def inspect(html: str) -> Inspector:
    """Read some HTML as a page would."""
    inspector = Inspector()
    inspector.feed(html)
    inspector.close()
    if inspector.open:
        inspector.faults.append(f"left open: {inspector.open}")
    return inspector


@pytest.fixture(scope="session")
def look():
    """The inspector, as a function."""
    return inspect


@pytest.fixture(scope="module")
def kernel_environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """For a child process: no keys, a home of its own, a way out that leads nowhere."""
    return environment_in(tmp_path_factory.mktemp("kernel"))


def environment_in(home: Path) -> dict[str, str]:
    clean = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("LLMKIT_", "JUPYTER", "IPYTHON")) and not name.endswith("_API_KEY")
    }
    proxies = dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"), "http://127.0.0.1:9")
    own = {
        "IPYTHONDIR": "ipython",
        "JUPYTER_CONFIG_DIR": "config",
        "JUPYTER_RUNTIME_DIR": "run",
        "LLMKIT_HOME": "llmkit",
    }
    return {
        **clean,
        **proxies,
        "NO_PROXY": "127.0.0.1,localhost",
        "no_proxy": "127.0.0.1,localhost",
        "PYDEVD_DISABLE_FILE_VALIDATION": "1",
        "PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring",
        **{name: str(home / place) for name, place in own.items()},
    }


@pytest.fixture(scope="module")
def kernel(kernel_environment: dict[str, str]) -> Iterator[Kernel]:
    """A real kernel with llmkit loaded."""
    running = Kernel(kernel_environment)
    assert running.run("import llmkit\n%load_ext llmkit").status == "ok"
    yield running
    running.close()


def samples(name: str) -> list[str]:
    """A data file of JSON strings, one a line."""
    return [json.loads(line) for line in (DATA / f"{name}.jsonl").read_text("utf-8").splitlines()]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    for name in ("hostile", "harmless"):
        if name in metafunc.fixturenames:
            values = samples(name)
            metafunc.parametrize(name, values, ids=[f"{name}{n}" for n in range(len(values))])


@pytest.fixture(scope="session")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """One JupyterLab for all the tests that need one."""
    home = tmp_path_factory.mktemp("lab")
    running = Lab(home, {**environment_in(home / "kernel"), "LLMKIT_DISPLAY": "live"})
    yield running
    running.close()


@pytest.fixture(scope="module")
def browser(chromium: str) -> Iterator[Any]:
    """One Chromium for a file of tests; every notebook is opened in a context of its own. It ends with the
    file: while it lives, Playwright's event loop counts as running, and no coroutine can be tested."""
    try:
        from playwright.sync_api import expect, sync_playwright
    except ModuleNotFoundError:
        pytest.skip("playwright is not installed (pip install playwright)")
    expect.set_options(timeout=PATIENCE)
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=chromium, headless=True, args=FLAGS)
        yield running
        running.close()


@pytest.fixture
def screenshots(tmp_path: Path) -> Path:
    """Where pictures go: a folder that is kept if the developer names one in LLMKIT_SCREENSHOTS."""
    place = Path(SCREENSHOTS or tmp_path)
    place.mkdir(parents=True, exist_ok=True)
    print(f"Screenshots: {place}")
    return place
