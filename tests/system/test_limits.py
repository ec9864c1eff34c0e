"""Too few files for all who connect: head office sheds load, and goes on when there are some again."""

import random
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import psutil
import pytest

from tests.support.pair import Pair, make_pair
from tests.support.processes import LOOPBACK

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
CONNECTIONS = 200
ROOM = 30
PATIENCE_S = 60


@pytest.fixture
def pair(tmp_path: Path, make_database_url: Callable[[str], str], dialect: str) -> Iterator[Pair]:
    """Head office and its branch on one kind of database."""
    homes = {node: tmp_path / node for node in ("hq", "branch")}
    urls = {node: make_database_url(dialect) for node in homes}
    made = make_pair(tmp_path, homes, urls, random.Random(dialect))
    yield made
    made.close()


def test_without_files_it_answers_again_as_soon_as_some_are_free(pair: Pair) -> None:
    pair.write(10)
    process = psutil.Process(pair.hq.process.pid)
    _soft, hard = process.rlimit(psutil.RLIMIT_NOFILE)
    process.rlimit(psutil.RLIMIT_NOFILE, (process.num_fds() + ROOM, hard))

    with ExitStack() as stack:
        for _ in range(CONNECTIONS):
            stack.enter_context(socket.create_connection((LOOPBACK, pair.port), timeout=PATIENCE_S))
        assert process.is_running()

    assert _answers_within(pair, PATIENCE_S)
    pair.push().succeed()
    pair.assert_equal()


def _answers_within(pair: Pair, span_s: float) -> bool:
    deadline = time.monotonic() + span_s
    while time.monotonic() < deadline:
        try:
            with urlopen(f"http://{LOOPBACK}:{pair.port}/healthz", timeout=5) as answer:
                return bool(answer.status == 200)
        except (URLError, OSError):
            time.sleep(0.1)
    return False
