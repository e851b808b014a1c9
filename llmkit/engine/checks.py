"""What the doctor looks at: each check reads one thing and gives its findings. Report and entry are ``health.py``.

Adding a check is adding a function to ``CHECKS``.
"""

from __future__ import annotations

import asyncio
import importlib.metadata
import importlib.util
import os
import platform
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from llmkit import nested
from llmkit.engine.health import Finding
from llmkit.engine.probing import Probe
from llmkit.ledger.checkup import look
from llmkit.ledger.place import MEMORY, ledger_path, on_server
from llmkit.providers import config as configs
from llmkit.providers import endpoints

if TYPE_CHECKING:
    from llmkit.engine.session import Session
    from llmkit.providers.base import Provider
    from llmkit.providers.keys import Key

#: So many seconds of a wrong clock upset certificates, signatures and the times of rate limits.
_SKEW = 60.0
#: The SDKs that an extra of llmkit brings.
_EXTRAS = {"anthropic": "anthropic", "google.genai": "gemini", "litellm": "litellm", "llama_cpp": "local"}
#: What is named with its version, in groups, and what is missed where nothing of a group is there.
_PACKAGES: Mapping[str, tuple[tuple[str, ...], str]] = {
    "SDKs": (("openai", "anthropic", "google-genai", "litellm", "llama-cpp-python"), ""),
    "prices": (("genai-prices",), ""),
    "notebook": (("jupyterlab", "ipykernel", "ipython", "ipywidgets", "anywidget"), ""),
    "tables": (("pandas", "plotly"), '`llmkit.usage()` and plots need them: pip install "llmkit[data]"'),
}
#: Settings of the environment that change what llmkit does.
_VARIABLES = (
    "LLMKIT_HOME",
    "LLMKIT_CONFIG",
    "LLMKIT_LEDGER",
    "LLMKIT_DISPLAY",
    "LLMKIT_GATEWAY",
    "LLMKIT_TAPE",
    "LLMKIT_TRUSTED_HOSTS",
)


@dataclass(frozen=True, slots=True)
class Seen:
    """What a check has to go by."""

    session: Session
    answers: Mapping[str, Probe]
    check: bool


def askable(session: Session) -> dict[str, Provider]:
    """The providers to ask: those of the configuration and those whose key is set, but not the simulator."""
    known = session.registry
    named = dict.fromkeys((*known.configured, *known.ready()))
    return {name: known[name] for name in named if not known[name].simulated}


def findings(session: Session, answers: Mapping[str, Probe], *, check: bool) -> list[Finding]:
    """All of them, in the order of ``CHECKS``."""
    seen = Seen(session, answers, check)
    return [finding for look_at in CHECKS for finding in look_at(seen)]


def _configuration(seen: Seen) -> Iterator[Finding]:
    area = "configuration"
    sources = seen.session.registry.config.sources
    for source in sources:
        if source.path is not None:
            yield Finding(area, source.origin, "ok", f"{source.path} was read")
    if not any(source.path for source in sources):
        where = "given by the program" if sources else f"none ({configs.user_file()} would be read)"
        yield Finding(area, configs.FILE_NAME, "ok", where)
    for name in _VARIABLES:
        if value := os.environ.get(name):
            yield Finding(area, name, "note", value)


def _providers(seen: Seen) -> Iterator[Finding]:
    area = "providers"
    known = seen.session.registry
    if not seen.answers:
        yield Finding(
            area,
            "sim",
            "note",
            "no other provider is ready here, so the built-in simulator answers",
            "`llmkit keys set PROVIDER` (in a notebook `%llm keys set PROVIDER`) asks for one.",
        )
    for name, answer in seen.answers.items():
        yield _provider(name, known.entry(name).provider, known.entry(name).key, answer, check=seen.check)


def _provider(name: str, provider: Provider, key: Key, answer: Probe, *, check: bool) -> Finding:
    shown, place = key.shown()
    told = [f"key {shown} ({place})" if place and shown != "not needed" else f"key {shown}"]
    path = getattr(provider, "path", None)  # of models that run in this process
    if isinstance(path, str) and not Path(path).expanduser().exists():
        return Finding(
            "providers",
            name,
            "problem",
            f"there is nothing at {path}",
            "Mend the `path` in its configuration.",
        )
    if not _is_installed(provider.package):
        extra = _EXTRAS.get(provider.package)
        todo = f'`pip install "llmkit[{extra}]"`' if extra else f"`pip install {provider.package}`"
        return Finding("providers", name, "problem", f"the package {provider.package} is not installed", todo)
    where = urlsplit(provider.base_url).netloc or provider.base_url
    if answer.reachable:
        told.append(f"{where} answers{f' in {answer.took:.2f} s' if answer.took is not None else ''}")
    if answer.key_valid:
        told.append("the key is good")
    if answer.note and check:
        told.append(answer.note)
    said = "; ".join(told)
    if not key.present:
        variable = key.env[0] if key.env else "NAME"
        todo = _asks_for(name) if key.named else f"Write `api_key: ${{{variable}}}` into its configuration."
        return Finding("providers", name, "problem", said, todo)
    if (error := answer.error) is not None:
        todo = error.hint
        if answer.key_valid is False:
            todo = f"Replace the key that is in {place}." if key.named is None else _asks_for(name)
        return Finding("providers", name, "problem", f"{said}; {error.what} {error.why}".strip(), todo)
    return Finding("providers", name, "ok", said)


