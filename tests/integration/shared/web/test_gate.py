"""What holds for every route of every app: who may call it, headers, tokens, hosts, errors."""

import json
import re
from functools import partial

import pytest
from flask import Blueprint, Flask
from sqlalchemy import func, select

from shared.auth.models import User
from shared.errors import Kind, SetupError
from shared.i18n import lazy_gettext as _l
from shared.rights.vocabulary import Action, Resource, StaffKind
from shared.web.access import Audience, access_of, machine, public, requires
from shared.web.menu import MenuEntry

ADDRESSES = (
    "/",
    "/forms",
    "/administrators",
    "/account/sign-in",
    "/account/first-sign-in",
    "/healthz",
    "/static/branchline.css",
    "/nope",
    "/breaks",
    "/database-away",
    "/kinds/forbidden",
    "/kinds/too_many",
    "/aborts/405",
    "/sync/nope",
    "/sync/push",
)


# --- deny by default -----------------------------------------------------------------------------


def test_an_app_does_not_start_with_a_view_that_does_not_say_who_may_call_it(make_app):
    slice_ = Blueprint("slice", __name__)
    slice_.add_url_rule("/open", "open", lambda: "secret")

    with pytest.raises(SetupError, match=r"slice\.open"):
        make_app({"blueprints": [slice_], "home": "slice.open", "menu": [], "search": None})


def test_a_view_added_later_is_refused_when_called(app):
    app.add_url_rule("/late", "late", lambda: "secret")
    answer = app.test_client().get("/late")
    assert (answer.status_code, "secret" in answer.text) == (403, False)


def test_a_menu_that_leads_nowhere_stops_the_start(make_app):
    with pytest.raises(SetupError, match=r"gallery\.nowhere"):
        make_app({"menu": [MenuEntry(_l("x"), "gallery.nowhere", "x", Resource.OWN_ACCOUNT)]})


def test_a_menu_of_more_than_nine_entries_stops_the_start(make_app):
    with pytest.raises(SetupError, match="menu"):
        make_app({"menu": [MenuEntry(_l("x"), "gallery.index", "x", Resource.OWN_ACCOUNT)] * 10})


def test_entries_at_the_foot_of_the_menu_are_not_among_the_nine(make_app):
    entries = [
        MenuEntry(_l("x"), "gallery.index", "x", Resource.OWN_ACCOUNT, foot=at > 8) for at in range(11)
    ]

    make_app({"menu": entries})


def test_a_stranger_reaches_only_what_is_public_and_changes_nothing(app, make_user, database):
    make_user("wang", StaffKind.ADMINISTRATOR)
    reached = set()
    for rule in app.url_map.iter_rules():
        access = access_of(app, rule.endpoint)
        assert access is not None
        url = re.sub(r"<any\((\w+)[^>]*>", r"\1", rule.rule)
        for name in rule.arguments:
            url = url.replace(f"<id:{name}>", "0190a0a0-0000-7000-8000-000000000000")
            url = url.replace(f"<string(length=64):{name}>", "0" * 64)
            url = url.replace(f"<int:{name}>", "404").replace(f"<path:{name}>", "x").replace(f"<{name}>", "x")
        for method in rule.methods - {"OPTIONS", "HEAD"}:
            with app.test_client().open(url, method=method) as answer:
                status, location = answer.status_code, answer.location or ""
            if access.audience is Audience.PEOPLE:
                assert (status, location[:16]) in {(303, "/account/sign-in"), (401, "")}, (method, url)
            else:
                reached.add(rule.endpoint)
    assert {"accounts.sign_in", "healthz", "ui.static", "gallery.push"} <= reached
    with database.reads() as session:
        assert session.scalar(select(func.count()).select_from(User)) == 1


def test_staff_do_not_enter_what_is_for_administrators(signed_in, administrator):
    refused = signed_in.get("/administrators")
    assert (refused.status_code, "您的人员类别可做的事项" in refused.text) == (403, True)
    assert administrator.get("/administrators").status_code == 200
    assert "For the few" not in signed_in.get("/").text
    assert "For the few" in administrator.get("/").text


