"""A kind of the branches has no rights at head office, however it came into the table of accounts."""

import pytest

from shared.auth.models import User
from shared.auth.queries import get_user_named
from shared.rights.vocabulary import DataRange, Duty, StaffKind
from tests.integration.hq_server.conftest import PASSWORD, sign_in

PAGES = ("/home", "/customers/", "/managers/", "/people", "/organisation", "/log/", "/account/profile")


@pytest.mark.parametrize("kind", [StaffKind.BRANCH_MANAGER, StaffKind.ACCOUNT_MANAGER, StaffKind.SERVICE])
def test_a_kind_of_the_branches_opens_nothing_here(app, database, kind):
    sign_in(app, database, username="planted")
    with database.sessions.begin() as session:
        row = get_user_named(session, "planted")
        row.kind, row.data_range, row.duties = kind, DataRange.GROUP, [one.value for one in Duty]
    browser = app.test_client()
    browser.sign_in("planted", PASSWORD)

    found = {path: browser.get(path).status_code for path in PAGES}

    assert set(found.values()) <= {401, 403}, found


def test_they_grant_nobody_anything_either(app, client, database):
    sign_in(app, database, username="planted")
    with database.sessions.begin() as session:
        get_user_named(session, "planted").kind = StaffKind.BRANCH_MANAGER
        other = get_user_named(session, "zhang").id
    browser = app.test_client()
    browser.sign_in("planted", PASSWORD)

    assert browser.send(f"/people/{other}/rights", data_range="none", to="all").status_code in {401, 403}
    with database.reads() as session:
        assert session.get_one(User, other).data_range is DataRange.GROUP
