"""A real kernel, talked to the way a front end does; every message it sends is kept."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from queue import Empty
from typing import Any

from jupyter_client import KernelManager
from jupyter_client.kernelspec import KernelSpec

ROOT = Path(__file__).parents[2]
LAUNCH = ["-m", "ipykernel_launcher", "-f", "{connection_file}"]


class Ran:
    """What came back for one cell."""

    def __init__(self, status: str, messages: list[dict[str, Any]]) -> None:
        self.status = status
        self.messages = messages

    def of(self, *kinds: str) -> list[dict[str, Any]]:
        return [m["content"] for m in self.messages if m["header"]["msg_type"] in kinds]

    @property
    def outputs(self) -> list[dict[str, Any]]:
        """The cell's outputs as a notebook would keep them: updates applied."""
        kept: list[dict[str, Any]] = []
        places: dict[str, int] = {}
        for message in self.messages:
            kind, content = message["header"]["msg_type"], message["content"]
            name = (content.get("transient") or {}).get("display_id")
            if kind == "update_display_data" and name in places:
                kept[places[name]] = content["data"]
            elif kind in ("display_data", "execute_result"):
                if name:
                    places[name] = len(kept)
                kept.append(content["data"])
        return kept

    @property
    def saved(self) -> list[dict[str, Any]]:
        """The same as a notebook's file has it: with what was printed, and the error."""
        kept: list[dict[str, Any]] = []
        places: dict[str, dict[str, Any]] = {}
        for message in self.messages:
            kind, content = message["header"]["msg_type"], message["content"]
            place = content.get("name") or (content.get("transient") or {}).get("display_id")
            if kind == "update_display_data" and place in places:
                places[place]["data"] = content["data"]
            elif kind == "stream" and place in places:
                places[place]["text"] += content["text"]
            elif kind in ("display_data", "execute_result", "error", "stream"):
                kept.append({"output_type": kind, **content})
                if place:
                    places[place] = kept[-1]
        return kept

    @property
    def stdout(self) -> str:
        return "".join(c["text"] for c in self.of("stream") if c["name"] == "stdout")

    @property
    def stderr(self) -> str:
        return "".join(c["text"] for c in self.of("stream") if c["name"] == "stderr")

    @property
    def error(self) -> dict[str, Any]:
        (error,) = self.of("error")
        return error


class Kernel:
    """One kernel with llmkit on its path."""

    def __init__(self, environment: dict[str, str], python: str = sys.executable) -> None:
        for tries_left in (2, 1, 0):
            self.manager = KernelManager()
            self.manager._kernel_spec = KernelSpec(
                argv=[python, *LAUNCH], display_name="test", language="python"
            )
            self.manager.start_kernel(env={**environment, "PYTHONPATH": str(ROOT), "PYTHONWARNINGS": ""})
            self.client = self.manager.client()
            self.client.start_channels()
            try:
                self.client.wait_for_ready(timeout=120)
                break
            except RuntimeError:  # its ports are chosen before it takes them: another program was quicker
                self.close()
                if not tries_left:
                    raise
        self._seen: dict[str, list[dict[str, Any]]] = {}
        self._replies: dict[str, dict[str, Any]] = {}

    def send(self, code: str, cell: str | None = None, *, stdin: bool = False) -> str:
        """Queue a cell; ``stdin`` says whether there is somebody whom it may ask."""
        content = {
            "code": code,
            "silent": False,
            "store_history": True,
            "user_expressions": {},
            "allow_stdin": stdin,
        }
        message = self.client.session.msg(
            "execute_request", {**content, "stop_on_error": True}, metadata={"cellId": cell} if cell else {}
        )
        self.client.shell_channel.send(message)
        return str(message["header"]["msg_id"])

    def wait_for(self, cell: str, kind: str, holding: str = "") -> dict[str, Any]:
        """The next message of that kind for that cell, with that text in it."""
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            message = self._next()
            if message["parent_header"].get("msg_id") != cell:
                continue
            if message["header"]["msg_type"] == kind and holding in str(message["content"]):
                return message["content"]
            assert message["content"].get("execution_state") != "idle", (
                f"the cell ended without {kind} {holding}"
            )
        raise TimeoutError(f"no {kind} {holding} within a minute")

    def finish(self, cell: str) -> Ran:
        """Wait until a cell is done."""
        self.wait_for_idle(cell)
        return Ran(self.reply_to(cell)["status"], self._seen.get(cell, []))

    def reply_to(self, request: str) -> dict[str, Any]:
        """What the kernel replied to a request on the shell channel."""
        while True:
            reply = self.client.get_shell_msg(timeout=60)
            self._replies[reply["parent_header"].get("msg_id", "")] = reply["content"]
            if request in self._replies:
                return self._replies[request]

    def asked(self) -> str:
        """What a cell asks the user for."""
        return str(self.client.get_stdin_msg(timeout=60)["content"]["prompt"])

    def answer(self, words: str) -> None:
        """What the user answers."""
        self.client.input(words)

    def subshell(self) -> str:
        """A second shell, which listens while the first is busy: what JupyterLab opens for its widgets."""
        request = self.client.session.msg("create_subshell_request")
        self.client.control_channel.send(request)
        reply = self.client.get_control_msg(timeout=60)
        return str(reply["content"]["subshell_id"])

    def say(self, comm: str, said: dict[str, Any], subshell: str | None) -> None:
        """What a widget in a page says."""
        content = {"comm_id": comm, "data": {"method": "custom", "content": said}}
        message = self.client.session.msg("comm_msg", content)
        message["header"]["subshell_id"] = subshell
        self.client.shell_channel.send(message)

    def wait_for_idle(self, cell: str) -> None:
        if not any(m["content"].get("execution_state") == "idle" for m in self._seen.get(cell, [])):
            self.wait_for(cell, "status", "idle")

    def run(self, code: str, cell: str | None = None) -> Ran:
        """Run a cell to its end; ``cell`` is its id, as JupyterLab gives it."""
        return self.finish(self.send(code, cell))

    def value(self, expression: str) -> Any:
        """The value of an expression in the kernel."""
        (shown,) = self.run(expression).outputs
        return eval(shown["text/plain"], {"__builtins__": {}})

    def interrupt(self) -> None:
        self.manager.interrupt_kernel()

    def _next(self) -> dict[str, Any]:
        deadline = time.monotonic() + 60
        while True:
            try:
                message = self.client.get_iopub_msg(timeout=1)
            except Empty:
                if time.monotonic() > deadline:
                    raise TimeoutError("the kernel said nothing for a minute") from None
                continue
            self._seen.setdefault(message["parent_header"].get("msg_id", ""), []).append(message)
            return message

    def close(self) -> None:
        self.client.stop_channels()
        self.manager.shutdown_kernel(now=True)
        self.manager.cleanup_resources()