def test_decorators_mark_the_view_itself():
    @requires(Resource.OWN_ACCOUNT, Action.READ)
    def view() -> str:
        return ""

    app = Flask("x")
    app.add_url_rule("/", "a", view)
    app.add_url_rule("/b", "b", public(lambda: ""))
    app.add_url_rule("/c", "c", machine(lambda: ""))
    audiences = [access and access.audience for access in map(partial(access_of, app), "abc")]
    assert audiences == ["people", "everybody", "machines"]
    assert access_of(app, None) is None


# --- headers -------------------------------------------------------------------------------------


@pytest.mark.parametrize("address", ADDRESSES)
def test_every_answer_carries_the_security_headers(make_user, app, address):
    make_user("wang")
    stranger, insider = app.test_client(), app.test_client()
    insider.sign_in()
    for browser in (stranger, insider):
        with browser.get(address) as answer:
            headers = answer.headers
        policy = headers["Content-Security-Policy"]
        assert "unsafe" not in policy
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Referrer-Policy"] == "same-origin"
        assert len(headers["X-Request-ID"]) == 36
        assert "Strict-Transport-Security" not in headers
        static = address.startswith("/static")
        assert headers["Cache-Control"] == ("no-cache" if static else "no-store")


def test_a_page_holds_no_inline_script_style_or_outside_address(signed_in):
    for address in ("/", "/forms?bad=1", "/account/profile", "/nope"):
        page = signed_in.get(address).text
        assert "<style" not in page
        assert " style=" not in page
        assert " onclick=" not in page
        assert "<script>" not in page
        assert "https://" not in page.replace("http://www.w3.org", "")


def test_an_asset_whose_address_names_its_content_may_be_kept_for_ever(browser):
    page = browser.get("/account/sign-in").text
    address = page.split('stylesheet" href="')[-1].split('"')[0]
    with browser.get(address) as answer:
        assert (answer.status_code, answer.headers["Cache-Control"]) == (
            200,
            "public, max-age=31536000, immutable",
        )


def test_a_stored_text_never_becomes_markup(signed_in):
    page = signed_in.get("/").text
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)" in page
    assert "<b>Charges" not in page


# --- cookies and tokens --------------------------------------------------------------------------


def test_the_cookie_is_closed_to_scripts_and_other_sites(browser):
    browser.get("/account/sign-in")
    cookie = browser.get("/account/sign-in").headers.get("Set-Cookie") or ""
    kept = browser._cookies
    assert all((c.http_only, c.same_site, c.secure) == (True, "Lax", False) for c in kept.values())
    assert kept
    assert "Domain" not in cookie


def test_behind_https_the_cookie_is_bound_to_this_host_and_browsers_stay_with_https(make_app):
    app = make_app(behind_proxy=True, allowed_hosts=("crm.example.com",))
    proxied = {
        "X-Forwarded-Proto": "https",
        "X-Forwarded-Host": "crm.example.com",
        "X-Forwarded-For": "10.1.2.3",
    }
    answer = app.test_client().get("/account/sign-in", headers=proxied)
    assert answer.headers["Set-Cookie"].startswith("__Host-branchline-")
    assert "Secure; HttpOnly; Path=/; SameSite=Lax" in answer.headers["Set-Cookie"]
    assert answer.headers["Strict-Transport-Security"].startswith("max-age=31536000")


def test_two_nodes_on_one_machine_do_not_share_a_cookie(make_app):
    names = {
        make_app(secret_key=f"another secret of this test, number {number}").config["SESSION_COOKIE_NAME"]
        for number in range(2)
    }
    assert len(names) == 2


def test_nothing_is_taken_without_the_token_of_this_session(app, signed_in):
    other = app.test_client()
    foreign = other.token()
    answers = [
        signed_in.post("/echo", data={"x": "1"}),
        signed_in.post("/echo", data={"x": "1", "csrf_token": "nonsense"}),
        signed_in.post("/echo", data={"x": "1", "csrf_token": foreign}),
        other.post("/account/sign-in", data={"username": "wang", "password": "x"}),
    ]
    assert [answer.status_code for answer in answers] == [400] * 4
    assert "没有做任何修改" in answers[0].text
    assert signed_in.send("/echo", x="1").json["x"] == "1"
    assert signed_in.post("/echo", data={"x": "2"}, headers={"X-CSRFToken": signed_in.token()}).json == {
        "x": "2"
    }


