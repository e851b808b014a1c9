"""What a failing network is called, over real sockets."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import pytest

import llmkit
from llmkit import errors


def session(url: str) -> llmkit.Session:
    made = llmkit.Session(
        {"providers": {"there": {"type": "openai", "api": "chat", "base_url": url, "api_key": "k" * 20}}}
    )
    made.gates = type(made.gates)(policy=type(made.gates.policy)(attempts=1))
    return made


@contextmanager
def server(talk: Callable[[socket.socket], None]) -> Iterator[str]:
    """A socket that accepts one client after the other and talks to each as told."""
    listener = socket.create_server(("127.0.0.1", 0))
    listener.settimeout(0.1)
    over = threading.Event()

    def serve() -> None:
        while not over.is_set():
            try:
                client, _ = listener.accept()
            except TimeoutError:
                continue
            with client, suppress(OSError):  # the client left: what it thinks of that is what is tested
                client.settimeout(20)
                talk(client)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/v1"
    finally:
        over.set()
        thread.join(25)
        listener.close()


def ask(url: str) -> errors.LLMKitError:
    with pytest.raises(errors.LLMKitError) as caught:
        session(url).ask("hello", model="there/m", timeout=20)
    return caught.value


def test_nobody_there_is_a_connect_error_that_names_the_address() -> None:
    with socket.socket() as taken:  # so nobody else listens there
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        error = ask(f"http://127.0.0.1:{port}/v1")
    assert type(error) is errors.ConnectError
    assert f"127.0.0.1:{port}" in str(error)
    assert error.partial is not None
    assert error.partial.cost.amount == 0  # nothing was sent, so it is known to be free


def test_hanging_up_before_an_answer_may_have_been_billed() -> None:
    with server(lambda client: client.recv(65536) and None) as url:
        error = ask(url)
    assert type(error) is errors.TransportError
    assert error.partial is not None
    assert error.partial.cost.amount is None


def test_hanging_up_in_the_middle_is_a_truncated_stream() -> None:
    def talk(client: socket.socket) -> None:
        client.recv(65536)
        client.sendall(
            b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncontent-length: 100000\r\n\r\n"
            b'data: {"choices":[{"index":0,"delta":{"content":"Hel"}}]}\n\n'
        )

    with server(talk) as url:
        error = ask(url)
    assert type(error) is errors.TruncatedStream
    assert error.partial is not None
    assert error.partial.text == "Hel"


def test_plain_http_where_tls_is_expected_is_a_tls_error() -> None:
    def talk(client: socket.socket) -> None:
        client.recv(65536)
        client.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    with server(talk) as url:
        error = ask(url.replace("http://", "https://"))
    assert type(error) is errors.TlsError


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_is_refused_and_its_target_never_called(status: int) -> None:
    called = threading.Event()

    def evil(client: socket.socket) -> None:
        called.set()

    with server(evil) as target:

        def talk(client: socket.socket) -> None:
            client.recv(65536)
            client.sendall(
                f"HTTP/1.1 {status} Moved\r\nlocation: {target}/steal\r\ncontent-length: 0\r\n\r\n".encode()
            )

        with server(talk) as url:
            error = ask(url)
    assert type(error) is errors.RedirectRefused
    assert "127.0.0.1" in str(error)
    assert not called.is_set()


def test_environment_variables_of_the_sdks_do_not_move_the_address(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:1/evil")
    monkeypatch.setenv("ANTHROPIC_BASE_URL", "http://127.0.0.1:1/evil")
    monkeypatch.setenv("GOOGLE_GEMINI_BASE_URL", "http://127.0.0.1:1/evil")
    registry = llmkit.Session().registry
    assert registry["openai"].base_url == "https://api.openai.com/v1"
    assert registry["anthropic"].base_url == "https://api.anthropic.com"
    assert registry["gemini"].base_url == "https://generativelanguage.googleapis.com"
