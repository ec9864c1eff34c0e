"""No cell of any file that a branch hands out is one that a spreadsheet program would run."""

import io

import pytest
from werkzeug.wrappers import Response

from branch_node.imports.reports import RefusedRow, write_errors
from tests.support.everyone import month_of_customer
from tests.support.formulas import CORPUS, asks_first, export_paths, run_by_a_spreadsheet

# What of them tells of nobody is handed out at once; all others ask what for.
AT_ONCE: tuple[str, ...] = ()
# They hold figures and numbers of ours, or names that only an administrator gives.
WITHOUT_FREE_TEXT = ("/operations", "/organisation", "/log", "/legal-holds")
# Of a recall that somebody chose; its cells are those of the lists of units and of customers.
OF_ONE_RECALL = "/units/recalls/called-in"


@pytest.fixture
def hostile(rows, sessions):
    """Every stored text that goes into an export, hostile."""
    for number, text in enumerate(CORPUS):
        manager = rows.manager(name=text, manager_no=f"M{number}")
        customer = rows.customer(
            name=text, address=text, email=text, wechat=text, manager_id=manager, customer_no=f"K{number}"
        )
        rows.bill_line(customer, product=text, remark=text)
        rows.work_log(manager, customer_id=customer, text=text, place=text)
        rows.unit(customer, model=text)
        with sessions.begin() as session:
            session.add(month_of_customer(customer, 100))


def test_every_export_of_a_branch_asks_what_for_and_holds_no_formula(app, browser, hostile):
    paths, silent = [one for one in export_paths(app) if not one.startswith(OF_ONE_RECALL)], []
    for path in paths:
        assert asks_first(browser, path) != path.startswith(AT_ONCE), path
        answer = browser.take(f"{path}?columns=address&columns=email&columns=wechat", whole="yes")
        assert answer.status_code in {200, 409}, path
        ran, told = run_by_a_spreadsheet(answer) if answer.status_code == 200 else ([], False)
        assert ran == [], path
        silent += [] if told else [path]
    assert len(paths) >= 14
    assert [path for path in silent if not path.startswith(WITHOUT_FREE_TEXT)] == []


@pytest.mark.parametrize("xlsx", [False, True])
def test_no_file_of_refused_rows_holds_a_formula(xlsx):
    stream = io.BytesIO()
    refused = [
        RefusedRow(number, [text, text], [("name", "unknown", text, {})])
        for number, text in enumerate(CORPUS)
    ]
    write_errors(stream, ["name", CORPUS[0]], refused, xlsx=xlsx)

    assert run_by_a_spreadsheet(Response(stream.getvalue())) == ([], True)
