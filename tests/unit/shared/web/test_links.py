"""Links that keep what the reader filtered by, whatever the filters are called."""

import pytest
from flask import Flask

from shared.web.paging import link, link_to


@pytest.fixture
def app():
    app = Flask(__name__)
    app.add_url_rule("/things", "things", lambda: link(page=2))
    app.add_url_rule("/things/<code>", "thing", lambda code: link(tab="money", page=None))
    app.add_url_rule("/things/export.<kind>", "export", lambda kind: kind)
    app.add_url_rule("/links", "links", lambda: link_to("export", kind="xlsx"))
    return app.test_client()


def test_an_export_keeps_a_filter_that_is_called_like_a_part_of_its_own_address(app):
    assert (
        app.get("/links?kind=group&kind=individual").text == "/things/export.xlsx?kind=group&kind=individual"
    )


@pytest.mark.parametrize("name", ["endpoint", "_anchor", "_external", "_method", "_scheme", "values"])
def test_no_name_in_a_query_means_anything_to_the_links_of_the_page(name, app):
    assert app.get(f"/things?{name}=x").text == f"/things?{name}=x&page=2"
    assert app.get(f"/links?{name}=x").text == f"/things/export.xlsx?{name}=x"


def test_a_link_changes_what_it_names_takes_out_what_is_none_and_keeps_the_rest(app):
    assert app.get("/things?q=%E6%99%93%E6%BA%AA&page=1").text == "/things?q=%E6%99%93%E6%BA%AA&page=2"
    assert app.get("/things/B001?page=3&code=x").text == "/things/B001?code=x&tab=money"
