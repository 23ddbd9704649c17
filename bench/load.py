"""A load generator on loopback: raw sockets, requests made beforehand, bounded in time. Run as a process."""

from __future__ import annotations

import json
import socket
import sys
import time
from threading import Thread


def post(path: str, headers: dict[str, str], body: bytes) -> bytes:
    lines = [f"POST {path} HTTP/1.1", "Host: localhost", f"Content-Length: {len(body)}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode() + body


def get(path: str, headers: dict[str, str]) -> bytes:
    lines = [f"GET {path} HTTP/1.1", "Host: localhost", *(f"{n}: {v}" for n, v in headers.items())]
    return "\r\n".join([*lines, "", ""]).encode()


class Connection:
    """A kept connection."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=60)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def ask(self, request: bytes) -> tuple[int, bytes]:
        """Status and body."""
        self.socket.sendall(request)
        found = b""
        while b"\r\n\r\n" not in found:
            part = self.socket.recv(262_144)
            if not part:
                raise ConnectionError("closed")
            found += part
        head, _, body = found.partition(b"\r\n\r\n")
        length = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
        while len(body) < length:
            body += self.socket.recv(262_144)
        return int(head[9:12]), body


def run(port: int, request: bytes, seconds: float, connections: int) -> list[float]:
    """Seconds each request took, all connections together, in a closed loop."""
    took: list[float] = []

    def one() -> None:
        connection, until = Connection(port), time.perf_counter() + seconds
        while (started := time.perf_counter()) < until:
            status, body = connection.ask(request)
            if status != 200:
                raise RuntimeError(f"{status}: {body[:200]!r}")
            took.append(time.perf_counter() - started)

    threads = [Thread(target=one) for _ in range(connections)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return took


if __name__ == "__main__":
    port, seconds, connections = int(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3])
    print(json.dumps(run(port, sys.stdin.buffer.read(), seconds, connections)))
