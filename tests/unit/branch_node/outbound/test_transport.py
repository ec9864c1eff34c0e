"""The door to the network waits as long as a slow line needs, and no longer."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import repeat

import pytest

from branch_node.outbound import transport
from branch_node.outbound.transport import (
    LONGEST_READ_S,
    MOST_ANSWER_BYTES,
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


def _answer_in_pieces(listening: socket.socket, pieces: Iterator[bytes], pause_s: float) -> None:
    """Answer one request with a chunked body, until there are no more pieces or nobody reads."""
    connection, _address = listening.accept()
    with connection, suppress(OSError):
        connection.recv(2**16)
        connection.sendall(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
        for piece in pieces:
            connection.sendall(f"{len(piece):x}\r\n".encode() + piece + b"\r\n")
            time.sleep(pause_s)
        connection.sendall(b"0\r\n\r\n")


@contextmanager
def answering(pieces: Iterator[bytes], *, pause_s: float = 0.0) -> Iterator[Request]:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=_answer_in_pieces, args=(listening, pieces, pause_s), daemon=True)
        thread.start()
        yield Request("GET", f"http://127.0.0.1:{listening.getsockname()[1]}/", {}, b"")
        thread.join(5)
        assert not thread.is_alive(), "it is still being read"


def test_an_answer_as_long_as_one_may_be_is_read_whole() -> None:
    with answering(repeat(b"x" * 2**16, MOST_ANSWER_BYTES // 2**16)) as request:
        assert HttpTransport().send(request).body == b"x" * MOST_ANSWER_BYTES


@pytest.mark.parametrize("pieces", [MOST_ANSWER_BYTES // 2**16 + 1, None], ids=["too long", "endless"])
def test_a_longer_answer_is_given_up_and_its_line_closed(pieces: int | None) -> None:
    whole = repeat(b"x" * 2**16) if pieces is None else repeat(b"x" * 2**16, pieces)
    with answering(whole) as request, pytest.raises(NoAnswerError, match="too long"):
        HttpTransport().send(request)


def test_an_answer_that_trickles_without_end_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport, "READ_TIMEOUT_S", 0.3)

    with answering(repeat(b"x"), pause_s=0.01) as request, pytest.raises(NoAnswerError, match="too long"):
        HttpTransport().send(request)


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
