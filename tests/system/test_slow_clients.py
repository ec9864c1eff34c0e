"""Clients that send or read a byte now and then: they wait, and nobody else does."""

import json
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from urllib.request import urlopen

import pytest

from tests.support.processes import LOOPBACK, free_port, start, start_serving

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
SLOW = 500
QUICK = 40
PATIENCE_S = 10
HEAD = b"GET /account/sign-in HTTP/1.1\r\nHost: branch\r\n"


@pytest.fixture
def port(tmp_path: Path, make_database_url: Callable[..., str]) -> Iterator[int]:
    """Where a head office serves."""
    chosen, home = free_port(), tmp_path / "hq"
    init = ("init", "--home", str(home), "--database", make_database_url("sqlite"))
    start("hq-server", *init, folder=tmp_path).succeed()
    serving = start_serving("hq-server", home, chosen, folder=tmp_path)
    yield chosen
    serving.stop()


@pytest.mark.parametrize(
    ("beginning", "more"),
    [
        pytest.param(HEAD, b"X-A: b\r\n", id="slow headers"),
        pytest.param(
            b"POST /sync/v1/batches HTTP/1.1\r\nHost: hq\r\nContent-Length: 900000\r\n\r\n",
            b"x",
            id="slow bodies",
        ),
        pytest.param(HEAD + b"\r\n", b"", id="answers nobody reads"),
    ],
)
def test_five_hundred_slow_clients_keep_nobody_else_waiting(port: int, beginning: bytes, more: bytes) -> None:
    with ExitStack() as stack:
        slow = [
            stack.enter_context(socket.create_connection((LOOPBACK, port), PATIENCE_S)) for _ in range(SLOW)
        ]
        for connection in slow:
            connection.sendall(beginning)

        for _request in range(QUICK):
            for connection in slow[:: SLOW // 50] if more else ():
                connection.sendall(more)
            with urlopen(f"http://{LOOPBACK}:{port}/healthz", timeout=PATIENCE_S) as answer:
                assert json.load(answer)
