"""Whoever adds a table that names customers says what becomes of it when files merge, change hands or are erased."""

from branch_node.customers.belonging import BELONGINGS, Erasing, Merging
from branch_node.merging.operations import MOVERS
from branch_node.tables import APP
from shared.db.personal import about_column
from shared.domain.erasure.rules import personal_columns

# Moved by what moves the rows they hang on, and by the rule of who sees both files.
MOVED_WITH_OTHERS = {"document_versions", "customer_shares", "customer_servings"}


def _names_a_customer(table, column):
    keys = {key.target_fullname for key in column.foreign_keys}
    about = about_column(table) == ("customer", column.name)
    return "customers.id" in keys or about or column.name == "customer_id"


def test_every_column_that_names_a_customer_stands_in_the_list_of_what_belongs_to_one():
    naming = {
        (table.name, column.name)
        for table in APP.tables()
        for column in table.columns
        if _names_a_customer(table, column)
    }
    assert {(one.table, one.column) for one in BELONGINGS} == naming
    assert len(BELONGINGS) == len(naming)


def test_what_moves_in_a_merge_has_somebody_who_moves_it():
    moving = {one.table for one in BELONGINGS if one.merging is Merging.MOVES}
    assert set(MOVERS) | MOVED_WITH_OTHERS == moving


def test_what_moves_is_not_written_about_a_file_that_is_only_read():
    moving = {one.table for one in BELONGINGS if one.table in MOVERS}
    assert moving <= {one.table for one in BELONGINGS if one.guarded}


def test_what_says_something_personal_of_a_customer_is_blanked_or_sealed():
    spared = {(one.table, one.column) for one in BELONGINGS if one.erasing is Erasing.NOTHING}
    personal = {
        (table.name, about[1])
        for table in APP.tables()
        if (about := about_column(table)) and about[0] == "customer" and personal_columns(table)
    }
    assert personal & spared == set()
