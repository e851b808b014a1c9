"""The tests' own walls: nothing leaves this machine, and nobody's keys come in."""

from __future__ import annotations

import os
import socket
import threading
import urllib.request
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest


def test_a_connection_to_another_machine_is_refused_by_name():
    with pytest.raises(BaseException, match=r"tried to look up 'api\.example\.com'"):
        socket.create_connection(("api.example.com", 443))


def test_a_connection_to_another_machine_is_refused_by_address():
    with socket.socket() as plug, pytest.raises(BaseException, match=r"tried to connect to '192\.0\.2\.1'"):
        plug.connect(("192.0.2.1", 443))


def test_loopback_is_open():
    class Hello(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(204)
            self.end_headers()

        def log_message(self, *args):
            """Be quiet."""

    with HTTPServer(("127.0.0.1", 0), Hello) as server:
        thread = threading.Thread(target=server.handle_request)
        thread.start()
        with urllib.request.urlopen(f"http://localhost:{server.server_port}/") as answer:
            assert answer.status == 204
        thread.join()


def test_no_key_and_no_proxy_of_the_developers_reaches_a_test():
    assert [name for name in os.environ if name.endswith("_API_KEY")] == []
    assert "HTTPS_PROXY" not in os.environ


def test_llmkit_has_a_home_of_its_own_here(clean_environment):
    assert os.environ["LLMKIT_HOME"] == str(clean_environment)
    assert os.environ["LLMKIT_LEDGER"].startswith(str(clean_environment))
