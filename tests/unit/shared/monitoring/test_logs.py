"""How the log reads and what it must never hold."""

import io
import json
import logging
import subprocess
import sys

import pytest

from shared.config import Home
from shared.monitoring import logs

WRITE = """
import logging, sys
from pathlib import Path
from shared.monitoring import logs
logs.FILE_BYTES = 20_000
handler = logs.SharedFileHandler(Path(sys.argv[1]))
handler.maxBytes, handler.backupCount = 20_000, 50
handler.setFormatter(logs.JsonLines())
logging.getLogger().addHandler(handler)
for number in range(500):
    logging.getLogger("w").warning("line", extra={"writer": sys.argv[2], "number": number})
"""


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture
def log():
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    yield logging.getLogger("tested")
    for handler in set(root.handlers) - set(before):
        root.removeHandler(handler)
        handler.close()
    root.setLevel(level)


def test_a_machine_gets_json_with_the_request_and_the_fields(log):
    stream = io.StringIO()
    logs.set_up(stream=stream)

    with logs.bound(request="r-1"):
        log.info("push applied", extra={"rows": 3})
    log.info("after")

    first, after = map(json.loads, stream.getvalue().splitlines())
    assert (first["event"], first["rows"], first["request"], first["level"]) == (
        "push applied",
        3,
        "r-1",
        "info",
    )
    assert "request" not in after


def test_a_terminal_gets_plain_lines(log):
    stream = Terminal()
    logs.set_up(stream=stream)

    log.warning("line down", extra={"tries": 2})

    assert stream.getvalue().endswith("WARNING line down tries=2\n")


def test_control_characters_cannot_forge_a_line_or_move_the_cursor(log):
    stream = Terminal()
    logs.set_up(stream=stream)

    log.info("name %s", "a\nERROR forged\x1b[2J", extra={"field": "x\r\x9by\u202e"})

    text = stream.getvalue()
    assert text.count("\n") == 1
    assert not set("\x1b\r\x9b\u202e") & set(text)
    assert "\\n" in text


@pytest.mark.parametrize("target", [io.StringIO, Terminal])
def test_secrets_are_blotted_out(log, target):
    stream = target()
    logs.set_up(stream=stream)

    try:
        int("postgresql://ann:hidden1@db/x")
    except ValueError:
        log.exception(
            "failed postgresql://ann:hidden2@db/x",
            extra={"secret_key": "hidden3", "headers": {"Authorization": "hidden4"}, "password": "hidden5"},
        )

    assert "hidden" not in stream.getvalue()
    assert "ann:***@db" in stream.getvalue()


def test_a_home_gets_a_file_that_only_its_user_reads(log, tmp_path):
    home = Home(tmp_path / "home")
    home.create()
    home.write_config({})
    logs.set_up(home, stream=io.StringIO())

    log.info("kept")

    file = home.path / "logs" / "node.log"
    assert json.loads(file.read_text())["event"] == "kept"
    assert file.stat().st_mode & 0o077 == 0


def test_several_processes_share_a_rotating_file_and_lose_no_line(tmp_path):
    file = tmp_path / "node.log"
    writers = [subprocess.Popen([sys.executable, "-c", WRITE, str(file), name]) for name in "abc"]
    assert [writer.wait(60) for writer in writers] == [0, 0, 0]

    lines = [
        json.loads(line) for path in tmp_path.glob("node.log*") for line in path.read_text().splitlines()
    ]
    assert {(line["writer"], line["number"]) for line in lines} == {(w, n) for w in "abc" for n in range(500)}
    assert len(list(tmp_path.glob("node.log.[0-9]*"))) > 2
