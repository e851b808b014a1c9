"""Hostile answers in a real page: streamed through the pane, resent as HTML, compared, kept, reopened, exported.

Every payload that names a host names ours instead, which notes whoever asks; a script that ran would show as well.
"""

from __future__ import annotations

import json
import re
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import nbformat
import pytest
from lab import code, opened, reopened

pytestmark = [pytest.mark.browser, pytest.mark.slow]

DATA = Path(__file__).parent / "data"

#: Whatever a script of a payload would do, leaves a trace.
TRAP = """
window.ran = 0;
const trap = () => { window.ran += 1; try { window.top.ran += 1 } catch {} };
window.alert = window.confirm = window.prompt = trap;
"""
#: What a page made of answers must not hold, in any form of them.
FORBIDDEN = """() => [...document.querySelectorAll('.llmkit-reply *, .llmkit-compare *, .llmkit-cmp .llmkit-md *, .llmkit-cmp-diff *')].filter(node =>
    ['SCRIPT', 'IMG', 'IFRAME', 'FORM', 'INPUT', 'SVG', 'MATH', 'OBJECT', 'EMBED', 'LINK', 'STYLE', 'VIDEO', 'AUDIO',
     'BASE', 'META'].includes(node.tagName.toUpperCase())
    || (node.tagName === 'BUTTON' && !node.matches('.llmkit-stop'))
    || [...node.attributes].some(a => a.name.startsWith('on') || a.name.startsWith('data-command')
        || (a.name === 'style' && /url|expression|position/i.test(a.value)))
    || (node.tagName === 'A' && !/^(https?|mailto):/i.test(node.getAttribute('href') ?? ''))
    || node.tagName.startsWith('MJX')).map(node => node.outerHTML)"""
LOAD = """%load_ext llmkit
%config LLMKit.maths = True
import json, llmkit, llmkit.sim
from pathlib import Path
from IPython.display import display
from llmkit import Message, Reply
from llmkit.sim import Say
payloads = json.loads(Path("payloads.json").read_text("utf-8"))
# A fence that is never closed would make code of all that follows.
open_ended = [text for text in payloads if "```" in text or "~~~" in text]
joined = "\\n\\n".join([*(text for text in payloads if text not in open_ended), *open_ended])
llmkit.sim.default().script(lambda ask: Say(joined, fault="split=random"))
len(payloads)"""
PRICE = "It costs $5, not $6."
KEPT = "for text in payloads:\n    display(Reply(Message.assistant(text), model=text))"
STREAMED = "%%llm sim/bench:rate=700,ttft=0,tokens=1000000 --max-tokens 60000\nSay it."
COMPARED = "llmkit.compare('Say it.', models=['sim/bench:rate=2000,ttft=0', 'sim/bench:rate=1500,ttft=0'], max_tokens=60000)"  # fmt: skip
#: Payloads as questions, models, system prompts, answers and errors: titles, cells of the table, notes, reasons.
GRID = """from llmkit.errors import ServerError
from llmkit.jobs.compare import Comparison
from llmkit.jobs.grid import Cell, Question
from llmkit.jobs.pump import Errand
acting = [text for text in payloads if "alert(1)" in text and len(text) < 150][:24]
def told(text, failed):
    reply = Reply(Message.assistant(text), model=text, complete=not failed)
    return Errand(None, "error" if failed else "ok", reply, ServerError(text, why=text) if failed else None)
grid = Comparison([
    Cell(2 * n + m, Question(text, text, model, text, place=n), told(text, failed=m == 1 and n % 2))
    for n, text in enumerate(acting) for m, model in enumerate(acting[:2])])
grid.start()"""
CHROME = """() => [...document.querySelectorAll('.llmkit-cmp *')].filter(node =>
    ['SCRIPT', 'IMG', 'IFRAME', 'FORM', 'SVG', 'MATH', 'OBJECT', 'EMBED', 'LINK', 'STYLE', 'VIDEO', 'AUDIO', 'BASE',
     'META'].includes(node.tagName.toUpperCase()) || node.tagName.startsWith('MJX')
    || [...node.attributes].some(a => a.name.startsWith('on'))).map(node => node.outerHTML)"""
HTML = "%config LLMKit.display = 'html'"


@contextmanager
def canary():
    """A server that nobody is to call; gives its port and who called."""
    calls = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            calls.append(self.path)
            self.send_response(204)
            self.end_headers()

        do_POST = do_HEAD = do_OPTIONS = do_GET  # noqa: N815

        def log_message(self, *_):
            """Nothing: the calls are kept."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server.server_port, calls
    finally:
        server.shutdown()
        server.server_close()


def payloads(port):
    """All hostile samples, whose hosts are the canary's."""
    samples = [json.loads(line) for line in (DATA / "hostile.jsonl").read_text("utf-8").splitlines()]
    ours = f"http://127.0.0.1:{port}"
    aimed = [re.sub(r"https?://[\w.@:%-]*evil\.exam[a-z]*", ours, text) for text in samples]
    aimed = [re.sub(r"(?<!:)//evil\.example", f"//127.0.0.1:{port}", text) for text in aimed]
    image = [f"![x]({ours}/plain.png)", f'<img src="{ours}/html.png">', f"<script src={ours}/x.js></script>"]
    return [*aimed, *image, PRICE]


