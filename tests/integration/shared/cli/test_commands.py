"""The common commands, run in this process on a real head office home."""

import json
import logging
from datetime import timedelta

import pytest
from click.testing import CliRunner
from sqlalchemy import select

from hq_server.app import create_app, open_runtime
from hq_server.cli import cli
from hq_server.tables import APP as TABLES
from shared.audit.models import AuditEntry
from shared.cli import NodeApp, NodeGroup, common_commands
from shared.db.engine import Database
from shared.db.migrations import downgrade
from shared.errors import BranchlineError
from shared.jobs import Job, Outcome

JSON_USER = {"username": "zhang", "name": "张三", "kind": "analyst", "enabled": True}


class LineDownError(BranchlineError):
    message = "the line is down"
    retryable = True


def refuse(*_):
    raise LineDownError


def jobs():
    outcomes = {
        "good": lambda *_: Outcome.done(rows=3),
        "idle": lambda *_: Outcome.nothing(),
        "away": refuse,
        "bad": lambda *_: Outcome.failed("the file is wrong"),
    }
    return [Job(name, name, run, every=timedelta(hours=1)) for name, run in outcomes.items()]


@pytest.fixture(autouse=True)
def quiet_log():
    """Take away what `logs.set_up` adds, so that no test logs into another's output."""
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    yield
    for handler in set(root.handlers) - set(before):
        root.removeHandler(handler)
        handler.close()
    root.setLevel(level)


@pytest.fixture
def call(tmp_path, database_url):
    """Run an hq-server command on one home."""

    def run(*words, group=cli, home=tmp_path / "hq", **more):
        environment = {"LANG": "en_US.UTF-8", "LC_ALL": "", "HQ_HOME": str(home)}
        return CliRunner().invoke(group, words, env=environment | more.pop("env", {}), **more)

    done = run("init", "--database", database_url)
    assert done.exit_code == 0, done.output
    return run


@pytest.fixture
def audited(database_url):
    def events():
        database = Database(database_url)
        with database.reads() as session:
            found = list(session.scalars(select(AuditEntry.event).order_by(AuditEntry.id)))
        database.dispose()
        return found

    return events


@pytest.fixture
def with_jobs():
    """The same commands with jobs of our own."""
    app = NodeApp("hq-server", TABLES, "HQ_HOME", open_runtime, create_app, jobs())
    return NodeGroup(commands=common_commands(app))


def test_a_user_is_added_listed_and_disabled(call, audited):
    added = call("user", "add", "zhang", "--name", "张三", "--kind", "analyst", "--json")
    assert added.exit_code == 0
    document = json.loads(added.stdout)
    assert {name: document[name] for name in JSON_USER} == JSON_USER
    assert len(document["code"].replace("-", "")) >= 23

    assert call("user", "disable", "zhang").exit_code == 0
    listed = json.loads(call("user", "list", "--json").stdout)
    assert [user["enabled"] for user in listed if user["username"] == "zhang"] == [False]
    assert {"user.created", "user.code-issued", "user.disabled"} <= set(audited())


def test_a_second_step_is_given_and_taken_away_at_the_terminal(call, audited):
    call("user", "add", "zhang", "--name", "张三")
    given = call("user", "second-step", "zhang")
    again = call("user", "second-step", "zhang")
    reset = call("user", "reset-second-step", "zhang")
    known = call("user", "second-step", "zhang", "--secret-stdin", input="JBSW Y3DP EHPK 3PXP\n")
    call("user", "reset-second-step", "zhang")
    short = call("user", "second-step", "zhang", "--secret-stdin", input="JBSWY3DP\n")

    secret, uri = given.stdout.split()
    assert (len(secret), f"secret={secret}" in uri, uri[:15]) == (32, True, "otpauth://totp/")
    assert [one.exit_code for one in (given, again, reset, known, short)] == [0, 2, 0, 0, 2]
    assert known.stdout == ""
    assert {"user.second-step-enrolled", "user.second-step-reset"} <= set(audited())


def test_only_the_code_goes_to_stdout(call):
    added = call("user", "add", "zhang", "--name", "张三")

    assert added.stdout.count("\n") == 1
    assert "zhang" not in added.stdout
    assert "zhang" in added.stderr


def test_a_password_can_be_given_on_stdin(call):
    added = call(
        "user",
        "add",
        "zhang",
        "--name",
        "张三",
        "--password-stdin",
        "--json",
        input="correct horse battery\n",
    )
    assert json.loads(added.stdout)["code"] is None
    weak = call("user", "add", "li", "--name", "李四", "--password-stdin", input="short\n")
    assert weak.exit_code == 2
    assert [user["username"] for user in json.loads(call("user", "list", "--json").stdout)] == [
        "admin",
        "zhang",
    ]


