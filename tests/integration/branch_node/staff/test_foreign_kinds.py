"""A kind of head office has no rights at a branch, however it came into the table of accounts."""

import pytest

from shared.rights.vocabulary import DataRange, Duty, StaffKind

PAGES = (
    "/home",
    "/customers",
    "/billing",
    "/worklogs",
    "/managers",
    "/people",
    "/organisation",
    "/log/",
    "/sync/",
)


@pytest.mark.parametrize("kind", [StaffKind.LEADER, StaffKind.ANALYST])
def test_a_kind_of_head_office_opens_nothing_here(make_user, sign_in, kind):
    make_user("planted", kind, data_range=DataRange.GROUP, duties=tuple(Duty))
    browser = sign_in("planted")

    found = {path: browser.get(path, follow_redirects=False).status_code for path in PAGES}

    assert set(found.values()) <= {401, 403}, found
