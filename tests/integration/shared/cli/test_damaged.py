"""A damaged database file: nothing is served or sent from it, the pages say so, and a backup brings the node back."""

import contextlib
import json
import random
import re
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

import pytest
from click.testing import CliRunner
from sqlalchemy.exc import DBAPIError

from branch_node.cli import cli
from branch_node.tables import APP as TABLES
from shared.config import Home
from shared.db.backup import make_backup, restore_backup
from shared.db.damage import NodeDamagedError, check_whole, is_damaged
from shared.db.engine import Database
from tests.support.databases import DIALECTS

PAGE = 4096
NOW = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A branch on SQLite in a file of its own home."""
    done = CliRunner().invoke(cli, ["init", "--home", str(tmp_path / "branch")])
    assert done.exit_code == 0, done.output
    return tmp_path / "branch"


def url_of(home: Path) -> str:
    return str(Home(home).read_config()["database_url"])


def file_of(home: Path) -> Path:
    return Path(url_of(home).removeprefix("sqlite:///"))


def damage(home: Path) -> bytes:
    """Overwrite pages in the middle of the file, as a failing disk does; returns what it then holds."""
    path = file_of(home)
    held = bytearray(path.read_bytes())
    chance = random.Random(7)
    for number in range(1, len(held) // PAGE):
        if number % 3 == 0:
            held[number * PAGE : number * PAGE + 16] = chance.randbytes(16)
    path.write_bytes(held)
    return bytes(held)


def back_up(home: Path, file: Path) -> None:
    database = Database(url_of(home))
    try:
        make_backup(database, Home(home), file, app=TABLES.name, now=NOW)
    finally:
        database.dispose()


@pytest.fixture
def serving(home: Path) -> Iterator[Callable[[], tuple[str, IO[str]]]]:
    """Serve the node in a process of its own; gives the address of what serves and what it says."""
    started: list[subprocess.Popen[str]] = []

    def begin() -> tuple[str, IO[str]]:
        for process in started:
            process.send_signal(signal.SIGTERM)
            assert process.wait(10) == 0
        words = ["serve", "--port", "0", "--no-jobs", "--home", str(home), "--language", "en"]
        process = subprocess.Popen(
            [sys.executable, "-m", "branch_node", *words], stderr=subprocess.PIPE, text=True
        )
        started.append(process)
        assert process.stderr is not None
        for line in process.stderr:
            found = re.search(r"http://[\d.]+:\d+", line)
            if found:
                return found[0], process.stderr
        pytest.fail(f"ended with {process.wait(5)}")

    yield begin
    for process in started:
        process.kill()
        process.wait(10)
        assert process.stderr is not None
        process.stderr.close()


def get(url: str, accept: str) -> tuple[int, str]:
    request = urllib.request.Request(url, headers={"Accept": accept})
    try:
        with contextlib.closing(urllib.request.urlopen(request, timeout=10)) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def test_it_says_so_on_every_page_touches_nothing_and_a_backup_brings_it_back(
    home: Path, tmp_path: Path, serving: Callable[[], tuple[str, IO[str]]]
) -> None:
    back_up(home, tmp_path / "good.backup")
    held = damage(home)

    address, _said = serving()

    status, page = get(f"{address}/customers", "text/html")
    assert (status, "database of this node is damaged" in page, "数据库已损坏" in page) == (503, True, True)
    status, document = get(f"{address}/anything", "application/json")
    assert (status, json.loads(document)["code"]) == (503, "node-damaged")
    assert file_of(home).read_bytes() == held
    # The home is free for it while the pages say what to do.
    restore_backup(tmp_path / "good.backup", Home(home), app=TABLES.name, now=NOW, force=True)
    [aside] = tmp_path.glob("branch.before-*")
    assert (aside / file_of(home).name).read_bytes() == held

    address, _said = serving()

    assert get(f"{address}/healthz", "text/html")[0] == 200


def test_no_job_runs_on_it(home: Path) -> None:
    held = damage(home)

    done = CliRunner().invoke(cli, ["run", "push", "--home", str(home), "--language", "en"])

    assert done.exit_code == 2, done.output
    assert "database of this node is damaged" in done.output
    assert file_of(home).read_bytes() == held


@pytest.mark.parametrize("held", [b"\0" * PAGE * 8, b"no database at all " * 500])
def test_what_is_no_database_is_damaged_too(tmp_path: Path, held: bytes) -> None:
    path = tmp_path / "node.db"
    path.write_bytes(held)
    database = Database(f"sqlite:///{path}")

    with pytest.raises(NodeDamagedError):
        check_whole(database)

    database.dispose()
    assert path.read_bytes() == held


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_whole_database_is_used_and_an_error_that_is_no_damage_is_none(
    dialect: str, make_database_url: Callable[[str], str]
) -> None:
    database = Database(make_database_url(dialect))

    check_whole(database)

    with database.engine.connect() as connection, pytest.raises(DBAPIError) as caught:
        connection.exec_driver_sql("SELECT nonsense FROM nowhere")
    assert not is_damaged(caught.value)
    database.dispose()
