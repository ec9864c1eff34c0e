import pytest
from babel.messages.catalog import Message

from tests.support import translations
from tests.support.translations import flaw


@pytest.mark.parametrize(
    ("message", "found"),
    [
        (Message("Save", "保存"), None),
        (Message("Save", ""), "not translated"),
        (Message("Save", " "), "not translated"),
        (Message("Save", "保存", flags=["fuzzy"]), "fuzzy"),
        (Message("%(n)s rows of %(file)s", "%(file)s 的 %(n)s 行"), None),
        (Message("%(n)s rows", "%(m)s 行"), "other placeholders in ['%(m)s 行']"),
        (Message("%(n)s rows", "行"), "other placeholders in ['行']"),
        (Message(("one row", "%(n)s rows"), ("%(n)s 行",)), None),
    ],
)
def test_a_translation_must_be_there_and_fit_its_sentence(message, found):
    assert flaw(message) == found


@pytest.fixture
def product(tmp_path, monkeypatch):
    """A product of two packages; returns what writes a file of it."""
    monkeypatch.setattr(translations, "ROOT", tmp_path)
    monkeypatch.setattr(translations, "BELOW", {"shared": (), "hq_server": ("shared",)})

    def write(name, text):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

    return write


PO = 'msgid ""\nmsgstr "Content-Type: text/plain; charset=utf-8\\n"\n\n'


def test_texts_of_code_and_templates_are_missed_when_no_catalogue_has_them(product):
    product("shared/errors.py", "N_('Gone')\n_l('Later')\ngettext('%(reason)s')\n")
    product("shared/ui/templates/page.html", "{{ _('Open') }}{% trans %}Close{% endtrans %}")
    product("shared/translations/zh_CN/LC_MESSAGES/messages.po", PO + 'msgid "Gone"\nmsgstr "已删除"\n')

    assert translations.shortcomings("shared") == [
        "not in a catalogue: 'Close' (shared/ui/templates/page.html:1)",
        "not in a catalogue: 'Later' (shared/errors.py:2)",
        "not in a catalogue: 'Open' (shared/ui/templates/page.html:1)",
    ]


def test_a_text_is_translated_once_in_the_lowest_package_that_has_it(product):
    product("hq_server/pages.py", "_('Save')")
    product("shared/translations/zh_CN/LC_MESSAGES/messages.po", PO + 'msgid "Save"\nmsgstr "保存"\n')
    product("hq_server/translations/zh_CN/LC_MESSAGES/messages.po", PO + 'msgid "Save"\nmsgstr "存"\n')

    assert translations.shortcomings("shared") == []
    assert translations.shortcomings("hq_server") == [
        "translated otherwise in a package below, which wins: 'Save'"
    ]


def test_a_text_nobody_uses_any_more_is_told_and_dropped_by_update(product):
    product("shared/pages.py", "_('Save')")
    product("shared/translations/zh_CN/LC_MESSAGES/messages.po", PO + 'msgid "Old"\nmsgstr "旧"\n')
    before = translations.shortcomings("shared")

    left = translations.update("shared")

    assert "no longer used: 'Old'" in before
    assert left == 1
    assert translations.shortcomings("shared") == ["not translated: 'Save'"]
