"""Telling a process that is gone from one that lives."""

import subprocess
import sys

from shared.jobs.holder import is_dead, this_process

ASK = "from shared.jobs.holder import this_process; print(this_process())"


def test_this_process_lives_and_one_that_ended_is_dead():
    ended = subprocess.run(
        [sys.executable, "-c", ASK], capture_output=True, text=True, check=True
    ).stdout.strip()

    assert ended != this_process()
    assert is_dead(ended)
    assert not is_dead(this_process())


def test_another_process_under_the_same_number_is_not_taken_for_the_old_one():
    machine, pid, _ = this_process().rsplit("/", 2)
    assert is_dead(f"{machine}/{pid}/1")


def test_nothing_is_said_of_processes_of_other_machines():
    assert not is_dead("elsewhere/4026531836/999999/1")
    assert not is_dead("")
