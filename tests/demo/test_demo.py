"""`make demo` starts, says where to go, and stops without leaving anything behind."""

import json
import re
import signal
import time

import pytest

from tests.demo.rehearsal import STARTS_WITHIN_S, nodes_in, start_demo

pytestmark = [
    pytest.mark.system,
    pytest.mark.slow,
    pytest.mark.timeout(1200),
    pytest.mark.xdist_group("company"),
]


def test_the_demo_prints_addresses_and_sign_ins_and_stops_on_a_signal(rehearsals):
    first, _again = rehearsals
    said = first.said

    assert first.exit_code == 0, said
    assert first.serving == 4
    assert first.left_over == 0
    assert len(re.findall(r"http://127\.0\.0\.1:\d+ ", said)) == 4
    assert all(name in said for name in ("Head office", "B001", "B002", "B003", "admin", "clerk"))
    kinds = ("leader", "head office manager", "branch manager", "account manager", "service", "administrator")
    assert all(said.count(kind) >= 1 for kind in kinds)
    assert "\x1b" not in said  # plain lines where there is no terminal


def test_a_kept_demo_starts_again_at_the_same_addresses_in_the_other_language(rehearsals):
    first, again = rehearsals
    ports = json.loads((first.folder / "demo.json").read_text("utf-8"))["ports"]

    assert again.exit_code == 0, again.said
    assert f"http://127.0.0.1:{ports['HQ']} " in again.said
    assert "总公司" in again.said
    assert again.left_over == 0


def test_a_demo_stopped_while_it_is_being_set_up_leaves_no_process(tmp_path):
    folder = tmp_path / "half"
    demo = start_demo("--language", "en", "--keep", str(folder))
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

    demo = start_demo("--language", "en", "--keep", str(tmp_path))
    said, _ = demo.communicate(timeout=STARTS_WITHIN_S)

    assert demo.returncode == 2
    assert "not empty" in said
    assert [path.name for path in tmp_path.iterdir()] == ["precious.txt"]
