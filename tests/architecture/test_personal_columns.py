"""Whoever adds a text column to a table about people says of which class it is, or that it tells of nobody."""

import pytest
from sqlalchemy import Column, MetaData, String, Table

from branch_node.ranges import RANGES as BRANCH_RANGES
from branch_node.tables import APP as BRANCH
from hq_server.ranges import RANGES as HQ_RANGES
from hq_server.tables import APP as HQ
from shared.db.personal import FieldClass, class_of, not_personal, personal
from shared.domain.personal.keeping import BASIS_LABELS, CLASS_WORDS, KEEP_LABELS, USUAL_BASES
from shared.web.personaldata.inventory import unclassed
from shared.web.personaldata.pages import OF_ACCOUNTS


@pytest.mark.parametrize("app", [BRANCH, HQ], ids=["branch", "hq"])
def test_every_text_column_beside_personal_ones_has_its_class_or_says_it_tells_of_nobody(app):
    assert unclassed(app.tables()) == []


@pytest.mark.parametrize(
    ("app", "ranged", "besides"),
    [(BRANCH, BRANCH_RANGES, {"managers"}), (HQ, HQ_RANGES, set[str]())],
    ids=["branch", "hq"],
)
def test_the_page_knows_by_which_right_every_such_table_is_seen(app, ranged, besides):
    known = {one.table.name for one in ranged} | besides | set(OF_ACCOUNTS)

    assert {table.name for table in app.tables() if any(map(class_of, table.columns))} <= known


def test_a_column_that_says_nothing_is_found():
    table = Table(
        "people",
        MetaData(),
        Column("name", String(9), info=personal(FieldClass.NAME)),
        Column("nickname", String(9)),
        Column("number", String(9), info=not_personal()),
        Column("made_by", String(9)),
    )

    assert unclassed([table]) == ["people.nickname"]


def test_every_class_that_some_column_has_can_be_given_a_term_and_a_reason():
    used = {class_of(column) for app in (BRANCH, HQ) for table in app.tables() for column in table.columns}

    assert used - {None} <= set(CLASS_WORDS)
    assert set(CLASS_WORDS) == set(KEEP_LABELS) == set(BASIS_LABELS) == set(USUAL_BASES)
