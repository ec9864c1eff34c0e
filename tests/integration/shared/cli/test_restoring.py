"""A node is restored by two of its administrators; by one alone only in an emergency, which an alarm tells."""

import hashlib
from functools import partial
from itertools import product
from pathlib import Path

import pytest
from click.testing import CliRunner
from sqlalchemy import select, text

from hq_server.cli import cli
from hq_server.tables import APP as TABLES
from shared.alarms.errors import AlarmTakesTwoError
from shared.alarms.models import Alarm
from shared.alarms.operations import close_alarm
from shared.audit.models import AuditEntry
from shared.auth.models import User
from shared.auth.passwords import hash_password
from shared.auth.witnesses import TRIES, refused_tries
from shared.clock import SystemClock
from shared.config import Home
from shared.db.engine import Database
from shared.ids import new_id
from shared.rights.vocabulary import StaffKind
from shared.stamp import Stamp, Via
from shared.twoperson import closing, operations
from shared.twoperson.errors import OwnActError
from tests.support.world import migrated

WHY = "the disk is dead"
RIGHT = {"chen": "correct horse battery", "li": "staple of the other one"}
WRONG = "not the password of anybody"
GONE, ANALYST = "gone since last spring", "an analyst only"
PEOPLE = [
    *((name, password, StaffKind.ADMINISTRATOR) for name, password in RIGHT.items()),
    ("wang", GONE, StaffKind.ADMINISTRATOR),
    ("zhao", ANALYST, StaffKind.ANALYST),
]
# What a dump writes in a way of its own.
ODD = "tab\t line\n \\\\N \\. \u2028 end"


@pytest.fixture
def database_url(make_database_url, database_factory, dialect):
    return make_database_url(dialect, migrated(database_factory, dialect, TABLES))


@pytest.fixture
def call(tmp_path, database_url):
    """Run an hq-server command on one home, where two administrators have passwords and others are no use."""

    def run(*words, **more):
        environment = {"LANG": "en_US.UTF-8", "LC_ALL": "", "HQ_HOME": str(tmp_path / "hq")}
        return CliRunner().invoke(cli, list(words), env=environment, **more)

    assert run("init", "--database", database_url).exit_code == 0
    database = Database(database_url)
    now = SystemClock().now()
    with database.sessions.begin() as session:
        for name, password, kind in PEOPLE:
            user = User(username=name, name=ODD, kind=kind, created_at=now, created_by="setup")
            user.password_hash = hash_password(password)
            user.disabled_at = now if name == "wang" else None
            session.add(user)
    database.dispose()
    return run


@pytest.fixture
def backup(call, tmp_path):
    """A backup that knows chen and li; the node has gone on since."""
    file = tmp_path / "node.backup"
    assert call("backup", str(file)).exit_code == 0
    call("user", "add", "after", "--name", "after")
    return file


@pytest.fixture
def restore(call, backup, tmp_path):
    """Restore with two names, each with the password behind it; without waiting for wrong tries before."""

    def run(first, second, *, reason=WHY, forget=True):
        if forget:
            (tmp_path / "hq" / TRIES).unlink(missing_ok=True)
        who = ("--by", first[0], "--second", second[0], "--reason", reason)
        typed = f"{first[1]}\n{second[1]}\n"
        return call("restore", str(backup), "--force", *who, input=typed)

    return run


@pytest.fixture
def look(database_url):
    """Read the node's database in a session of its own."""

    def read(statement):
        database = Database(database_url)
        with database.reads() as session:
            found = list(session.scalars(statement))
        database.dispose()
        return found

    return read


def _state(home: Path, database_url: str) -> dict[str, object]:
    """Return what a refused restore must leave as it was: every file, and on PostgreSQL every table and its rows."""
    kept = {TRIES, "in-use.lock"}
    files = [path for path in home.rglob("*") if path.is_file() and path.name not in kept]
    found: dict[str, object] = {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in files
        if not path.name.endswith(("-wal", "-shm"))
    }
    database = Database(database_url)
    if database.dialect == "postgresql":
        with database.engine.connect() as connection:
            said = connection.execute(
                text(
                    "SELECT n.nspname, c.relname, c.oid, c.relfilenode FROM pg_class c JOIN pg_namespace n "
                    "ON n.oid = c.relnamespace WHERE n.nspname NOT LIKE 'pg_%' ORDER BY 1, 2"
                )
            )
            found["tables"] = [tuple(row) for row in said]
            found["users"] = [
                tuple(row) for row in connection.execute(text("SELECT * FROM users ORDER BY id"))
            ]
    database.dispose()
    return found


