"""Too few files or too little memory: head office sheds load, and goes on when there is enough again."""

import random
import re
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import psutil
import pytest
import requests
from sqlalchemy import func, select

from hq_server.ingest import routes
from shared.audit.models import AuditEntry
from shared.auth import operations as auth
from shared.auth import passwords
from shared.rights.policy import ceiling
from shared.rights.vocabulary import StaffKind
from shared.stamp import Stamp, Via
from tests.support import quick
from tests.support.pair import NOON, Pair, make_pair
from tests.support.processes import LOOPBACK
from tests.support.world import World

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
CONNECTIONS = 200
ROOM = 30
PATIENCE_S = 60
# Enough for pages; hashing a password takes 64 MB.
SPARE_BYTES = 24 * 2**20
PASSWORD = "correct horse battery"


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


def test_without_memory_one_request_is_refused_and_the_others_are_answered(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(passwords, "_HASHER", quick.HASHER_IN_EARNEST)
    _enter_analyst(pair)
    process = psutil.Process(pair.hq.process.pid)
    assert (
        _sign_in(pair, "no such password").status_code == 401
    )  # what is made once for a first sign-in is made
    before = _refusals(pair)
    _soft, hard = process.rlimit(psutil.RLIMIT_DATA)
    held = process.memory_info().data
    process.rlimit(psutil.RLIMIT_DATA, (held + SPARE_BYTES, hard))

    refused = _sign_in(pair, PASSWORD)

    assert (refused.status_code, refused.headers["Retry-After"]) == (503, "10")
    assert "<h1" in refused.text
    assert _answers_within(pair, PATIENCE_S)
    assert _refusals(pair) == before == 1  # the right password was not called wrong
    process.rlimit(psutil.RLIMIT_DATA, (hard, hard))
    assert _sign_in(pair, PASSWORD).status_code == 303
    pair.write(10)
    pair.push().succeed()
    pair.assert_equal()


def test_a_delivery_that_meets_the_end_of_memory_is_asked_for_again(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    branch = world.make_branch("B001")
    branch.add_customer()

    def short(*_given: object, **_named: object) -> None:
        raise MemoryError

    with monkeypatch.context() as meanwhile:
        meanwhile.setattr(routes, "receive_batch", short)
        refused = branch.push()

    assert (refused.outcome, refused.problem) == ("retry", "busy")
    assert branch.push().outcome == "done"
    world.assert_equal()


def _enter_analyst(pair: Pair) -> None:
    by = Stamp(NOON, "setup", Via.COMMAND)
    with pair.hq_database.sessions.begin() as session:
        user, _code = auth.create_user(
            session,
            username="lin",
            name="林",
            kind=StaffKind.ANALYST,
            data_range=ceiling(StaffKind.ANALYST),
            by=by,
        )
        auth.set_password(session, user, PASSWORD, by=by)


def _refusals(pair: Pair) -> int:
    with pair.hq_database.reads() as session:
        refused = select(func.count()).where(AuditEntry.event == "sign-in.refused")
        return session.scalar(refused) or 0


def _sign_in(pair: Pair, password: str) -> requests.Response:
    address = f"http://{LOOPBACK}:{pair.port}/account/sign-in"
    with requests.Session() as browser:
        form = browser.get(address, timeout=PATIENCE_S).text
        token = re.findall(r'name="csrf_token" value="([^"]+)"', form)[0]
        data = {"csrf_token": token, "username": "lin", "password": password}
        return browser.post(address, data=data, allow_redirects=False, timeout=PATIENCE_S)
