"""A filter whose value means nothing is told at every list of the branch: a list without it would show too much."""

import html
import re
from collections.abc import Iterator

import pytest

from shared.rights.vocabulary import StaffKind
from tests.support.interfaces import Program, token_for

KNOWN = "慕容复"
ID, CODE = "It takes the id of a record", "It has no such choice (any more)"
DAY, MONTH, HOUR = "like 2026-03-31.", "like 2026-03.", "like 2026-03-31T08."
# Of each list: what is asked, what the filter is called, what it takes.
LISTS = {
    "/customers": [
        *(("manager=x", "Account manager", ID), ("opened_from=notaday", "Opened from", DAY)),
        *(("opened_to=2026-02-30", "Opened to", DAY), ("opened_from=0001-01-01", "Opened from", DAY)),
        *(("kind=nobody", "Kind", CODE), ("kind=individual&kind=nobody", "Kind", CODE)),
        *(("grade=Z", "Grade", CODE), ("status=x", "Status", CODE), ("value_tier=x", "Value tier", CODE)),
        *(("lifecycle_stage=x", "Life-cycle stage", CODE), ("service_level=x", "Service level", CODE)),
        *(("preferred_channel=x", "Preferred channel", CODE), ("birthday=13", "Birthday in month", CODE)),
        *(("no_contact=maybe", "Do not contact", CODE), ("upkeep=x", "upkeep", CODE)),
        *(("quiet=x", "quiet", CODE), ("lacking=x", "lacking", CODE)),
    ],
    "/customers/export.csv": [("opened_from=notaday", "Opened from", DAY)],
    "/to-confirm": [("manager=x", "Account manager", ID), ("kind=x", "Kind", CODE)],
    "/completeness": [("manager=x", "Account manager", ID), ("below=7", "below", CODE)],
    "/untouched": [("manager=x", "Account manager", ID), ("days=x", "days", CODE)],
    "/worklogs": [
        *(("from=yesterday", "From", DAY), ("to=x", "To", DAY), ("manager=x", "Account manager", ID)),
        *(("customer=x", "Customer", ID), ("kind=x", "Kind", CODE)),
    ],
    "/worklogs/export.csv": [("from=yesterday", "From", DAY)],
    "/billing": [
        *(("period_from=2026-13", "Period from", MONTH), ("period_to=x", "Period to", MONTH)),
        *(("kind=x", "Kind", CODE), ("customer=x", "Customer", ID)),
    ],
    "/billing/export.csv": [("period_from=2026-13", "Period from", MONTH)],
    "/units": [("customer=x", "Customer", ID), ("status=x", "Status", CODE)],
    "/documents": [
        ("manager=x", "Account manager", ID),
        ("days=x", "days", CODE),
        ("state=x", "State", CODE),
    ],
    "/qualifications": [
        *(("state=x", "State", CODE), ("outcome=x", "Outcome", CODE), ("grade=x", "Grade", CODE)),
        ("customer=x", "Customer", ID),
    ],
    "/qualifications/judging": [("whom=x", "whom", CODE)],
    "/managers": [("status=x", "Status", CODE)],
    "/merges": [("state=x", "State", CODE)],
    "/duplicates": [("state=x", "State", CODE)],
    "/archive": [("kind=x", "Kind", CODE), ("customer=x", "Customer", ID)],
    "/personal-requests": [("state=x", "State", CODE), ("customer=x", "Customer", ID)],
    "/legal-holds": [("state=x", "State", CODE), ("customer=x", "Customer", ID)],
    "/statistics": [("manager=x", "Account manager", ID)],
    "/statistics/2026-03": [("manager=x", "Account manager", ID)],
    "/operations/": [("month=x", "Month", MONTH)],
    "/people": [("state=x", "State", CODE), ("kind=x", "Kind", CODE), ("department=x", "Department", ID)],
    "/log/": [("from=x", "From", DAY), ("hour=2026-03-31", "hour", HOUR), ("rows=x", "rows", CODE)],
    "/sync/batches": [("channel=x", "Channel", CODE), ("record=x", "record", CODE)],
    "/sync/where": [("record=x", "record", CODE)],
}
READ = [
    ("/api/v1/customers", "manager=x", "manager"),
    ("/api/v1/customers", "opened_from=notaday", "opened_from"),
    ("/api/v1/archive", "customer=x", "customer"),
]


def asked() -> Iterator[tuple[str, str, str, str]]:
    for path, filters in LISTS.items():
        for query, name, cure in filters:
            yield path, query, name, cure


def test_a_filter_that_cannot_be_read_is_told_with_its_cure_and_no_list_is_shown_without_it(browser, rows):
    rows.customer(name=KNOWN)
    for path, query, name, cure in asked():
        assert browser.get(path).status_code in {200, 302}, path  # a file pins its days first
        page = browser.get(f"{path}?q={KNOWN}&{query}")
        given = query.rpartition("=")[2]

        assert page.status_code == 400, (path, query)
        [told] = re.findall(r'class="problem-sentence">([^<]*)<', page.text)
        assert f"“{name}” cannot be “{given}”" in told, (path, query)
        assert cure in told, (path, query)
        assert "<table" not in page.text, (path, query)

        # the way on keeps what could be read
        [on] = re.findall(r'btn-primary" href="([^"]*)">Go on without this filter', page.text)
        assert query.partition("=")[0] not in on, (path, query)
        assert browser.get(html.unescape(on)).status_code in {200, 302}, on
        assert "q=" in on, (path, query)


@pytest.mark.parametrize(("path", "query", "name"), READ)
def test_a_program_is_told_which_parameter_cannot_be_read(app, make_user, rows, path, query, name):
    rows.customer(name=KNOWN)
    make_user("boss", StaffKind.BRANCH_MANAGER)
    answer = Program(app, token_for(app, "boss")).get(f"{path}?{query}")

    assert (answer.status_code, answer.json["code"]) == (400, "filter-unreadable"), answer.text
    assert [*answer.json["fields"]] == [name]
    assert KNOWN not in answer.text