def elsewhere(requests, *known):
    """Requests to places that the page has no business with."""
    return [url for url in requests if not url.startswith((*known, "data:", "blob:", "about:"))]


def test_no_payload_runs_or_loads_anything_live_reopened_or_exported(browser, lab, screenshots, tmp_path):
    lab.theme("Light")
    home = f"http://127.0.0.1:{lab.port}/"
    with canary() as (port, calls):
        texts = payloads(port)
        assert len(texts) > 200
        assert sum(str(port) in text for text in texts) > 70
        (lab.books / "payloads.json").write_text(json.dumps(texts), "utf-8")
        cells = code(LOAD, KEPT, STREAMED, HTML, STREAMED, COMPARED, GRID)
        with opened(browser, lab, cells, "hostile.ipynb", trap=TRAP) as book:
            book.run(0)
            book.run(1)
            book.start(2)
            book.page.wait_for_selector(".llmkit-pane .llmkit-stop")
            book.page.wait_for_function(
                "() => document.querySelector('.llmkit-pane').innerText.includes('alert(1)')",
            )
            book.page.screenshot(path=screenshots / "hostile-pane.png")
            streaming = book.page.locator(".llmkit-pane").inner_text()
            assert book.page.evaluate(FORBIDDEN) == []
            for at in (2, 3, 4, 5, 6):
                book.finish(at) if at == 2 else book.run(at)
                assert book.page.evaluate(FORBIDDEN) == []
            assert "alert(1)" in streaming
            living = book.page.locator(".llmkit-cmp").first
            assert "alert(1)" in living.locator(".llmkit-cmp-body").first.inner_text()
            living.get_by_text("Differences", exact=True).click()
            living.locator(".llmkit-diff").wait_for()
            assert book.page.evaluate(FORBIDDEN) == []
            grid = book.page.locator(".llmkit-cmp").last
            assert grid.locator(".llmkit-cmp-mark").count() == 48
            for seen in (".llmkit-cmp-matrix", ".llmkit-cmp-name", ".llmkit-cmp-prompt", ".llmkit-cmp-label"):
                assert "alert(1)" in grid.locator(seen).first.inner_text()
            grid.locator(".llmkit-cmp-mark").nth(3).click()
            grid.locator("[data-status=error] .llmkit-cmp-wrong").get_by_text("alert(1)").wait_for(
                timeout=20_000
            )
            assert book.page.evaluate(FORBIDDEN) == []
            assert book.page.evaluate(CHROME) == []
            assert PRICE in book.page.locator(".llmkit-compare").nth(0).inner_text()  # no maths is made of it
            assert book.page.locator(".llmkit-reply").count() >= len(texts) + 2
            assert book.page.evaluate("window.ran") == 0
            assert elsewhere(book.requests, home) == []
            book.page.screenshot(path=screenshots / "hostile-done.png")
            book.save()
        with reopened(browser, lab, "hostile.ipynb", trap=TRAP) as book:
            book.page.wait_for_timeout(1000)
            assert book.page.locator(".llmkit-reply").count() >= len(texts) + 2
            assert book.page.evaluate(FORBIDDEN) == []
            assert book.page.evaluate("window.ran") == 0
            assert elsewhere(book.requests, home) == []
        lab.rest()
        with exported(browser, lab.books / "hostile.ipynb", tmp_path) as (page, requests):
            assert page.locator(".llmkit-reply").count() >= len(texts) + 2
            assert page.evaluate(FORBIDDEN) == []
            assert page.evaluate("window.ran") == 0
            page.screenshot(path=screenshots / "hostile-exported.png")
            assert (
                elsewhere(requests, "file:", "https://cdnjs.cloudflare.com/", "https://cdn.jsdelivr.net/")
                == []
            )
        assert calls == []


@contextmanager
def exported(browser, book, place):
    """A notebook as nbconvert's HTML, open in a page that reaches nothing but the canary."""
    from nbconvert import HTMLExporter

    file = place / "exported.html"
    file.write_text(HTMLExporter().from_notebook_node(nbformat.read(book, as_version=4))[0], "utf-8")
    context = browser.new_context(viewport={"width": 1180, "height": 900})
    context.add_init_script(TRAP)
    page = context.new_page()
    requests = []
    page.on("request", lambda request: requests.append(request.url))
    page.route(re.compile(r"^https:"), lambda route: route.abort())
    page.goto(file.as_uri(), wait_until="load")
    page.wait_for_timeout(1000)
    yield page, requests
    context.close()
