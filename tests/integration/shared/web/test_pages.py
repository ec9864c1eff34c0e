"""Lists, their paging, and every macro once."""

import re
from datetime import timedelta

import pytest

from shared.auth.models import User
from shared.ids import new_id
from tests.integration.shared.web.gallery import CUSTOMERS, NOON


@pytest.fixture
def five_users(database, signed_in):
    with database.sessions.begin() as session:
        for username, language in (("a", "en"), ("b", None), ("c", "en"), ("d", "zh_CN")):
            session.add(
                User(
                    id=new_id(), username=username, name="x", kind="analyst", language=language,
                    created_at=NOON, created_by="test",
                )
            )  # fmt: skip
    return signed_in


def test_pages_of_a_list_show_every_row_once_in_order(five_users):
    pages = [five_users.get(f"/users?page={number}").json for number in (1, 2, 3)]
    assert [page["names"] for page in pages] == [["a", "b"], ["c", "d"], ["wang"]]
    assert {(page["total"], page["pages"]) for page in pages} == {(5, 3)}


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("sort=-username", ["wang", "d"]),
        ("sort=password_hash", ["a", "b"]),
        ("sort=-username;DROP TABLE users", ["a", "b"]),
        ("size=5", ["a", "b", "c", "d", "wang"]),
        ("size=1000000", ["a", "b"]),
        ("page=0", ["a", "b"]),
        ("page=-3", ["a", "b"]),
        ("page=x", ["a", "b"]),
        ("page=99999999999999999999", []),
    ],
)
def test_only_what_a_list_allows_is_taken_from_the_address(five_users, query, names):
    assert five_users.get(f"/users?{query}").json["names"] == names


def test_rows_without_a_value_sort_last_on_both_databases_and_both_ways(five_users):
    up = five_users.get("/users?size=5&sort=language").json["names"]
    down = five_users.get("/users?size=5&sort=-language").json["names"]
    assert [set(up[3:]), set(down[3:])] == [{"b", "wang"}] * 2
    assert (up[:3], down[0]) == (["a", "c", "d"], "d")


def test_links_of_a_list_keep_the_filters(signed_in, five_users):
    assert (
        five_users.get("/users?q=王&sort=-username").json["next"]
        == "/users?q=%E7%8E%8B&sort=-username&page=2"
    )
    page = signed_in.get("/?grade=A&page=3").text
    assert 'href="/?grade=A&amp;sort=-number"' in page
    assert 'aria-sort="ascending"' in page
    assert 'href="/?grade=A&amp;page=4"' in page


def test_every_macro_draws(signed_in):
    page = signed_in.get("/?grade=A").text
    parts = (
        "stats filters chips pager coverage chart-canvas timeline facts progress-block empty-state sparkline"
    )
    for part in (*parts.split(), "share-bar", "tabs", "crumbs"):
        assert re.search(rf'class="[^"]*\b{part}\b', page), part
    assert page.count("data-label") > len(CUSTOMERS) * 6
    assert 'hx-get="/progress"' in page
    assert "分公司 27/29 家" in page


def test_figures_show_in_the_node_s_zone_with_the_exact_time_behind_the_relative_one(signed_in):
    page = signed_in.get("/").text
    touched = NOON - timedelta(minutes=7)
    assert f'datetime="{touched.isoformat()}" title="2026-11-20 11:53:00">7分钟前</time>' in page
    assert "8,345.67" in page
    assert "¥12,345.67" in page
    assert "2026年11月20日" in page


def test_a_form_shows_each_error_at_its_field_and_keeps_what_was_typed(signed_in):
    page = signed_in.get("/forms?bad=1").text
    assert 'aria-invalid="true" aria-describedby=" e-mobile"' in page
    assert 'value="1380013&#34;&gt;&lt;b&gt;"' in page
    assert "&lt;/textarea&gt;" in page
    assert '<option value="B" selected>' in page
    assert 'role="alert">bad' in page


def test_every_field_has_a_label_and_every_id_is_there_once(signed_in):
    for address in ("/", "/forms?bad=1", "/account/profile"):
        page = signed_in.get(address).text
        ids = re.findall(r'\bid="([^"]+)"', page)
        assert len(ids) == len(set(ids)), address
        for name in re.findall(
            r'<(?:input|select|textarea) class="form-[^"]*" (?:type="search" )?id="([^"]+)"', page
        ):
            assert f'for="{name}"' in page, (address, name)


def test_the_menu_shows_where_we_are_and_what_waits(signed_in):
    page = signed_in.get("/users-not-there").text
    assert "menu-line here" not in page
    page = signed_in.get("/records/KH000001").text
    assert page.count("menu-line here") == 1
    assert 'aria-label="1,234 项待处理">1,234<' in page
    assert page.count("menu-count") == 1


def test_pages_stay_usable_when_the_page_assets_were_not_built(signed_in, monkeypatch):
    from shared.web import assets

    real = assets._digest.__wrapped__
    monkeypatch.setattr(assets, "_digest", lambda name: None if name.startswith("vendor/") else real(name))
    page = signed_in.get("/").text
    assert "vendor" not in page
    assert "plain.css" in page
    assert "KH000001" in page
    assert "chart-canvas" not in page
    assert "chart-table" in page
