"""The door to the network waits as long as a slow line needs, and no longer."""

import socket
import threading
import time
from collections.abc import Iterator

import pytest

from branch_node.outbound import transport
from branch_node.outbound.transport import (
    LONGEST_READ_S,
    READ_TIMEOUT_S,
    HttpTransport,
    NoAnswerError,
    answer_timeout,
)
from branch_node.runtime import Request

BODY = b"x" * 2**24


def _take(listening: socket.socket, pause_s: float) -> None:
    """Read one request a little at a time, then answer."""
    connection, _address = listening.accept()
    with connection:
        left = len(BODY)
        while left > 0:
            piece = connection.recv(2**18)
            if not piece:
                return
            head, _end, rest = piece.partition(b"\r\n\r\n")
            left -= len(rest) if head.startswith(b"POST") else len(piece)
            time.sleep(pause_s)
        connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}")


@pytest.fixture
def slow_hq() -> Iterator[str]:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=_take, args=(listening, 0.015), daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/"
        thread.join(5)


def test_a_body_may_take_longer_than_it_may_take_to_connect(
    slow_hq: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transport, "CONNECT_TIMEOUT_S", 0.3)

    began = time.monotonic()
    answer = HttpTransport().send(Request("POST", slow_hq, {"content-type": "text/plain"}, BODY))

    assert (answer.status, answer.body) == (200, b"{}")
    assert time.monotonic() - began > 0.3, "the line was not slow enough to tell"


def test_nobody_there_is_no_answer() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with pytest.raises(NoAnswerError):
        HttpTransport().send(Request("GET", f"http://127.0.0.1:{port}/", {}, b""))


def test_the_wait_for_an_answer_grows_with_what_is_on_the_way_and_has_an_end() -> None:
    assert answer_timeout(0) == READ_TIMEOUT_S
    # A batch of 400 KB takes 50 s at 64 kbit/s.
    assert answer_timeout(400_000) == READ_TIMEOUT_S + 100
    assert answer_timeout(2**24) == LONGEST_READ_S
