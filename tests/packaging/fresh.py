"""Fresh environments: the Pythons that are on this machine, and a venv with nothing but what was asked for."""

from __future__ import annotations

import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
#: This machine's environment, with its way to a package index; filled before the tests build their walls.
OUTSIDE: dict[str, str] = {}
SUPPORTED = ("3.11", "3.12", "3.13", "3.14")


@cache
def uv():
    """The path of uv: on the path, or beside this Python."""
    beside = Path(sys.executable).with_name("uv")
    found = shutil.which("uv") or (str(beside) if beside.exists() else None)
    return found or pytest.skip("no uv here (pip install uv)")


@cache
def python(version):
    """The path of a Python of this version; where there is none, the test is skipped and says so."""
    known = [sys.executable, shutil.which(f"python{version}")]
    known += sorted((Path.home() / ".pyenv" / "versions").glob(f"{version}.*/bin/python"))
    asked = "import sys; print('%d.%d' % sys.version_info[:2], sys.executable)"
    for path in filter(None, known):
        told = subprocess.run([path, "-c", asked], capture_output=True, text=True)
        if told.returncode == 0 and told.stdout.split()[0] == version:
            return told.stdout.split()[1]
    pytest.skip(f"no Python {version} on this machine")


def run(command, *, cwd, **more):
    """Run it to its end; what it printed. Where no package index answers, the test is skipped and says so."""
    done = subprocess.run(
        [str(part) for part in command],
        capture_output=True,
        text=True,
        cwd=cwd,
        env={**OUTSIDE, **more},
        timeout=400,
    )
    if done.returncode and any(
        words in done.stderr for words in ("dns error", "Failed to fetch", "client error")
    ):
        pytest.skip(f"no package index can be reached from here: {done.stderr.strip().splitlines()[0]}")
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
    return done.stdout


class Fresh:
    """A venv of its own, outside the repository, with a home of its own."""

    def __init__(self, folder, version=None):
        self.folder = folder
        self.python = folder / "venv" / "bin" / "python"
        base = python(version) if version else sys.executable
        run([uv(), "venv", "--quiet", "--python", base, folder / "venv"], cwd=folder)

    def install(self, *what, cwd=None):
        """Install with uv, as pip would."""
        run([uv(), "pip", "install", "--quiet", "--python", self.python, *what], cwd=cwd or self.folder)

    def run(self, *arguments, **more):
        """Run its Python, where nothing of the repository can be imported."""
        home = str(self.folder)
        return run([self.python, *arguments], cwd=self.folder, LLMKIT_HOME=home, HOME=home, **more)

    def megabytes(self):
        """What its packages take on the disk."""
        (packages,) = (self.folder / "venv" / "lib").glob("python*/site-packages")
        return sum(file.stat().st_size for file in packages.rglob("*") if file.is_file()) / 1e6

    def script(self, path, *arguments, **more):
        """Run a script that finds this environment first."""
        return run([path, *arguments], cwd=self.folder, HOME=str(self.folder), **more)
