"""A real JupyterLab and the notebooks in it, seen through a page of a real Chromium."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.request import ProxyHandler, Request, build_opener

import nbformat
from kernel import ROOT

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
#: Where to keep screenshots; read here, because every test runs without the developer's settings.
SCREENSHOTS = os.environ.get("LLMKIT_SCREENSHOTS")
#: Milliseconds that a page may take: nothing that is waited for takes a second, and a busy machine takes its time.
PATIENCE = 90_000
IDLE = (
    "() => document.querySelector('.jp-Notebook-ExecutionIndicator')?.getAttribute('data-status') === 'idle'"
)
#: Notes every length that an answer has had, and whatever a page must not hold.
WATCH = """() => {
  window.lengths = []; window.ran = 0; window.alert = () => { window.ran += 1 };
  new MutationObserver(() => {
    const answers = [...document.querySelectorAll('.llmkit-md')];
    const now = answers.map(a => a.innerText.length).reduce((a, b) => a + b, 0);
    if (now && now !== window.lengths.at(-1)) { window.lengths.push(now); window.whole = Date.now(); }
  }).observe(document.body, {childList: true, subtree: true, characterData: true});
}"""


SETTINGS = {
    "apputils-extension/themes.jupyterlab-settings": {"theme": "JupyterLab Light"},
    "apputils-extension/notification.jupyterlab-settings": {"fetchNews": "false", "checkForUpdates": False},
    "notebook-extension/tracker.jupyterlab-settings": {
        "windowingMode": "none",
        "maxNumberOutputs": 1000,
    },
    "docmanager-extension/plugin.jupyterlab-settings": {"autosave": False},
}


class Lab:
    """A JupyterLab of its own: own port, own folders, no browser of its own."""

    def __init__(self, home: Path, environment: dict[str, str]) -> None:
        self.home = home
        self.books = home / "books"
        self.books.mkdir()
        places = {name: str(home / name.lower()) for name in ("JUPYTER_CONFIG_DIR", "JUPYTER_RUNTIME_DIR", "JUPYTER_DATA_DIR", "IPYTHONDIR")}  # fmt: skip
        for plugin, settings in SETTINGS.items():
            file = home / "jupyter_config_dir" / "lab" / "user-settings" / "@jupyterlab" / plugin
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(json.dumps(settings))
        self.log = (home / "lab.log").open("wb")
        self._opener = build_opener(ProxyHandler({}))
        for _ in range(3):  # its port is chosen before it takes it: another program may be quicker
            with socket.socket() as probe:
                probe.bind(("127.0.0.1", 0))
                self.port = probe.getsockname()[1]
            self.url = f"http://127.0.0.1:{self.port}"
            self.process = subprocess.Popen(
                [
                    *(sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", "--ip=127.0.0.1"),
                    *(f"--port={self.port}", "--ServerApp.port_retries=0"),
                    *(f"--ServerApp.root_dir={self.books}", "--IdentityProvider.token="),
                    "--ServerApp.disable_check_xsrf=True",
                    "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
                    "--LabApp.news_url=",
                ],
                env={**environment, **places, "PYTHONPATH": str(ROOT)},
                stdout=self.log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
            if self._up():
                return
        raise TimeoutError((home / "lab.log").read_text()[-2000:])

    def connected(self) -> bool:
        """Has a page's kernel begun, and is the page listening to it?"""
        try:
            kernels = self.kernels()
        except OSError:  # a kernel that is just being made can make the list fail, or come late
            return False
        return any(kernel["connections"] and kernel["execution_state"] == "idle" for kernel in kernels)

    def kernels(self) -> list[dict[str, Any]]:
        """The kernels that run."""
        with self._opener.open(f"{self.url}/api/kernels", timeout=60) as answer:
            return json.load(answer)

    def _up(self) -> bool:
        """Wait until it answers; did it?"""
        deadline = time.monotonic() + 120
        while self.process.poll() is None and time.monotonic() < deadline:
            try:
                self._opener.open(f"{self.url}/api/status", timeout=10).close()
            except OSError:
                time.sleep(0.2)
            else:
                return self.process.poll() is None
        self._end()
        return False

    def theme(self, name: str) -> None:
        """Light or Dark, from the next page on."""
        file = self.home / "jupyter_config_dir/lab/user-settings/@jupyterlab/apputils-extension/themes.jupyterlab-settings"  # fmt: skip
        file.write_text(json.dumps({"theme": f"JupyterLab {name}"}))

    def rest(self) -> None:
        """End all kernels, so that the next notebook has the machine for itself."""
        with self._opener.open(f"{self.url}/api/sessions", timeout=60) as answer:
            sessions = json.load(answer)
        for session in sessions:
            end = Request(f"{self.url}/api/sessions/{session['id']}", method="DELETE")
            self._opener.open(end, timeout=60).close()

    def interrupt(self) -> None:
        """Interrupt all kernels, as the toolbar does, and touch no page."""
        for kernel in self.kernels():
            ask = Request(f"{self.url}/api/kernels/{kernel['id']}/interrupt", data=b"", method="POST")
            self._opener.open(ask, timeout=60).close()

    def close(self) -> None:
        self._end()
        self.log.close()

    def _end(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(15)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


class Book:
    """A notebook that is open in a page: what the page asked for, what came over its websockets, and what its
    console complained of (which fails the test)."""

    def __init__(self, page, lab, name, *, kernel=True):
        self.page = page
        self.path = lab.books / name
        self.requests = []
        self.frames = []
        self.complaints = []
        page.on("request", lambda request: self.requests.append(request.url))
        page.on("console", self._note)
        page.on("pageerror", lambda error: self.complaints.append(f"uncaught: {error}"))
        page.on("websocket", lambda socket: socket.on("framereceived", self._heard))
        page.goto(f"{lab.url}/doc/tree/{name}?reset", wait_until="domcontentloaded")
        page.wait_for_selector(".jp-Notebook .jp-CodeCell", timeout=90_000)
        if not kernel:
            page.locator(".jp-Dialog").get_by_role("button", name="No Kernel").click()
            page.wait_for_selector(".jp-Dialog", state="detached")
            return
        for _ in range(900):
            if lab.connected():
                break
            page.wait_for_timeout(100)
        page.wait_for_timeout(500)
        self.wait_idle()

    def _note(self, message):
        if message.type == "error":
            self.complaints.append(f"{message.text} ({message.location.get('url', '')})")

    def _heard(self, frame):
        self.frames.append(frame if isinstance(frame, bytes) else frame.encode())

    def messages(self, *kinds):
        """How many messages of these kinds the kernel has sent."""
        found = (re.search(rb'"msg_type": ?"(\w+)"', frame) for frame in self.frames)
        return sum(kind is not None and kind[1].decode() in kinds for kind in found)

    def wait_idle(self, milliseconds=120_000):
        self.page.wait_for_function(IDLE, timeout=milliseconds)

    def cell(self, at):
        return self.page.locator(".jp-Notebook .jp-Cell").nth(at)

    def start(self, at):
        """Run a cell; a page that is not ready yet loses the keys, so they are pressed until it shows."""
        before = self.prompt(at)
        for _ in range(10):
            self.cell(at).locator(".cm-content").first.click()
            self.page.keyboard.press("Control+Enter")
            for _ in range(50):
                if self.prompt(at) != before:
                    return
                self.page.wait_for_timeout(100)
        raise TimeoutError(f"cell {at} never began")

    def run(self, at):
        self.start(at)
        self.finish(at)

    def run_all(self):
        """*Run All Cells* of the menu, to the end."""
        self.begin_all()
        self.wait_idle(120_000)
        for at in range(self.page.locator(".jp-Notebook .jp-Cell").count()):
            if self.cell(at).locator(".jp-InputPrompt").count():
                self.finish(at)

    def begin_all(self):
        """*Run All Cells* of the menu; returns once the first has begun."""
        self.page.keyboard.press("Escape")
        self.page.get_by_role("menuitem", name="Run", exact=True).click()
        self.page.get_by_text("Run All Cells", exact=True).click()
        self.page.wait_for_function(f"() => !({IDLE})()", timeout=60_000)

    def finish(self, at):
        while "*" in self.prompt(at):
            self.page.wait_for_timeout(50)
        self.wait_idle()

    def prompt(self, at):
        return self.cell(at).locator(".jp-InputPrompt").first.inner_text()

    def save(self):
        before = self.path.stat().st_mtime_ns
        self.page.keyboard.press("Escape")
        self.page.keyboard.press("Control+s")
        deadline = time.monotonic() + 90
        while time.monotonic() < deadline:
            self.page.wait_for_timeout(200)
            text = self.path.read_text("utf-8")
            if self.path.stat().st_mtime_ns != before and text.endswith("}\n"):  # the server is done writing
                return nbformat.reads(text, as_version=4)
        raise TimeoutError("the notebook was not saved")


@contextmanager
def opened(browser, lab, cells, name="book.ipynb", trap=""):
    """A notebook with these cells, open in a page."""
    book = nbformat.v4.new_notebook(metadata={"kernelspec": {"name": "python3", "display_name": "Python 3"}})
    book.cells = cells
    nbformat.write(book, lab.books / name)
    with reopened(browser, lab, name, trap) as page:
        yield page
    lab.rest()


@contextmanager
def reopened(browser, lab, name="book.ipynb", trap="", *, kernel=True):
    """A notebook that is there already; ``trap`` is a script that runs first in every frame of the page."""
    if not kernel:  # JupyterLab starts any kernel of the notebook's language: it is given one that has none
        book = nbformat.read(lab.books / name, as_version=4)
        book.metadata = {"kernelspec": {"name": "gone", "display_name": "Gone", "language": "gone"}}
        nbformat.write(book, lab.books / name)
    context = browser.new_context(viewport={"width": 1180, "height": 900})
    context.set_default_timeout(PATIENCE)
    context.add_init_script(trap)
    page = context.new_page()
    try:
        book = Book(page, lab, name, kernel=kernel)
        yield book
        assert book.complaints == [], "the page's console has something to say"
    except BaseException:
        page.screenshot(path=lab.home / "failed.png")
        raise
    finally:
        context.close()


def code(*sources):
    """Code cells."""
    return [nbformat.v4.new_code_cell(source) for source in sources]
