"""Receivers of alerts on the loopback: an HTTP server and a mail server that keep what they get."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from typing import Any


class Webhook:
    """Answers every request with ``status``, and keeps path, headers and body."""

    def __init__(self) -> None:
        self.status = 200
        self.requests: list[tuple[str, dict[str, str], bytes]] = []
        hook = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                hook.requests.append((self.path, dict(self.headers.items()), body))
                self.send_response(hook.status)
                self.send_header("Location", "/elsewhere")
                self.send_header("Content-Length", "0")
                self.end_headers()

            do_GET = do_POST

            def log_message(self, *_: Any) -> None:
                """Says nothing."""

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"


@contextmanager
def webhook() -> Iterator[Webhook]:
    """A webhook while the block runs."""
    hook = Webhook()
    thread = Thread(target=hook.server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield hook
    hook.server.shutdown()
    thread.join()
    hook.server.server_close()


class MailServer:
    """Takes one mail a connection; ``answers`` replace what it says to a command."""

    def __init__(self, **answers: str) -> None:
        self.answers = answers
        self._once: dict[str, str] = {}
        self.mails: list[str] = []
        self.commands: list[str] = []
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._listening.getsockname()[1]}"
        Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listening.accept()
            except OSError:
                return
            with connection, connection.makefile("rwb", buffering=0) as stream:
                stream.write(b"220 test\r\n")
                while (line := stream.readline()) and self._answer(stream, line.decode().strip()):
                    pass

    def _answer(self, stream: Any, line: str) -> bool:
        verb = line.split()[0].upper()
        self.commands.append(line)
        otherwise = self.answers.get(verb, {"DATA": "354 go on", "QUIT": "221 bye"}.get(verb, "250 fine"))
        said = self._once.pop(verb, otherwise)
        stream.write(said.encode() + b"\r\n")
        if said.startswith("354"):
            lines = iter(stream.readline, b".\r\n")
            self.mails.append(b"".join(lines).decode())
            stream.write(b"250 kept\r\n")
        return verb != "QUIT"

    def answer_once(self, verb: str, said: str) -> None:
        """Say this to the next such command."""
        self._once[verb] = said

    def close(self) -> None:
        """Take no more."""
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
