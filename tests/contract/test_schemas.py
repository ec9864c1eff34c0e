"""One truth in many places: shared columns, both tiers' tables and the wire schemas say the same."""

import dataclasses
from typing import get_args

import pytest
from sqlalchemy import BigInteger, Date, Enum, Integer, String

from branch_node.bindings import BINDINGS as BRANCH
from hq_server.bindings import BINDINGS as HQ
from shared.db.base import Id, Instant
from shared.db.personal import PersonalText
from shared.domain.billing.fields import BillLineFields
from shared.domain.contacts.fields import ContactFields
from shared.domain.customers.fields import CustomerFields
from shared.domain.dayclose.fields import DayCloseFields
from shared.domain.erasure.fields import ErasureFields
from shared.domain.identity.fields import CustomerIdentityFields
from shared.domain.managers.fields import ManagerFields
from shared.domain.offers.fields import OfferAnswerFields
from shared.domain.opstats.fields import OperationMonthFields
from shared.domain.organisation.fields import DepartmentFields, StaffFields
from shared.domain.personal.fields import LegalHoldFields, PersonalRequestFields
from shared.domain.qualification.fields import QualificationFields
from shared.domain.questions.fields import QuestionAnswerFields
from shared.domain.statistics.fields import CustomerMonthFields
from shared.domain.units.fields import UnitEventFields, UnitFields
from shared.domain.worklogs.fields import WorkLogFields
from sync_protocol.catalog import CATALOG
from sync_protocol.contract.fields import Code, Day, InstantText, JsonText, Month, RecordId, Text, Whole
from sync_protocol.contract.messages import BatchHeader
from sync_protocol.contract.records import RECORDS

SHARED = {
    "customer": CustomerFields,
    "contact": ContactFields,
    "manager": ManagerFields,
    "department": DepartmentFields,
    "staff": StaffFields,
    "qualification": QualificationFields,
    "unit": UnitFields,
    "bill_line": BillLineFields,
    "work_log": WorkLogFields,
    "unit_event": UnitEventFields,
    "offer_answer": OfferAnswerFields,
    "question_answer": QuestionAnswerFields,
    "customer_month": CustomerMonthFields,
    "operation_month": OperationMonthFields,
    "day_close": DayCloseFields,
    "legal_hold": LegalHoldFields,
    "customer_identity": CustomerIdentityFields,
    "personal_request": PersonalRequestFields,
    "erasure": ErasureFields,
}
REPLICA_ONLY = ("branch_number", "row_lineage", "row_change", "batch_id")
# What a branch keeps beside what travels, behind it.
BRANCH_ONLY = {
    "erasure": ["through_batch"],
    # Who asked, about whom and what was said.
    "personal_request": [
        "customer_id",
        "asked_by",
        "identity",
        "note",
        "order_id",
        "made_at",
        "made_by",
        "ended_by",
        "answer",
    ],
}


# What a table must say for what a wire field says.
COLUMN_OF = {
    RecordId: lambda _field: (Id, None),
    Month: lambda field: (String, field.length),
    Text: lambda field: (String, field.most),
    Code: lambda field: (Enum, field.codes),
    Whole: lambda field: (BigInteger if field.most >= 2**31 else Integer, None),
    Day: lambda _field: (Date, None),
    InstantText: lambda _field: (Instant, None),
    JsonText: lambda _field: ("json", None),
}


def _said_by(column):
    kind = column.type
    if isinstance(kind, Enum):
        return Enum, tuple(kind.enums)
    if isinstance(kind, Id | Instant):
        return type(kind), None
    if isinstance(kind, PersonalText) or type(kind) is String:
        return String, kind.length
    if kind.__visit_name__ == "JSON":
        return "json", None
    return type(kind), None


def test_every_record_type_is_in_every_list():
    assert set(SHARED) == set(CATALOG) == set(BRANCH) == set(HQ)
    assert {(one.name, one.version) for one in CATALOG.values()} <= set(RECORDS)


@pytest.mark.parametrize("bindings", [BRANCH, HQ], ids=["branch", "hq"])
@pytest.mark.parametrize("name", CATALOG)
def test_table_and_wire_schema_have_the_same_columns_of_the_same_kind_length_and_codes(name, bindings):
    table, fields = bindings[name].table, dict(CATALOG[name].check.fields)
    fields.pop("change")

    on_the_wire = {
        column: (*COLUMN_OF[type(field)](field), field.nullable) for column, field in fields.items()
    }
    in_the_table = {
        column.name: (*_said_by(column), bool(column.nullable))
        for column in table.columns
        if column.name not in (*REPLICA_ONLY, *BRANCH_ONLY.get(name, ()))
    }

    assert on_the_wire == in_the_table


@pytest.mark.parametrize("name", CATALOG)
def test_columns_stand_in_one_order_everywhere(name):
    wire = [column for column in CATALOG[name].check.columns if column != "change"]

    branch = [column.name for column in BRANCH[name].table.columns]
    local = BRANCH_ONLY.get(name, [])
    branch, behind = branch[: len(branch) - len(local)], branch[len(branch) - len(local) :]
    hq = [column.name for column in HQ[name].table.columns if column.name not in REPLICA_ONLY]

    assert wire == branch == hq
    assert behind == local


@pytest.mark.parametrize("name", CATALOG)
def test_both_tiers_take_their_columns_from_the_same_declaration(name):
    declared = {
        attribute for base in SHARED[name].__mro__ for attribute in vars(base).get("__annotations__", ())
    }
    assert declared | {*BRANCH_ONLY.get(name, ())} == {column.name for column in BRANCH[name].table.columns}


@pytest.mark.parametrize("name", CATALOG)
def test_the_replica_is_keyed_by_branch_and_record_and_keeps_the_rows_version(name):
    table = HQ[name].table
    assert [column.name for column in table.primary_key] == ["branch_number", "id"]
    assert all(not table.c[column].nullable for column in REPLICA_ONLY)


@pytest.mark.parametrize("name", CATALOG)
def test_a_row_begins_with_change_and_id(name):
    assert CATALOG[name].check.columns[:2] == ("change", "id")


def test_the_money_columns_of_the_catalog_exist():
    for record in CATALOG.values():
        if record.money is not None:
            assert set(dataclasses.astuple(record.money)) <= set(record.columns)


def test_names_on_the_wire_fit_the_columns_that_keep_them():
    limit = next(
        meta.max_length
        for meta in get_args(BatchHeader.__annotations__["record"])
        if hasattr(meta, "max_length")
    )
    assert all(len(one.name) <= limit and len(one.channel) <= 20 for one in CATALOG.values())
