"""Shares: some each time, all when asked, the same ones in every run."""

import pytest

from tests.soak.shares import list_files
from tests.support import shares
from tests.support.databases import DIALECTS


def test_some_is_tried_each_time_and_all_when_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(shares._now, "whole", False)
    assert shares.share(8, 50) == 8

    shares.try_all()

    assert shares.share(8, 50) == 50


@pytest.mark.parametrize("test", ["test_one", "test_another", "test_a_third"])
def test_every_test_goes_on_one_kind_of_database(test: str) -> None:
    assert [shares.goes_on(test, dialect) for dialect in DIALECTS].count(True) == 1


def test_either_kind_of_database_has_a_share_of_the_tests() -> None:
    tests = [f"test_{number}" for number in range(200)]
    assert all(60 < sum(shares.goes_on(test, dialect) for test in tests) < 140 for dialect in DIALECTS)


def test_the_soak_finds_every_file_that_tries_a_share() -> None:
    found = list_files()

    assert {"tests/system/test_kill.py", "tests/browser/test_every_page.py"} <= set(found)
    assert "tests/system/test_sync.py" not in found
