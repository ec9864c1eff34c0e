"""No cell of any file that head office hands out is one that a spreadsheet program would run."""

import pytest

from shared.rights.vocabulary import Duty, StaffKind
from tests.integration.hq_server.conftest import NOON, sign_in
from tests.support.formulas import CORPUS, asks_first, export_paths, run_by_a_spreadsheet
from tests.support.hq_rows import add_branch

# What of them tells of nobody is handed out at once; all others ask what for.
AT_ONCE = (
    "/published",  # what head office has published, and which branch has it
    "/analysis/export",  # sums
    "/upkeep",  # counts by branch
    "/questions",  # counts by branch
    "/personal-requests",  # kinds and days; who asked is known at the branch alone
)
# They hold figures and numbers of ours, or names that only an administrator gives.
WITHOUT_FREE_TEXT = (
    "/operations",
    "/organisation",
    "/log",
    "/published",
    "/legal-holds",
    "/personal-requests/one-by-one",
)


@pytest.fixture
def hostile(database):
    """Every stored text of branches that goes into an export, hostile."""
    with database.sessions.begin() as session:
        branch = add_branch(session, "B001", NOON, name=CORPUS[0])
        for number, text in enumerate(CORPUS):
            manager = branch.manager(f"M{number}", text)
            customer = branch.customer(f"K{number}", text, manager_id=manager)
            branch.bill(customer, 100, "2026-11", product=text)
            branch.log(manager, NOON, customer, text=text)
            branch.unit(f"LSV{number:06}", customer, model=text)
        branch.deliver()


def test_every_export_of_head_office_asks_what_for_and_holds_no_formula(app, database, hostile):
    browser = sign_in(app, database, StaffKind.ANALYST, "auditor", duties=[Duty.LOG_AUDITOR])
    paths, silent = list(export_paths(app)), []
    for path in paths:
        assert asks_first(browser, path) != path.startswith(AT_ONCE), path
        answer = browser.take(path)
        assert answer.status_code in {200, 409}, path
        if answer.mimetype == "application/json":
            continue
        ran, told = run_by_a_spreadsheet(answer) if answer.status_code == 200 else ([], False)
        assert ran == [], path
        silent += [] if told else [path]
    assert len(paths) >= 14
    assert [path for path in silent if not path.startswith(WITHOUT_FREE_TEXT)] == []