def test_two_administrators_restore_and_both_stand_in_the_log_with_what_was_tried_before(
    call, backup, tmp_path, look
):
    home, now = Home(tmp_path / "hq"), SystemClock().now()
    home.write_lines(TRIES, [now.isoformat()] * 3 + ["nonsense"])
    (tmp_path / "li").write_text(RIGHT["li"] + "\n")
    who = (
        "--by",
        "chen",
        "--second",
        " LI ",
        "--second-password-file",
        str(tmp_path / "li"),
        "--reason",
        WHY,
    )

    done = call("restore", str(backup), "--force", *who, input=RIGHT["chen"] + "\n")

    assert done.exit_code == 0, done.output
    restored, agreed = look(select(AuditEntry).order_by(AuditEntry.seq))[-2:]
    assert (restored.event, restored.actor, restored.details["second"]) == ("node.restored", "chen", "li")
    assert (restored.details["reason"], restored.details["refused_before"]) == (WHY, 3)
    assert (agreed.event, agreed.actor, agreed.details["asked_by"]) == ("node.restore-approved", "li", "chen")
    assert look(select(Alarm)) == []
    assert not any(password in done.output for password in RIGHT.values())


def test_no_combination_of_one_person_restores_and_nothing_is_touched(restore, tmp_path, database_url):
    before = _state(tmp_path / "hq", database_url)
    chen = [("chen", RIGHT["chen"]), ("CHEN ", RIGHT["chen"]), ("\uff43hen", RIGHT["chen"])]
    others = [
        ("li", WRONG), ("li", RIGHT["chen"]), ("li", ""), ("wang", GONE),
        ("zhao", ANALYST), ("admin", ""), ("nobody", RIGHT["chen"]), ("after", RIGHT["li"]), ("", ""),
    ]  # fmt: skip

    tried = [*product(chen[:1], chen), *((chen[0], other) for other in others), (others[0], chen[0])]
    refused = {(one, other): restore(one, other) for one, other in tried}

    assert {pair for pair, done in refused.items() if done.exit_code == 0} == set()
    assert _state(tmp_path / "hq", database_url) == before
    assert [
        path.name for path in tmp_path.iterdir() if "restoring" in path.name or "before" in path.name
    ] == []


@pytest.mark.parametrize(
    "words",
    [
        ("--reason", WHY),
        ("--by", "chen", "--reason", WHY),
        ("--by", "chen", "--second", "li"),
        ("--by", "chen", "--second", "li", "--reason", "  x "),
        ("--emergency",),
        ("--emergency", "--reason", " "),
        ("--emergency", "--by", "chen", "--reason", WHY),
    ],
    ids=" ".join,
)
def test_a_restore_without_two_people_or_without_a_reason_is_not_begun(words, tmp_path):
    typed = "\n".join(RIGHT.values()) + "\n"
    home = tmp_path / "hq"
    refused = CliRunner().invoke(cli, ["restore", "x", "--home", str(home), *words], input=typed)

    assert (refused.exit_code, home.exists()) == (2, False)
    assert "no such file" not in refused.stderr


def test_wrong_tries_are_counted_and_slowed(restore, tmp_path):
    home, now = Home(tmp_path / "hq"), SystemClock().now()
    restore(("chen", WRONG), ("li", WRONG))
    counted = len(refused_tries(home, at=now))

    home.write_lines(TRIES, [now.isoformat()] * 12)
    waiting = restore(("chen", RIGHT["chen"]), ("li", RIGHT["li"]), forget=False)

    assert (counted, waiting.exit_code, "try again in" in waiting.stderr) == (1, 1, True)


def test_an_emergency_is_told_until_two_administrators_close_the_alarm(call, backup, database_url, look):
    done = call("restore", str(backup), "--force", "--emergency", "--reason", WHY)

    assert done.exit_code == 0, done.output
    (alarm,) = look(select(Alarm))
    assert (alarm.code, alarm.details["why"], alarm.is_open) == ("restored-by-one", WHY, True)
    database = Database(database_url)
    chen, li = (Stamp(SystemClock().now(), name, Via.WEB, "10.0.0.1", new_id()) for name in RIGHT)
    with database.sessions.begin() as session, pytest.raises(AlarmTakesTwoError):
        close_alarm(session, alarm.id, note="the disk was replaced", by=chen)
    with database.sessions.begin() as session:
        asked = closing.end_alarm(session, alarm.id, note="the disk was replaced", by=chen)
        assert asked is not None
        approve = partial(
            operations.approve, kind=closing.CLOSING_KIND, act_id=asked.id, seen=asked.digest, eligible=bool
        )
    with database.sessions.begin() as session, pytest.raises(OwnActError):
        approve(session, by=chen)
    assert look(select(Alarm.closed_at)) == [None]
    with database.sessions.begin() as session:
        approve(session, by=li)
    database.dispose()
    (closed,) = look(select(Alarm))
    assert (closed.closed_by, closed.note) == ("li", "the disk was replaced")
