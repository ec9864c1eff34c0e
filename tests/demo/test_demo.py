"""`make demo` starts, says where to go, and stops without leaving anything behind."""

import json
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

ROOT = Path(__file__).parents[2]
STARTS_WITHIN_S = 600
pytestmark = [
    pytest.mark.system,
    pytest.mark.slow,
    pytest.mark.timeout(1200),
    pytest.mark.xdist_group("demo"),  # one at a time: four nodes are enough for a machine
]


def start(*options: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "tests.demo", "--scale", "0.03", *options],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
    )


def nodes_in(folder: Path) -> list[psutil.Process]:
    return [
        process
        for process in psutil.process_iter(["cmdline"])
        if any(str(folder) in argument for argument in process.info["cmdline"] or [])
        and "tests.demo" not in (process.info["cmdline"] or [])
    ]


def test_the_demo_runs_prints_addresses_and_sign_ins_stops_on_a_signal_and_starts_again(tmp_path):
    folder = tmp_path / "kept"
    demo = start("--language", "en", "--keep", str(folder))
    said = ""
    try:
        assert demo.stdout is not None
        for line in demo.stdout:
            said += line
            if "Ctrl-C" in line:
                break
        serving = nodes_in(folder)
        demo.send_signal(signal.SIGTERM)
        exit_code = demo.wait(60)
    finally:
        demo.kill()
        demo.communicate()  # closes its pipe

    assert exit_code == 0, said
    assert len(serving) == 4
    assert nodes_in(folder) == []
    assert len(re.findall(r"http://127\.0\.0\.1:\d+ ", said)) == 4
    assert all(name in said for name in ("Head office", "B001", "B002", "B003", "admin", "clerk"))
    assert "\x1b" not in said  # plain lines where there is no terminal

    ports = json.loads((folder / "demo.json").read_text("utf-8"))["ports"]
    again = start("--language", "zh_CN", "--keep", str(folder), "--once")
    said, _ = again.communicate(timeout=STARTS_WITHIN_S)
    assert again.returncode == 0, said
    assert f"http://127.0.0.1:{ports['HQ']} " in said
    assert "总公司" in said
    assert nodes_in(folder) == []


def test_a_demo_stopped_while_it_is_being_set_up_leaves_no_process(tmp_path):
    folder = tmp_path / "half"
    demo = start("--language", "en", "--keep", str(folder))
    try:
        deadline = time.monotonic() + STARTS_WITHIN_S
        while not nodes_in(folder) and time.monotonic() < deadline:
            time.sleep(0.1)
        demo.send_signal(signal.SIGINT)
        said, _ = demo.communicate(timeout=60)
    finally:
        demo.kill()

    assert demo.returncode == 0, said
    assert nodes_in(folder) == []


def test_a_folder_that_holds_something_else_is_left_alone(tmp_path):
    (tmp_path / "precious.txt").write_text("mine", encoding="utf-8")

    demo = start("--language", "en", "--keep", str(tmp_path))
    said, _ = demo.communicate(timeout=STARTS_WITHIN_S)

    assert demo.returncode == 2
    assert "not empty" in said
    assert [path.name for path in tmp_path.iterdir()] == ["precious.txt"]
