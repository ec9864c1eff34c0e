"""`verify-log` answers by its exit code, and the nightly job by an alarm."""

import json

import pytest
from click.testing import CliRunner
from sqlalchemy import select, text

from hq_server.app import open_runtime
from hq_server.cli import cli
from shared.alarms.models import Alarm
from shared.jobs.alarms import LOG_BROKEN
from shared.jobs.job import Progress
from shared.jobs.jobs import check_log
from shared.stamp import Stamp, Via


@pytest.fixture
def home(tmp_path, database_url):
    home = tmp_path / "hq"
    done = run("init", "--database", database_url, home=home)
    assert done.exit_code == 0, done.output
    return home


def run(*words, home):
    return CliRunner().invoke(cli, words, env={"LANG": "en_US.UTF-8", "LC_ALL": "", "HQ_HOME": str(home)})


def edit(home, *statements):
    """Do what somebody with the database's password can."""
    database = open_runtime(home).database
    with database.sessions.begin() as session:
        names = [f"guard_audit_entries_{what}" for what in ("update", "delete")]
        table = " ON audit_entries" if database.dialect == "postgresql" else ""
        for statement in (*(f"DROP TRIGGER {name}{table}" for name in names), *statements):
            session.execute(text(statement))
    database.dispose()


def test_an_untouched_log_is_intact_and_the_command_says_how_far(home):
    run("user", "add", "zhang", "--name", "张三", "--kind", "hq_analyst", home=home)
    done = run("verify-log", "--json", home=home)
    document = json.loads(done.stdout)
    assert (done.exit_code, document["intact"], document["bad"]) == (0, True, None)
    assert document["entries"] > 0


def test_a_changed_entry_is_named_and_the_command_fails(home):
    edit(home, "UPDATE audit_entries SET actor = 'eve' WHERE seq = 1")
    done = run("verify-log", "--json", home=home)
    assert done.exit_code == 1
    assert json.loads(done.stdout)["bad"] == {"seq": 1, "why": "changed", "source": ""}
    assert "Entry 1 is not as it was written." in done.stderr


def test_a_log_key_that_is_another_shows_at_the_end_of_the_log(home):
    (home / "keys" / "log.key").unlink()
    done = run("verify-log", "--json", home=home)
    assert (done.exit_code, json.loads(done.stdout)["bad"]["why"]) == (1, "head")


def test_the_nightly_check_raises_an_alarm_that_names_the_entry_and_clears_it_when_mended(home):
    edit(home, "UPDATE audit_entries SET actor = actor || '!' WHERE seq = 1")
    assert check(home) == [{"seq": 1, "why": "changed"}]
    edit_again(home, "UPDATE audit_entries SET actor = substr(actor, 1, length(actor) - 1) WHERE seq = 1")
    assert check(home) == []


def edit_again(home, statement):
    database = open_runtime(home).database
    with database.sessions.begin() as session:
        session.execute(text(statement))
    database.dispose()


def check(home):
    runtime = open_runtime(home)
    check_log(runtime, Stamp(runtime.clock.now(), "job:verify-log", Via.JOB), Progress())
    with runtime.database.reads() as session:
        statement = select(Alarm.details).where(Alarm.code == LOG_BROKEN.code, Alarm.closed_at.is_(None))
        found = list(session.scalars(statement))
    runtime.database.dispose()
    return found
