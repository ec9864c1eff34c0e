"""Interfaces of programs: made by who proved the second step, shown once, bounded, revoked at once."""

import re
from datetime import timedelta

import pytest
from sqlalchemy import select

from shared.auth import operations, queries
from shared.auth.models import AccessToken
from shared.rights.vocabulary import Action, Resource, StaffKind
from shared.web.access import requires
from shared.web.api.bounds import A_MINUTE
from shared.web.api.document import describe
from tests.integration.shared.web.conftest import PASSWORD, SETUP
from tests.support.interfaces import Program, token_for

READ = (Resource.OWN_ACCOUNT, Action.READ)
WRITE = (Resource.OWN_ACCOUNT, Action.UPDATE)


@pytest.fixture
def app(make_app):
    app = make_app()

    @requires(*READ)
    @describe("read")
    def read():
        return {"read": True}

    @requires(*WRITE)
    @describe("write")
    def write():
        return {"written": True}

    app.add_url_rule("/api/v1/own", view_func=read, endpoint="own.read")
    app.add_url_rule("/api/v1/own", view_func=write, endpoint="own.write", methods=["POST"])
    return app


def tokens(database):
    with database.reads() as session:
        return session.scalars(select(AccessToken).order_by(AccessToken.made_at)).all()


def made_by_hand(browser, *scopes, name="Nightly report", days="30"):
    browser.get("/interfaces/new")
    page = browser.post(
        "/interfaces",
        data={"csrf_token": browser.token(), "name": name, "days": days, "scopes": list(scopes)},
    )
    found = re.search(r'value="(branchline_[\w-]+)"', page.text)
    return page, found[1] if found else ""


def test_a_token_is_shown_once_opens_what_was_chosen_and_nothing_else(app, signed_in, database):
    page, token = made_by_hand(signed_in, "own_account:read")
    program = Program(app, token)

    assert page.status_code == 200
    assert program.get("/api/v1/own").json == {"read": True}
    assert program.post("/api/v1/own").json["code"] == "forbidden"
    (row,) = tokens(database)
    assert token not in f"{row.digest} {row.id}"
    listed = signed_in.get("/interfaces")
    assert (listed.status_code, "Nightly report" in listed.text, token in listed.text) == (200, True, False)
    assert row.used_at is not None


def test_cookies_open_nothing_for_programs_and_tokens_nothing_for_people(app, signed_in):
    token = token_for(app, "wang", [READ])
    answer = signed_in.get("/api/v1/own")
    assert (answer.status_code, answer.headers["WWW-Authenticate"]) == (401, 'Bearer realm="branchline"')

    page = app.test_client().get("/forms", headers={"Authorization": f"Bearer {token}"})
    assert page.status_code == 303
    assert "/account/sign-in" in page.location


@pytest.mark.parametrize("end", ["revoked", "over", "password", "disabled", "kind"])
def test_a_token_ends_with_its_day_its_owner_and_by_hand_at_the_next_request(
    app, signed_in, database, clock, end
):
    token = token_for(app, "wang", [READ])
    program = Program(app, token)
    assert program.get("/api/v1/own").status_code == 200
    if end == "revoked":
        signed_in.send(f"/interfaces/{tokens(database)[0].id}/revoke")
    elif end == "over":
        clock.advance(timedelta(days=30))
    else:
        with database.sessions.begin() as session:
            user = queries.get_user_named(session, "wang")
            if end == "password":
                operations.set_password(session, user, PASSWORD + "!", by=SETUP)
            elif end == "disabled":
                operations.disable_user(session, user, by=SETUP)
            else:
                operations.change_kind(session, user, StaffKind.LEADER, by=SETUP)

    assert program.get("/api/v1/own").json["code"] == "token-required"


def test_nobody_makes_a_token_without_the_second_step_proven_lately(app, signed_in, clock, database):
    signed_in.second_step = False
    clock.advance(timedelta(minutes=20))

    assert "/account/second-step" in signed_in.get("/interfaces/new").location
    page, _token = made_by_hand(signed_in, "own_account:read")
    assert page.status_code == 303
    assert tokens(database) == []


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"name": " "}, "name"),
        ({"name": "x" * 41}, "name"),
        ({"days": "0"}, "days"),
        ({"days": "367"}, "days"),
        ({"scopes": ["job:manage"]}, "scopes"),
        ({"scopes": []}, "scopes"),
    ],
)
def test_a_token_has_a_name_an_end_and_rights_of_its_owner(signed_in, database, given, field):
    wanted = {"scopes": ["own_account:read"], **given}
    page, token = made_by_hand(signed_in, *wanted.pop("scopes"), **wanted)

    assert (page.status_code, token) == (400, "")
    assert tokens(database) == []


def test_a_program_that_asks_too_fast_is_told_when_to_ask_again(app, make_user, clock):
    make_user()
    app.config[A_MINUTE] = 2
    program = Program(app, token_for(app, "wang", [READ]))
    assert [program.get("/api/v1/own").status_code for _ in range(3)] == [200, 200, 429]
    refused = program.get("/api/v1/own")
    assert (refused.headers["Retry-After"], refused.json["retryable"]) == ("60", True)

    clock.advance(timedelta(minutes=1))
    assert program.get("/api/v1/own").status_code == 200


def test_who_keeps_interfaces_sees_and_ends_those_of_everybody_and_nobody_ends_anothers_otherwise(
    app, administrator, signed_in, make_user, database
):
    make_user("li", StaffKind.SERVICE)
    token_for(app, "li", [READ])
    (row,) = tokens(database)

    assert signed_in.send(f"/interfaces/{row.id}/revoke").status_code == 404
    assert signed_in.get("/interfaces/all").status_code == 403
    assert "a program" in administrator.get("/interfaces/all").text
    administrator.send(f"/interfaces/all/{row.id}/revoke")

    assert tokens(database)[0].revoked_by == "zhang"


def test_the_document_and_its_page_name_every_address_and_its_right(app, signed_in):
    document = app.test_client().get("/api/v1/openapi.json").json

    assert document["openapi"] == "3.1.0"
    assert document["paths"]["/api/v1/own"]["post"]["x-right"] == "own_account:update"
    assert "/api/v1/own" in signed_in.get("/interfaces/reference").text
