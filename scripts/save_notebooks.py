"""Run the shipped notebooks and save them with their outputs, as a reader without a key sees them.

    python scripts/save_notebooks.py [NOTEBOOK ...]

The simulator answers, the ledger is a fresh one, and each answer is kept in its final form.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

import nbformat
from nbclient import NotebookClient

ROOT = Path(__file__).resolve().parents[1]


def main(paths: list[str]) -> int:
    """Run and save each; the exit code."""
    for name in [name for name in os.environ if name.endswith("_API_KEY") or name.startswith("LLMKIT_")]:
        del os.environ[name]
    notebooks = [Path(path) for path in paths] or sorted((ROOT / "notebooks").glob("*.ipynb"))
    for path in notebooks:
        with tempfile.TemporaryDirectory() as home:
            os.environ.update(LLMKIT_DISPLAY="final", LLMKIT_HOME=home, IPYTHONDIR=home, PYTHONPATH=str(ROOT))
            notebook = nbformat.read(path, as_version=4)
            metadata = dict(notebook.metadata)
            client = NotebookClient(
                notebook, timeout=120, store_widget_state=False, record_timing=False, coalesce_streams=True
            )
            client.execute(cwd=str(path.parent))
            notebook.metadata.clear()
            notebook.metadata.update(metadata)  # not the version of the Python that happened to run it
            nbformat.write(notebook, path)
        sys.stdout.write(f"{path.name}\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