def test_a_refusal_is_one_sentence_on_stderr_in_the_terminals_language(call, tmp_path):
    english = call("user", "list", home=tmp_path / "none")
    chinese = call("user", "list", home=tmp_path / "none", env={"LANG": "zh_CN.UTF-8"})
    asked = call("user", "list", "--language", "zh_CN", home=tmp_path / "none")

    assert [one.exit_code for one in (english, chinese, asked)] == [2, 2, 2]
    assert english.stdout == chinese.stdout == ""
    assert "run `init` first" in english.stderr
    assert "请先运行 `init`" in chinese.stderr == asked.stderr


def test_help_speaks_both_languages_one_after_the_other(call):
    chinese = call("serve", "--help", "--language=zh_CN")
    english = call("serve", "--help", "--language", "en")

    assert "提供页面并运行作业" in chinese.stdout
    assert "Serve pages and run jobs" in english.stdout
    assert call("--language", "klingon").exit_code == 2


@pytest.mark.parametrize(("job", "code"), [("good", 0), ("idle", 0), ("away", 1), ("bad", 2), ("unknown", 2)])
def test_running_a_job_tells_by_its_exit_code_how_it_went(job, code, call, with_jobs):
    done = call("run", job, "--json", group=with_jobs)

    assert done.exit_code == code, done.output
    if job == "good":
        assert json.loads(done.stdout) == {
            "job": "good",
            "outcome": "done",
            "counts": {"rows": 3},
            "message": "",
            "error": None,
        }


def test_the_jobs_and_their_last_runs_are_listed(call, with_jobs):
    call("run", "good", group=with_jobs)

    listed = json.loads(call("jobs", "--list", "--json", group=with_jobs).stdout)

    assert [one["job"] for one in listed] == ["good", "idle", "away", "bad"]
    assert listed[0]["last"]["outcome"] == "done"
    assert listed[1]["last"] is None
    assert "good" in call("jobs", "--list", group=with_jobs).stdout


def test_a_node_older_than_the_program_says_how_to_cure_it(call, database_url, audited):
    database = Database(database_url)
    downgrade(database, TABLES)
    database.dispose()

    refused = call("serve", "--port", "0")
    assert refused.exit_code == 2
    assert "hq-server migrate --home" in refused.stderr

    assert call("migrate").exit_code == 0
    assert call("migrate").exit_code == 0
    assert audited() == ["node.migrated"]


def test_a_node_is_backed_up_and_restored(call, audited, tmp_path):
    file = tmp_path / "node.backup"
    made = call("backup", str(file), "--json")
    assert made.exit_code == 0, made.output
    assert json.loads(made.stdout)["rows"]["users"] == 1
    call("user", "add", "zhang", "--name", "张三")
    alone = ("--emergency", "--reason", "the disk is dead")

    refused = call("restore", str(file), *alone)
    assert (refused.exit_code, "--force" in refused.stderr) == (2, True)
    restored = call("restore", str(file), "--force", *alone)

    assert restored.exit_code == 0, restored.output
    assert [user["username"] for user in json.loads(call("user", "list", "--json").stdout)] == ["admin"]
    assert audited()[-1] == "node.restored"


def test_a_backup_that_is_not_one_is_refused(call, tmp_path):
    file = tmp_path / "node.backup"
    file.write_bytes(b"hello")

    refused = call("restore", str(file), "--force", "--emergency", "--reason", "the disk is dead")

    assert refused.exit_code == 2
    assert call("user", "list").exit_code == 0


@pytest.mark.parametrize(
    ("change", "said"),
    [({"host": "0.0.0.0"}, "plain HTTP"), ({"host": "192.0.2.1", "allow_plain_http": True}, "Cannot listen")],
)
def test_a_node_does_not_serve_where_it_is_not_safe_or_cannot(change, said, call, tmp_path):
    home = open_runtime(tmp_path / "hq").settings.home
    home.write_config(home.read_config() | change)

    refused = call("serve", "--no-jobs")

    assert refused.exit_code == 2
    assert said in refused.stderr


def test_where_the_database_is_can_be_said_on_stdin(call, tmp_path, make_database_url, dialect):
    url = make_database_url(dialect)

    done = call("init", "--database", "-", home=tmp_path / "quiet", input=f"{url}\n")

    assert done.exit_code == 0, done.output
    assert open_runtime(tmp_path / "quiet").settings.database_url == url


def test_a_sample_secret_is_refused(call, tmp_path):
    home = open_runtime(tmp_path / "hq").settings.home
    home.write_key("session.key", b"change-me")

    assert call("serve").exit_code == 2