def _is_installed(package: str) -> bool:
    try:
        return importlib.util.find_spec(package) is not None
    except ModuleNotFoundError:  # not even what it is a part of
        return False


def _asks_for(name: str) -> str:
    return f"`llmkit keys set {name}` asks for one, and does not show it."


def _clock(seen: Seen) -> Iterator[Finding]:
    skews = {name: one.skew for name, one in seen.answers.items() if one.skew is not None}
    if not skews:
        return
    name, least = min(skews.items(), key=lambda pair: abs(pair[1]))
    if abs(least) < _SKEW:
        yield Finding("surroundings", "clock", "ok", f"within {max(1, round(abs(least)))} s of {name}'s")
        return
    way = "behind" if least > 0 else "ahead"
    yield Finding(
        "surroundings",
        "clock",
        "problem",
        f"this machine is {abs(least):.0f} s {way} of {name}'s clock",
        "Set the clock (a time service): certificates, signed requests and the days of budgets go by it.",
    )


def _proxies(seen: Seen) -> Iterator[Finding]:
    """A proxy is named for each provider that it stands before; loopback is asked directly by every sane setting."""
    proxies = urllib.request.getproxies()
    for name in seen.answers:
        url = seen.session.registry[name].base_url
        target = urlsplit(url)
        through = proxies.get(target.scheme) or proxies.get("all")
        if not through or not target.hostname or urllib.request.proxy_bypass(target.hostname):
            continue
        proxy = urlsplit(through).hostname or "a proxy"
        port = f":{urlsplit(through).port}" if urlsplit(through).port else ""
        local = endpoints.is_loopback(url)
        yield Finding(
            "surroundings",
            "proxy",
            "problem" if local else "note",
            f"calls to {name} go through {proxy}{port}",
            f"Add {target.hostname} to NO_PROXY: a proxy can't reach this machine." if local else "",
        )


def _loops(_: Seen) -> Iterator[Finding]:
    state = nested.status()
    if state.warning:
        yield Finding(
            "surroundings",
            "event loop",
            "problem",
            state.warning,
            "Find who applies it, and leave it out; llmkit doesn't need it.",
        )
    elif hasattr(asyncio, "_nest_patched") and not state.enabled:
        yield Finding(
            "surroundings",
            "event loop",
            "note",
            "another library has applied nest-asyncio; llmkit doesn't need it",
        )


def _ledger(seen: Seen) -> Iterator[Finding]:
    area, path = "ledger", ledger_path()
    if path == MEMORY:
        yield Finding(
            area, "file", "note", "kept in memory: it ends with this process", "LLMKIT_LEDGER names a file."
        )
        return
    found = look(path)
    if not found.exists:
        yield Finding(area, "file", "ok", f"{found.path} is made with the first call")
    elif found.trouble:
        yield Finding(
            area,
            "file",
            "problem",
            f"{found.path} can't be read: {found.trouble}",
            "Is the server up, the address right? Calls go on; their rows wait in memory."
            if on_server(path)
            else "The next call sets a broken file aside and begins a new one; `sqlite3 FILE .recover` has most of it back.",
        )
    else:
        rows = f"{found.rows:,} attempt{'' if found.rows == 1 else 's'}"
        yield Finding(
            area,
            "file",
            "ok",
            f"{found.path}: {rows}, " + ("reachable" if on_server(path) else f"{_size(found.size)}, intact"),
        )
    if found.pending:
        yield Finding(
            area, "pending", "note", f"{found.pending:,} running just now, or of a process that died"
        )
    if found.unknown_billed:
        yield Finding(
            area,
            "unknown",
            "note",
            f"{found.unknown_billed:,} without a bill (cut off, or their process died): they may have cost something",
            "`llmkit.usage.reconcile(bill)` compares with the provider's own figures.",
        )
    for name in found.set_aside:
        yield Finding(
            area,
            "set aside",
            "note",
            name,
            f"`sqlite3 {name} .recover` has most of it back; delete it when done.",
        )
    for notice in seen.session.notices:
        yield Finding(area, "notice", "note", notice)


def _versions(_: Seen) -> Iterator[Finding]:
    area = "versions"
    yield Finding(area, "llmkit", "ok", import_module("llmkit").__version__)
    yield Finding(area, "Python", "ok", f"{platform.python_version()} on {platform.system()}")
    for group, (packages, missed) in _PACKAGES.items():
        there = [f"{name} {version}" for name in packages if (version := _version(name)) is not None]
        if there:
            yield Finding(area, group, "ok", ", ".join(there))
        else:
            yield Finding(area, group, "note", f"none of {', '.join(packages)} is installed", missed)
    kernel = _version("ipykernel")
    if kernel is not None and kernel.partition(".")[0].isdigit() and int(kernel.partition(".")[0]) < 7:
        yield Finding(
            area,
            "ipykernel",
            "note",
            "before version 7 a running cell has no Stop button",
            "`pip install -U ipykernel`; Interrupt works in all of them.",
        )


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def _size(count: int) -> str:
    """Bytes for people.

    >>> _size(2_500_000)
    '2.5 MB'
    """
    size, unit = float(count), "bytes"
    for larger in ("kB", "MB", "GB"):
        if size < 1000:
            break
        size, unit = size / 1000, larger
    return f"{size:.3g} {unit}"


CHECKS: tuple[Callable[[Seen], Iterator[Finding]], ...] = (
    _configuration,
    _providers,
    _clock,
    _proxies,
    _loops,
    _ledger,
    _versions,
)
