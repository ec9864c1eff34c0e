"""Shares: some each time, all when asked, the same ones in every run."""

import pytest

from tests.soak.shares import list_files
from tests.support import shares


def test_some_is_tried_each_time_and_all_when_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(shares._now, "whole", False)
    assert shares.share(8, 50) == 8

    shares.try_all()

    assert shares.share(8, 50) == 50


def test_the_soak_finds_every_file_that_tries_a_share() -> None:
    found = list_files()

    assert {"tests/system/test_kill.py", "tests/browser/test_every_page.py"} <= set(found)
    assert "tests/system/test_sync.py" not in found
