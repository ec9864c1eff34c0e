"""Words of a page are text, also where what is translated was stored by somebody."""

import pytest
from flask import Flask, render_template_string

from shared.i18n import use_language
from shared.web import filters


@pytest.fixture
def app():
    made = Flask(__name__)
    made.jinja_env.add_extension("jinja2.ext.i18n")
    filters.install(made)
    return made


def page(app, source, **values):
    with app.app_context(), use_language("zh_CN"):
        return render_template_string(source, **values)


@pytest.mark.parametrize("word", ["<svg onload=x()>", '"><b>', "&lt;b&gt;"])
def test_a_stored_word_that_no_catalogue_knows_is_escaped(app, word):
    shown = page(app, "{{ _(word) }}", word=word)
    assert "<" not in shown
    assert '"' not in shown
    assert shown.startswith("&")


def test_a_percent_sign_in_a_stored_word_is_shown(app):
    assert page(app, "{{ _(word) }}", word="100%C of it") == "100%C of it"


def test_words_of_ours_are_translated_and_what_is_filled_in_is_escaped(app):
    assert page(app, "{{ _('Customers') }}") == "客户"
    assert page(app, "{{ _('On %(day)s', day=day) }}", day="<b>") == "On &lt;b&gt;"
