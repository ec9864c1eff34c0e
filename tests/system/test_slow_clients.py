"""Clients that send or read a byte now and then: they wait, and nobody else does, at head office and at a branch."""

import json
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from urllib.request import urlopen

import pytest

from tests.support.processes import LOOPBACK, free_port, start, start_serving

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
SLOW = 500
# Each asks for a whole answer, which takes its time: more than there are threads is what matters.
ASKING = 100
QUICK = 40
PATIENCE_S = 30
HEAD = b"GET /account/sign-in HTTP/1.1\r\nHost: branch\r\n"
# More than the buffers between two sockets hold, and nothing to compute.
LARGE = b"GET /static/vendor/htmx.min.js HTTP/1.1\r\nHost: branch\r\n\r\n"
BUFFER = 8192
# Where each node takes long bodies.
TAKES = {"hq-server": b"/sync/v1/batches", "branch-node": b"/account/sign-in"}


@dataclass(frozen=True)
class Serving:
    """A node that serves at `port`; `takes` is an address that takes bodies."""

    port: int
    takes: bytes


@pytest.fixture(scope="module", params=list(TAKES))
def node(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    """Either node, serving from a database file: what waits here is the server in front of it."""
    folder, port = tmp_path_factory.mktemp("slow"), free_port()
    home = folder / "home"
    start(request.param, "init", "--home", str(home), folder=folder).succeed()
    serving = start_serving(request.param, home, port, folder=folder)
    yield Serving(port, TAKES[request.param])
    serving.stop()


@pytest.mark.parametrize(
    ("many", "beginning", "more"),
    [
        pytest.param(SLOW, HEAD, b"X-A: b\r\n", id="slow headers"),
        pytest.param(
            SLOW, b"POST %s HTTP/1.1\r\nHost: node\r\nContent-Length: 900000\r\n\r\n", b"x", id="slow bodies"
        ),
        pytest.param(ASKING, LARGE, b"", id="answers nobody reads"),
    ],
)
def test_hundreds_of_slow_clients_keep_nobody_else_waiting(
    node: Serving, many: int, beginning: bytes, more: bytes
) -> None:
    with ExitStack() as stack:
        slow = [stack.enter_context(_connect(node.port)) for _ in range(many)]
        for connection in slow:
            connection.sendall(beginning.replace(b"%s", node.takes))

        for _request in range(QUICK):
            for connection in slow[:: many // 50] if more else ():
                connection.sendall(more)
            with urlopen(f"http://{LOOPBACK}:{node.port}/healthz", timeout=PATIENCE_S) as answer:
                assert json.load(answer)


def _connect(port: int) -> socket.socket:
    """Connect as somebody who takes in little at a time."""
    made = socket.socket()
    made.settimeout(PATIENCE_S)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER)
    made.connect((LOOPBACK, port))
    return made