def test_machines_need_no_token_and_may_send_more(signed_in, browser):
    body = b"x" * (3 * 1024 * 1024)
    assert browser.post("/sync/push", data=body, content_type="application/octet-stream").json == {
        "bytes": len(body)
    }
    too_much = browser.post("/sync/push", data=body * 2, content_type="application/octet-stream")
    assert (too_much.status_code, too_much.json["code"]) == (413, "too-large")
    page = signed_in.post("/echo", data={"x": "x" * len(body)}, headers={"X-CSRFToken": signed_in.token()})
    assert page.status_code == 413


def test_a_view_that_takes_files_takes_no_larger_form_than_others(signed_in):
    token, much = {"X-CSRFToken": signed_in.token()}, b"x" * (3 * 1024 * 1024)
    part = (
        b'--zq\r\nContent-Disposition: form-data; name="file"; filename="a.csv"\r\n\r\n'
        + much
        + b"\r\n--zq--\r\n"
    )
    file = signed_in.post(
        "/upload", data=part, content_type="multipart/form-data; boundary=zq", headers=token
    )
    assert file.json == {"bytes": len(much)}
    form = signed_in.post("/upload", data={"file": much.decode()}, headers=token)
    assert form.status_code == 413


def test_a_number_in_an_address_that_no_column_holds_is_not_found(browser):
    greatest = 2**63 - 1
    assert browser.get(f"/numbers/{greatest}").json == {"number": greatest}
    assert browser.get(f"/numbers/{greatest + 1}").status_code == 404


# --- hosts ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("127.0.0.1:8000", 200),
        ("localhost", 200),
        ("[::1]:8000", 200),
        ("crm.example.com", 200),
        ("evil.example", 421),
        ("127.0.0.1.evil.example", 421),
        ("10.0.0.5", 421),
        ("crm.example.com@evil.example", 421),
    ],
)
def test_the_node_answers_only_to_its_own_names(make_app, host, status):
    app = make_app(allowed_hosts=("crm.example.com",))
    answer = app.test_client().get("/healthz", headers={"Host": host})
    assert answer.status_code in ({status} if status == 200 else {status, 400})


def test_a_node_that_listens_everywhere_takes_plain_addresses_but_no_foreign_names(make_app):
    browser = make_app(host="0.0.0.0", allow_plain_http=True).test_client()
    assert browser.get("/healthz", headers={"Host": "192.168.1.7:8000"}).status_code == 200
    assert browser.get("/healthz", headers={"Host": "rebound.example"}).status_code == 421


def test_forwarded_headers_are_believed_only_behind_a_proxy(make_app, database):
    forged = {"X-Forwarded-Host": "127.0.0.1", "X-Forwarded-For": "9.9.9.9", "Host": "evil.example"}
    assert make_app().test_client().get("/healthz", headers=forged).status_code == 421
    assert make_app(behind_proxy=True).test_client().get("/healthz", headers=forged).status_code == 200


def test_plain_http_beyond_this_machine_shows_on_every_page(make_app):
    loud = make_app(host="0.0.0.0", allow_plain_http=True).test_client()
    quiet = make_app().test_client()
    assert "明文 HTTP" in loud.get("/account/sign-in").text
    assert "明文 HTTP" not in quiet.get("/account/sign-in").text


# --- errors --------------------------------------------------------------------------------------

STATUSES = {
    Kind.INVALID: 400,
    Kind.FORBIDDEN: 403,
    Kind.NOT_FOUND: 404,
    Kind.CONFLICT: 409,
    Kind.TOO_LARGE: 413,
    Kind.TOO_MANY: 429,
    Kind.UNAVAILABLE: 503,
}


