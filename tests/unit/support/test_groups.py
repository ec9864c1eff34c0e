from types import SimpleNamespace

import pytest

from tests.support.groups import not_run, write_summary


class Reporter:
    """Stands for pytest's terminal; `lines` holds what people would read."""

    def __init__(self, *reasons):
        self.stats = {
            "skipped": [SimpleNamespace(longrepr=("test.py", 1, f"Skipped: {text}")) for text in reasons]
        }
        self.lines = []

    def section(self, title, **_look):
        self.lines.append(title)

    def line(self, text, **_look):
        self.lines.append(" ".join(text.split()))


def test_what_could_not_run_is_told_with_its_reason_and_number():
    with pytest.raises(pytest.skip.Exception) as skipped:
        not_run("browser", "no Chromium")
    reporter = Reporter(str(skipped.value), str(skipped.value), "only on Windows")

    write_summary(reporter)

    assert reporter.lines[:3] == ["NOT RUN", "2 tests [browser] no Chromium", "1 tests only on Windows"]


def test_nothing_is_told_when_everything_ran():
    reporter = Reporter()

    write_summary(reporter)

    assert reporter.lines == []


@pytest.mark.xdist_group("together")
def test_tests_of_a_group_are_sent_to_one_worker(request, worker_id):
    if worker_id == "master":
        pytest.skip("one process: nothing is sent anywhere")
    assert request.node.nodeid.endswith("@together")
