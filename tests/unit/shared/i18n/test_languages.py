import os
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from shared import i18n
from shared.auth.errors import TooManyAttemptsError, UsernameTakenError, WeakPasswordError
from shared.domain.billing.vocabulary import BillKind
from shared.domain.customers.vocabulary import (
    CustomerKind,
    CustomerStatus,
    Grade,
    IdentityDocument,
    PreferredChannel,
)
from shared.domain.managers.vocabulary import ManagerStatus
from shared.domain.worklogs.vocabulary import WorkLogKind
from shared.i18n import catalogues

NOON = datetime(2026, 11, 20, 4, 0, tzinfo=UTC)
VOCABULARIES = (
    BillKind, CustomerKind, CustomerStatus, Grade, IdentityDocument, PreferredChannel, ManagerStatus,
    WorkLogKind,
)  # fmt: skip


def test_a_sentence_is_said_in_the_language_asked_for_and_english_otherwise():
    assert i18n.gettext("Cancel") == "Cancel"
    with i18n.use_language("zh_CN"):
        assert i18n.gettext("Cancel") == "取消"
        with i18n.use_language("xx"):
            assert i18n.gettext("Cancel") == "Cancel"
        assert i18n.gettext("Cancel") == "取消"


def test_a_sentence_nobody_translated_stays_english():
    with i18n.use_language("zh_CN"):
        assert i18n.gettext("never written %(n)s", n=3) == "never written 3"
        assert i18n.gettext("") == ""


def test_a_percent_sign_is_just_that_without_parameters():
    assert i18n.gettext("100% done") == "100% done"


def test_a_node_s_own_language_is_spoken_where_nobody_asked():
    i18n.set_default_language("zh_CN")
    try:
        assert i18n.gettext("Cancel") == "取消"
    finally:
        i18n.set_default_language("en")
    assert i18n.current_language() == "en"


def test_a_lazy_sentence_is_translated_when_it_is_shown():
    lazy = i18n.lazy_gettext("Cancel")
    with i18n.use_language("zh_CN"):
        assert str(lazy) == "取消"
    assert str(lazy) == "Cancel"


@pytest.mark.parametrize("vocabulary", VOCABULARIES, ids=lambda each: each.__name__)
def test_the_chinese_word_on_a_page_is_the_one_that_import_files_use(vocabulary):
    with i18n.use_language("zh_CN"):
        assert [i18n.label(member) for member in vocabulary] == [member.chinese for member in vocabulary]
    assert [i18n.label(member) for member in vocabulary] == [member.label for member in vocabulary]
    assert i18n.label(None) == ""


def test_an_error_is_said_with_its_parameters_and_user_data_stays_as_it_is():
    with i18n.use_language("zh_CN"):
        assert i18n.translate_error(TooManyAttemptsError(retry_after=7)) == "输错次数过多，请 7 秒后再试。"
        assert (
            i18n.translate_error(UsernameTakenError(field="username", username="Cancel"))
            == "用户名 Cancel 已被使用。"
        )
        reason = "A password has at most 128 characters."
        assert i18n.translate_error(WeakPasswordError(field="x", reason=reason)) == "密码最多 128 个字符。"


def said(po):
    found = catalogues._read(po, "zh_CN")
    assert found is not None
    return found.gettext("New")


@pytest.mark.parametrize(("age", "shown"), [(-5, "新的"), (5, "旧的")])
def test_a_sentence_just_written_shows_before_the_catalogue_is_built(tmp_path, age, shown):
    folder = tmp_path / "zh_CN" / "LC_MESSAGES"
    folder.mkdir(parents=True)
    po, header = folder / "messages.po", 'msgid ""\nmsgstr "Content-Type: text/plain; charset=utf-8\\n"\n\n'
    po.write_text(f'{header}msgid "New"\nmsgstr "旧的"\n', encoding="utf-8")
    assert said(po) == "旧的"

    from babel.messages.mofile import write_mo
    from babel.messages.pofile import read_po

    with po.open("rb") as source, po.with_suffix(".mo").open("wb") as target:
        write_mo(target, read_po(source))
    po.write_text(f'{header}msgid "New"\nmsgstr "新的"\n', encoding="utf-8")
    now = po.stat().st_mtime
    os.utime(po.with_suffix(".mo"), (now + age, now + age))

    assert said(po) == shown


def test_a_package_without_a_catalogue_says_nothing(tmp_path):
    assert catalogues._read(tmp_path / "messages.po", "zh_CN") is None


@pytest.mark.parametrize(
    ("away", "chinese", "english"),
    [
        (timedelta(), "刚刚", "just now"),
        (timedelta(seconds=-44), "刚刚", "just now"),
        (timedelta(minutes=-5), "5分钟前", "5 minutes ago"),
        (timedelta(hours=3), "3小时后", "in 3 hours"),
        (timedelta(days=-6), "6天前", "6 days ago"),
        (timedelta(days=-8), "2026-11-12", "2026-11-12"),
        (timedelta(days=400), "2027-12-25", "2027-12-25"),
    ],
)
def test_how_long_ago_is_said_in_words_up_to_a_week(away, chinese, english):
    for language, expected in (("zh_CN", chinese), ("en", english)):
        with i18n.use_language(language):
            assert i18n.format_relative(NOON + away, now=NOON, timezone="Asia/Shanghai") == expected


def test_an_instant_shows_the_wall_clock_of_the_node():
    late = datetime(2026, 12, 31, 18, 30, 5, tzinfo=UTC)
    assert i18n.format_instant(late, timezone="Asia/Shanghai") == "2027-01-01 02:30"
    assert i18n.format_instant(late, timezone="UTC", style="second") == "2026-12-31 18:30:05"


@pytest.mark.parametrize(
    ("minor", "currency", "chinese", "english"),
    [
        (123456789, "CNY", "¥1,234,567.89", "CN¥1,234,567.89"),
        (-5, "CNY", "-¥0.05", "-CN¥0.05"),
        (0, "USD", "US$0.00", "$0.00"),
        (1234, "JPY", "JP¥1,234", "¥1,234"),
        (9007199254740993, "CNY", "¥90,071,992,547,409.93", "CN¥90,071,992,547,409.93"),
    ],
)
def test_money_shows_to_the_last_minor_unit(minor, currency, chinese, english):
    for language, expected in (("zh_CN", chinese), ("en", english)):
        with i18n.use_language(language):
            assert i18n.format_money(minor, currency) == expected


def test_numbers_shares_sizes_and_days_show_as_people_write_them():
    assert i18n.format_money(123456, code="CNY") == "1,234.56"
    assert i18n.format_number(1234567) == "1,234,567"
    assert i18n.format_number(Decimal("1234.5"), decimals=2) == "1,234.50"
    assert i18n.format_percent(0.28349) == "28.3%"
    assert i18n.format_percent(1, decimals=0) == "100%"
    assert [i18n.format_bytes(size) for size in (0, 1023, 1024, 5_300_000, 3 * 1024**5)] == [
        "0 B", "1,023 B", "1.0 KB", "5.1 MB", "3,072.0 TB",
    ]  # fmt: skip
    assert i18n.format_date(date(2026, 3, 9)) == "2026-03-09"
    with i18n.use_language("zh_CN"):
        assert i18n.format_date(date(2026, 3, 9), style="long") == "2026年3月9日"