@pytest.mark.parametrize(("kind", "status"), STATUSES.items())
def test_each_kind_of_error_has_its_page_and_its_problem_document(browser, kind, status):
    page = browser.get(f"/kinds/{kind}")
    document = browser.get(f"/kinds/{kind}", headers={"Accept": "application/json"})

    assert (page.status_code, page.content_type) == (status, "text/html; charset=utf-8")
    assert f"made-{kind}" in page.text
    assert page.headers["X-Request-ID"] in page.text
    assert (document.status_code, document.content_type) == (status, "application/problem+json")
    assert document.json["code"] == f"made-{kind}"
    assert document.json["request_id"] == document.headers["X-Request-ID"]
    assert (document.headers.get("Retry-After") == "7") is (kind is Kind.TOO_MANY)


def test_errors_speak_the_language_of_the_reader_and_of_the_program(browser):
    chinese = browser.get("/nope").text
    browser.send("/account/language", language="en")
    english = browser.get("/nope")
    assert "这里没有内容" in chinese
    assert "There is nothing here." in english.text
    assert "这里" not in english.text


def test_a_signed_in_person_sees_errors_inside_the_frame(signed_in):
    page = signed_in.get("/nope").text
    assert 'class="frame"' in page
    assert "List of people" in page


@pytest.mark.parametrize("address", ["/breaks", "/database-away", "/writes", "/collides"])
def test_a_fault_shows_nothing_of_the_inside(browser, address):
    answers = [browser.get(address), browser.get(address, headers={"Accept": "application/json"})]
    for answer in answers:
        assert answer.status_code in {409, 500, 503}
        for inside in (
            "secret-detail",
            "Traceback",
            "SELECT",
            "DELETE",
            "passwd",
            "sign_in_throttles",
            ".py",
        ):
            assert inside not in answer.text


def test_the_database_refuses_to_write_for_a_page_that_only_reads(signed_in, database):
    assert signed_in.get("/writes").status_code in {500, 503}
    with database.reads() as session:
        assert session.scalar(select(func.count()).select_from(User)) == 1


def test_when_the_database_is_away_the_page_says_so_without_asking_it(signed_in, database, monkeypatch, app):
    monkeypatch.setattr(database, "reads", None)  # whoever asks the database now breaks
    answer = signed_in.get("/")
    assert (answer.status_code, 'class="frame"' in answer.text) == (500, False)


def test_what_is_under_sync_answers_programs_even_when_it_is_not_there(browser):
    answer = browser.get("/sync/nope")
    assert (answer.status_code, answer.content_type) == (404, "application/problem+json")
    assert browser.get("/sync/push").status_code == 405
    assert browser.get("/sync/push").headers["Allow"]


def test_a_program_without_sign_in_gets_a_401_and_htmx_is_sent_to_the_sign_in_page(browser):
    document = browser.get("/", headers={"Accept": "application/json"})
    fragment = browser.get("/progress", headers={"HX-Request": "true"})
    assert (document.status_code, json.loads(document.text)["code"]) == (401, "sign-in-required")
    assert (fragment.status_code, fragment.headers["HX-Redirect"]) == (
        401,
        "/account/sign-in?next=%2Fprogress",
    )


def test_a_schema_names_the_fields_it_refuses(signed_in):
    answer = signed_in.get("/check?count=many", headers={"Accept": "application/json"})
    assert (answer.status_code, answer.json["code"]) == (400, "validation")
    assert list(answer.json["fields"]) == ["count"]


def test_healthz_is_tiny_and_public(browser):
    assert browser.get("/healthz").json == {"status": "ok"}


@pytest.mark.parametrize("address", ["/aborts/404", "/aborts/418", "/aborts/415", "/aborts/405"])
def test_errors_of_the_web_framework_get_our_pages(browser, address):
    answer = browser.get(address)
    assert answer.status_code == int(address[-3:])
    assert "problem-sentence" in answer.text


def test_the_bare_address_leads_to_the_first_page_wherever_that_is(make_app):
    slice_ = Blueprint("slice", __name__)
    slice_.add_url_rule("/start", "start", public(lambda: "here"))
    browser = make_app(
        {"blueprints": [slice_], "home": "slice.start", "menu": [], "search": None}
    ).test_client()
    assert browser.get("/").location == "/start"
