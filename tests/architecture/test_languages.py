"""Both languages are complete: nothing a person sees lacks a translation."""

import ast
from pathlib import Path

import pytest

from tests.architecture.sources import PACKAGES, ROOT, modules, name_of
from tests.support.templates import untranslated
from tests.support.translations import BELOW, catalogue_path, read, shortcomings

TEMPLATES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("templates/**/*.html"))
APPS = ("hq_server", "branch_node")
# Whatever these are given goes to a person as it is.
SPEAKERS = {"flash", "click.echo", "click.secho", "print", "click.confirm", "click.prompt"}


@pytest.mark.parametrize("package", BELOW)
def test_every_text_of_a_package_is_translated_into_chinese(package):
    assert shortcomings(package) == []


def test_both_apps_say_a_word_in_the_same_chinese():
    """All catalogues are one table: where two translate a text, the branch would be shown what head office says."""
    first, second = ({one.id: one.string for one in read(catalogue_path(app))} for app in APPS)
    differing = [one for one in first.keys() & second.keys() if one and first[one] != second[one]]
    assert sorted(map(str, differing)) == []


@pytest.mark.parametrize("path", TEMPLATES, ids=name_of)
def test_a_template_holds_no_words_that_would_stay_in_one_language(path):
    text = path.read_text(encoding="utf-8")
    assert untranslated(text) == []
    # It says "Bytes" in every language; our own filter is `bytes`.
    assert "filesizeformat" not in text


# A __main__ is a tool for developers, who read English.
@pytest.mark.parametrize("path", [path for path in modules() if path.name != "__main__.py"], ids=name_of)
def test_code_says_nothing_to_people_but_through_gettext(path):
    calls = [
        node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call) and node.args
    ]
    plain = [
        f"line {call.lineno}: {ast.unparse(call)}"
        for call in calls
        if ast.unparse(call.func) in SPEAKERS and has_words(call.args[0])
    ]
    assert plain == []


def has_words(node: ast.expr) -> bool:
    if isinstance(node, ast.JoinedStr):
        return any(has_words(part) for part in node.values)
    return (
        isinstance(node, ast.Constant) and isinstance(node.value, str) and any(map(str.isalpha, node.value))
    )


@pytest.mark.parametrize(
    ("template", "found"),
    [
        ("<p>Hello</p>", ["Hello"]),
        ("<p>客户</p>", ["客户"]),
        ("<p>{{ _('Hello') }}: 3</p>", []),
        ("{% trans %}Hello{% endtrans %} <i>there</i>", ["there"]),
        ("{% trans n=3 %}one{% pluralize %}many{% endtrans %}", []),
        ('<a title="Open" href="/open">{{ name }}</a>', ['title="Open"']),
        ("<a title=\"{{ _('Open') }}\"></a>", []),
        ('<input type="submit" value="Save"><input name="q" value="x">', ['value="Save"']),
        ("{{ field(label='Name', name='name') }}", ["label='Name'"]),
        ("{{ 'Name' }}", ["'Name'"]),
        ("{% if a %}<b>Yes</b>{% endif %}", ["Yes"]),
        ("{% block body_class %}wide{% endblock %}<b>Yes</b>", ["Yes"]),
        ('{% macro hint() %} aria-invalid="true"{% endmacro %}', []),
        ("<kbd>j</kbd> <pre>branch-node join</pre>", []),
        ("<script>let a</script>{# a note #}", []),
    ],
)
def test_words_in_templates_are_found_where_people_would_read_them(template, found):
    assert untranslated(template) == found


def test_there_is_something_to_check():
    assert {path.parts[len(ROOT.parts)] for path in modules()} == set(PACKAGES)
    assert Path(ROOT / "pyproject.toml").exists()
