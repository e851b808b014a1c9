"""The rows of the fault matrix before anything is sent: addresses, certificates, proxies, silence."""

from __future__ import annotations

import shutil
import socket
import ssl
import subprocess
from typing import Any

import pytest
from asking import Scripted, attempted

from llmkit.core import errors as e


def test_f1_a_refused_connection_is_tried_twice_more_and_costs_nothing() -> None:
    with socket.socket() as taken:  # so nobody else listens there
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        error, told = attempted(f"http://127.0.0.1:{port}")
    assert type(error) is e.ConnectError
    assert f"127.0.0.1:{port}" in str(error)
    assert [(row["status"], row["cost"]) for row in told] == [("error", "0")] * 3


def test_f2_a_host_that_is_not_found_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    # Tried as often as a refused connection, not once less: a resolver that hiccups is as common, and
    # neither costs anything.
    def unknown(*_: Any, **__: Any) -> Any:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    error, told = attempted("https://modles.example")
    assert type(error) is e.ConnectError
    assert "modles.example" in str(error)
    assert [row["cost"] for row in told] == ["0"] * 3


def test_f3_a_certificate_that_nobody_vouches_for_is_not_tried_again(tmp_path: Any) -> None:
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("no openssl command here to make a certificate with")
    cert, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    subprocess.run(
        [openssl, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=localhost",
         "-keyout", str(key), "-out", str(cert)],
        check=True, capture_output=True,
    )  # fmt: skip
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    server = Scripted(lambda client: client.recv(65536), context)
    with server as url:
        error, told = attempted(url.replace("http:", "https:"))
    assert type(error) is e.TlsError
    assert "certificate" in str(error).lower()
    assert server.clients == 1
    assert [(row["status"], row["cost"]) for row in told] == [("error", "0")]


def test_f4_https_to_a_server_without_it_is_told_at_once() -> None:
    # TlsError, not BadEndpoint: the address may be right and the server wrong; either way nothing was sent.
    def talk(client: socket.socket) -> None:
        client.recv(65536)
        client.sendall(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n")

    server = Scripted(talk)
    with server as url:
        error, told = attempted(url.replace("http:", "https:"))
    assert type(error) is e.TlsError
    assert server.clients == 1
    assert [row["cost"] for row in told] == ["0"]


def test_f5_a_black_hole_ends_with_the_connect_timeout_and_is_tried_once_more() -> None:
    with socket.socket() as hole:
        hole.bind(("127.0.0.1", 0))
        hole.listen(0)
        fill = [socket.socket() for _ in range(4)]
        for one in fill:  # a full backlog: further connections are not answered at all
            one.setblocking(False)
            one.connect_ex(hole.getsockname())
        error, told = attempted(f"http://127.0.0.1:{hole.getsockname()[1]}", timeouts={"connect": 0.2})
        for one in fill:
            one.close()
    assert type(error) is e.ConnectTimeout
    assert "0.2 s" in str(error)
    assert [(row["status"], row["cost"]) for row in told] == [("error", "0")] * 2


def test_f73_a_broken_proxy_is_named(child_environment: dict[str, str]) -> None:
    import sys
    import textwrap

    code = """
        import llmkit
        session = llmkit.Session({"providers": {"far": {"type": "openai", "base_url": "http://models.example/v1"}}})
        try:
            session.ask("hello", model="far/m", timeout=30)
        except llmkit.errors.ConnectError as error:
            print(error)
    """
    env = child_environment | {"HTTP_PROXY": "http://127.0.0.1:9", "http_proxy": "http://127.0.0.1:9"}
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], env=env, capture_output=True, text=True, timeout=60
    )
    assert "proxy" in done.stdout.lower(), done.stderr
