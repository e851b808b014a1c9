"""The quickstart in a real JupyterLab, seen through a real Chromium: text grows, and is saved once."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from urllib.error import URLError
from urllib.request import ProxyHandler, build_opener

import nbformat
import pytest
from kernel import ROOT

#: Read here, because every test runs without the developer's settings.
SCREENSHOTS = os.environ.get("LLMKIT_SCREENSHOTS")
pytestmark = [pytest.mark.browser, pytest.mark.slow]

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
IDLE = (
    "() => document.querySelector('.jp-Notebook-ExecutionIndicator')?.getAttribute('data-status') === 'idle'"
)
#: Notes every length that an answer has had, and whatever a page must not hold.
WATCH = """() => {
  window.lengths = []; window.ran = 0; window.alert = () => { window.ran += 1 };
  new MutationObserver(() => {
    const answers = [...document.querySelectorAll('.llmkit-md')];
    const now = answers.map(a => a.innerText.length).reduce((a, b) => a + b, 0);
    if (now && now !== window.lengths.at(-1)) window.lengths.push(now);
  }).observe(document.body, {childList: true, subtree: true, characterData: true});
}"""
HOSTILE = """from llmkit import Message, Reply
Reply(Message.assistant('''<script>alert(1)</script> <img src=x onerror=alert(1)>
![cat](http://127.0.0.1:{port}/canary.png) [x](javascript:alert(1)) It costs $5, not $6.'''), model="m")"""


class Lab:
    """A JupyterLab of its own: own port, own folders, no browser of its own."""

    def __init__(self, home: Path, environment: dict[str, str], settings: dict[str, str]) -> None:
        self.home = home
        self.books = home / "books"
        self.books.mkdir()
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        places = {name: str(home / name.lower()) for name in ("JUPYTER_CONFIG_DIR", "JUPYTER_RUNTIME_DIR", "JUPYTER_DATA_DIR", "IPYTHONDIR")}  # fmt: skip
        for plugin, text in settings.items():
            file = home / "jupyter_config_dir" / "lab" / "user-settings" / plugin
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
        self.log = (home / "lab.log").open("wb")
        self.process = subprocess.Popen(
            [
                *(sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", "--ip=127.0.0.1"),
                *(f"--port={self.port}", "--ServerApp.port_retries=0", f"--ServerApp.root_dir={self.books}"),
                *("--IdentityProvider.token=", "--ServerApp.disable_check_xsrf=True"),
                "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
                "--LabApp.news_url=",
            ],
            env={**environment, **places, "PYTHONPATH": str(ROOT)},
            stdout=self.log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        self.url = f"http://127.0.0.1:{self.port}"
        self._opener = build_opener(ProxyHandler({}))
        self._wait()

    def connected(self) -> bool:
        """Has a page's kernel begun, and is the page listening to it?"""
        try:
            with self._opener.open(f"{self.url}/api/kernels", timeout=5) as answer:
                kernels = json.load(answer)
        except URLError:  # a kernel that is just being made can make the list fail
            return False
        return any(kernel["connections"] and kernel["execution_state"] == "idle" for kernel in kernels)

    def _wait(self) -> None:
        deadline = time.monotonic() + 90
        while time.monotonic() < deadline:
            try:
                self._opener.open(f"{self.url}/api/status", timeout=2).close()
            except (URLError, OSError):
                assert self.process.poll() is None, (self.home / "lab.log").read_text()[-2000:]
                time.sleep(0.2)
            else:
                return
        raise TimeoutError((self.home / "lab.log").read_text()[-2000:])

    def close(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(15)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.log.close()


@pytest.fixture(scope="module")
def playwright():
    try:
        from playwright.sync_api import sync_playwright
    except ModuleNotFoundError:
        pytest.skip("playwright is not installed (pip install playwright)")
    with sync_playwright() as running:
        yield running


@pytest.fixture
def browser(playwright, chromium):
    running = playwright.chromium.launch(executable_path=chromium, headless=True, args=FLAGS)
    yield running
    running.close()


@pytest.fixture
def screenshots(tmp_path):
    place = Path(SCREENSHOTS or tmp_path)
    place.mkdir(parents=True, exist_ok=True)
    return place


@pytest.fixture
def make_lab(tmp_path, kernel_environment):
    made = []

    def make(*, dark=False):
        home = tmp_path / f"lab{len(made)}"
        home.mkdir()
        theme = f'{{"theme": "JupyterLab {"Dark" if dark else "Light"}"}}'
        news = '{"fetchNews": "false", "checkForUpdates": false}'
        settings = {
            "@jupyterlab/apputils-extension/themes.jupyterlab-settings": theme,
            "@jupyterlab/notebook-extension/tracker.jupyterlab-settings": '{"windowingMode": "none"}',
            "@jupyterlab/apputils-extension/notification.jupyterlab-settings": news,
        }
        made.append(Lab(home, {**kernel_environment, "LLMKIT_DISPLAY": "live"}, settings))
        return made[-1]

    yield make
    for lab in made:
        lab.close()


class Book:
    """A notebook that is open in a page."""

    def __init__(self, page, lab, name):
        self.page = page
        self.path = lab.books / name
        page.goto(f"{lab.url}/doc/tree/{name}?reset", wait_until="domcontentloaded")
        page.wait_for_selector(".jp-Notebook .jp-CodeCell", timeout=40_000)
        for _ in range(300):
            if lab.connected():
                break
            page.wait_for_timeout(100)
        page.wait_for_timeout(500)
        self.wait_idle()

    def wait_idle(self):
        self.page.wait_for_function(IDLE, timeout=40_000)

    def cell(self, at):
        return self.page.locator(".jp-Notebook .jp-Cell").nth(at)

    def start(self, at):
        """Run a cell; a page that is not ready yet loses the keys, so they are pressed until it shows."""
        before = self.prompt(at)
        for _ in range(10):
            self.cell(at).locator(".cm-content").first.click()
            self.page.keyboard.press("Control+Enter")
            for _ in range(20):
                if self.prompt(at) != before:
                    return
                self.page.wait_for_timeout(100)
        raise TimeoutError(f"cell {at} never began")

    def run(self, at):
        self.start(at)
        while "*" in self.prompt(at):
            self.page.wait_for_timeout(50)
        self.wait_idle()

    def prompt(self, at):
        return self.cell(at).locator(".jp-InputPrompt").first.inner_text()

    def save(self):
        before = self.path.stat().st_mtime_ns
        self.page.keyboard.press("Escape")
        self.page.keyboard.press("Control+s")
        deadline = time.monotonic() + 30
        while self.path.stat().st_mtime_ns == before and time.monotonic() < deadline:
            self.page.wait_for_timeout(100)
        return nbformat.read(self.path, as_version=4)


@contextmanager
def opened(browser, lab, cells, name="book.ipynb", **look):
    """A notebook with these cells, open in a page; gives the book and every request the page made."""
    book = nbformat.v4.new_notebook(metadata={"kernelspec": {"name": "python3", "display_name": "Python 3"}})
    book.cells = cells
    nbformat.write(book, lab.books / name)
    context = browser.new_context(viewport={"width": 1180, "height": 900}, **look)
    page = context.new_page()
    requests = []
    page.on("request", lambda request: requests.append(request.url))
    try:
        yield Book(page, lab, name), requests
    except BaseException:
        page.screenshot(path=lab.home / "failed.png")
        raise
    finally:
        context.close()


def quickstart():
    """The cells of the quickstart, without outputs."""
    cells = nbformat.read(ROOT / "notebooks" / "00_quickstart.ipynb", as_version=4).cells
    for cell in cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    return cells


def code(*sources):
    return [nbformat.v4.new_code_cell(source) for source in sources]


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_the_quickstart_grows_before_ones_eyes_and_is_saved_once(browser, make_lab, screenshots, dark):
    lab = make_lab(dark=dark)
    cells = quickstart()
    asks = [at for at, cell in enumerate(cells) if cell.source.startswith("%%llm")]
    load = next(at for at, cell in enumerate(cells) if "%load_ext" in cell.source)
    theme = "dark" if dark else "light"
    with opened(browser, lab, cells) as (book, _):
        book.run(load)
        book.page.evaluate(WATCH)
        book.start(asks[0])
        book.page.wait_for_function("() => window.lengths.length > 3", timeout=30_000)
        book.page.screenshot(path=screenshots / f"growing-{theme}.png")
        book.wait_idle()
        book.page.wait_for_selector(".llmkit-footer")
        lengths = book.page.evaluate("window.lengths")
        assert len([n for n in lengths if n < max(lengths)]) >= 3
        assert book.page.locator(".llmkit-live").count() == 0
        for at in range(asks[0] + 1, len(cells)):
            if cells[at].cell_type == "code":
                book.run(at)
        for count, at in enumerate(asks):
            book.cell(at).scroll_into_view_if_needed()
            book.cell(at).screenshot(path=screenshots / f"answer{count}-{theme}.png")
        book.page.evaluate("document.querySelector('.jp-WindowedPanel-outer, .jp-Notebook').scrollTop = 0")
        book.page.wait_for_timeout(300)
        book.page.screenshot(path=screenshots / f"quickstart-{theme}.png")
        saved = book.save()
    for at in asks:
        (output,) = saved.cells[at].outputs
        assert set(output.data) == {"text/plain", "text/markdown", "text/html"}
    answer = saved.cells[asks[0]].outputs[0].data["text/plain"].splitlines()[0]
    assert (
        lab.books.joinpath("book.ipynb").read_text("utf-8").count(f'"{answer}\\n",\n') == 2
    )  # plain, Markdown
    assert "widgets" not in saved.metadata


def test_an_interrupt_from_the_toolbar_leaves_the_partial_answer_and_one_line(browser, make_lab, screenshots):
    lab = make_lab()
    cells = code("%load_ext llmkit", "%%llm sim/scholar:rate=30\nWhy is the sky blue?")
    with opened(browser, lab, cells) as (book, _):
        book.run(0)
        book.page.evaluate(WATCH)
        book.start(1)
        book.page.wait_for_function("() => window.lengths.length > 2", timeout=30_000)
        book.page.keyboard.press("Escape")
        book.page.keyboard.press("i")
        book.page.keyboard.press("i")
        book.page.wait_for_selector("text=Interrupted. The partial answer is in _llm.")
        book.wait_idle()
        book.page.screenshot(path=screenshots / "interrupted.png")
        saved = book.save()
    shown, error = saved.cells[1].outputs
    assert "■ Interrupted" in shown.data["text/plain"]
    assert len(str(error)) < 1000


def test_a_hostile_answer_runs_nothing_loads_nothing_and_typesets_nothing(browser, make_lab, screenshots):
    lab = make_lab()
    cells = code("%load_ext llmkit", HOSTILE.replace("{port}", str(lab.port)))
    with opened(browser, lab, cells) as (book, requests):
        book.run(0)
        book.page.evaluate(WATCH)
        book.run(1)
        book.page.wait_for_selector(".llmkit-footer")
        book.page.wait_for_timeout(1500)
        book.page.screenshot(path=screenshots / "hostile.png")
        answer = book.page.locator(".llmkit-reply")
        assert book.page.evaluate("window.ran") == 0
        assert not [url for url in requests if "canary" in url]
        assert answer.locator("img, script, iframe, mjx-container, .MathJax").count() == 0
        assert "It costs $5, not $6." in answer.inner_text()
