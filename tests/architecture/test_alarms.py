"""Every alarm has words where it is shown, and its symptom, cause and command in docs/operations.md."""

import importlib
import pkgutil
import re
from functools import cache

import pytest

import branch_node
import hq_server
import shared
import sync_protocol
from branch_node.app import ALARMS as OF_BRANCHES
from hq_server.app import ALARMS as OF_HQ
from shared.alarms.vocabulary import AlarmKind
from tests.architecture.sources import ROOT


@cache
def _declared(package):
    """Return every kind that any module of a package declares."""
    found = set()
    for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
        if ".migrations." in module.name or module.name.endswith("__main__"):
            continue
        members = vars(importlib.import_module(module.name)).values()
        found |= {one for one in members if isinstance(one, AlarmKind)}
    return found


EVERY = sorted({*OF_HQ, *OF_BRANCHES}, key=lambda kind: kind.code)


@pytest.mark.parametrize(("package", "gathered"), [(hq_server, OF_HQ), (branch_node, OF_BRANCHES)])
def test_an_alarm_that_can_be_raised_has_words_on_the_page_of_its_node(package, gathered):
    both = _declared(shared) | _declared(sync_protocol)

    assert {kind.code for kind in _declared(package) | both} == {kind.code for kind in gathered}
    assert len({kind.code for kind in gathered}) == len(gathered)


@pytest.mark.parametrize("kind", EVERY, ids=lambda kind: kind.code)
def test_an_alarm_stands_in_the_table_of_symptoms_with_its_cause_and_what_to_do(kind):
    table = (ROOT / "docs/operations.md").read_text().split("## Symptom, cause, command")[1].split("\n## ")[0]
    rows = [re.split(r"(?<!\\)\|", line)[1:-1] for line in table.splitlines() if line.startswith("| ")]

    told = [row for row in rows if re.search(rf"alarm[^|]*`{re.escape(kind.code)}`", row[0])]

    assert told, f"docs/operations.md does not tell of the alarm {kind.code}"
    assert all(len(row) == 3 and all(cell.strip() for cell in row) for row in told)
    assert kind.title_msgid
    assert kind.cure_msgid
