"""What happened to an account is told in words, whatever it was."""

import re
from pathlib import Path

from shared.web.people.pages import EVENTS

RECORDED = re.compile(r'"((?:user|second-step|sign-in)\.[a-z_-]+|sign-out)"')


def test_everything_recorded_about_an_account_has_words():
    sources = [*Path("shared/auth").glob("*.py"), Path("shared/organisation/operations.py")]
    recorded = {event for path in sources for event in RECORDED.findall(path.read_text(encoding="utf-8"))}
    recorded.discard("second-step.key")  # a file, not an event

    assert len(recorded) > 15
    assert recorded - set(EVENTS) == set()
