"""What a row of each record type is on the wire: explicit, versioned, and changed only with the protocol.

A row travels as a JSON array `[change, id, ...]`: the id of the branch's change (with the
header's lineage it is the row's version), the record's id, then the columns in the order below.
"""

from collections.abc import Mapping
from typing import Any, Final

from sync_protocol.contract.checks import RecordCheck, WireSchema
from sync_protocol.contract.fields import (
    INT32,
    Code,
    Day,
    InstantText,
    JsonText,
    Month,
    RecordId,
    Text,
    Whole,
)

# A day may have many products, periods and currencies.
MOST_TOTALS: Final = 1_000_000


class ErasureV1(WireSchema):
    """That a customer's personal data was erased."""

    customer_id = RecordId()
    reason = Code(("request", "consent", "purpose", "order"))
    erased_at = InstantText()
    erased_by = Text(80)
    waiting = Whole(least=0, most=INT32 - 1)
    complete_at = InstantText(nullable=True)


class CustomerV1(WireSchema):
    """A customer's profile."""

    customer_no = Text(40, least=1)
    kind = Code(("individual", "group"))
    name = Text(120, least=1)
    short_name = Text(60, nullable=True)
    id_type = Code(("id_card", "passport", "business_licence", "other"), nullable=True)
    id_no = Text(40, nullable=True)
    mobile = Text(30, nullable=True)
    phone = Text(30, nullable=True)
    email = Text(120, nullable=True)
    region_code = Text(12, nullable=True)
    address = Text(200, nullable=True)
    grade = Code(("A", "B", "C", "D"), nullable=True)
    status = Code(("prospect", "active", "suspended", "closed"))
    opened_on = Day(nullable=True)
    manager_id = RecordId(nullable=True)
    preferred_channel = Code(("phone", "sms", "wechat", "email", "visit", "none"), nullable=True)
    tags = JsonText(list[str])
    attributes = JsonText(dict[str, Any])
    remark = Text(500, nullable=True)
    created_at = InstantText()
    created_by = Text(80)
    updated_at = InstantText()
    updated_by = Text(80)


class CustomerV2(CustomerV1):
    """A customer's profile, with the WeChat account."""

    wechat = Text(60, nullable=True)


class CustomerV3(CustomerV2):
    """A customer's profile, with its place in a group and how it wants to be treated."""

    parent_id = RecordId(nullable=True)
    parent_kind = Code(("member", "subsidiary"), nullable=True)
    group_no = Text(40, nullable=True)
    service_level = Code(("standard", "priority", "dedicated"), nullable=True)
    do_not_contact = JsonText(list[str])
    do_not_contact_until = Day(nullable=True)
    lifecycle_stage = Code(("acquisition", "growth", "maturity", "decline", "lost"), nullable=True)
    value_tier = Code(("strategic", "high", "middle", "low"), nullable=True)
    legacy_no = Text(40, nullable=True)


class ContactV1(WireSchema):
    """A person to speak to at a customer."""

    contact_no = Text(40, least=1)
    customer_id = RecordId()
    name = Text(80, least=1)
    title = Text(60, nullable=True)
    department = Text(80, nullable=True)
    role = Code(
        ("decider", "influencer", "user", "finance", "technical", "legal", "other"),
        nullable=True,
    )
    standing = Code(("key", "ordinary"))
    mobile = Text(30, nullable=True)
    phone = Text(30, nullable=True)
    email = Text(120, nullable=True)
    wechat = Text(60, nullable=True)
    preferred_channel = Code(("phone", "sms", "wechat", "email", "visit", "none"), nullable=True)
    do_not_contact = JsonText(list[str])
    birthday = Text(10, nullable=True)
    remark = Text(500, nullable=True)
    status = Code(("active", "left"))
    created_at = InstantText()
    created_by = Text(80)
    updated_at = InstantText()
    updated_by = Text(80)


class QualificationV1(WireSchema):
    """A judgement of a customer by rules, and what was decided on it."""

    customer_id = RecordId()
    occasion = Code(("application", "recheck", "review"))
    outcome = Code(("passed", "failed"))
    state = Code(("proposed", "approved", "refused", "superseded", "expired"))
    kind = Code(("individual", "group"))
    grade = Code(("A", "B", "C", "D"), nullable=True)
    score = Whole(least=0, most=INT32 - 1)
    lines = JsonText(list[str])
    rules_version = Whole(least=0, most=INT32 - 1)
    next_review_on = Day()
    judged_at = InstantText()
    judged_by = Text(80)
    decided_at = InstantText(nullable=True)
    decided_by = Text(80, nullable=True)
    reason = Text(500, nullable=True)


class UnitV1(WireSchema):
    """A unit with a serial or chassis number."""

    serial_no = Text(40, least=1)
    product = Text(60, nullable=True)
    model = Text(60, nullable=True)
    reading_unit = Code(("km", "hour", "cycle"), nullable=True)
    made_on = Day(nullable=True)
    sold_on = Day(nullable=True)
    warranty_until = Day(nullable=True)
    status = Code(("in_use", "retired"))
    owner_id = RecordId(nullable=True)
    remark = Text(500, nullable=True)
    created_at = InstantText()
    created_by = Text(80)
    updated_at = InstantText()
    updated_by = Text(80)


class UnitEventV1(WireSchema):
    """What happened with a unit, a fact."""

    unit_id = RecordId()
    kind = Code(("owner", "returned", "repair", "complaint", "inspection", "recall_done", "void"))
    customer_id = RecordId(nullable=True)
    happened_on = Day()
    text = Text(500, nullable=True)
    reading = Whole(least=0, most=INT32 - 1, nullable=True)
    reading_reason = Text(200, nullable=True)
    cost_minor = Whole(nullable=True)
    currency = Text(3, least=3, nullable=True)
    done_by = Text(80, nullable=True)
    recall_no = Text(40, nullable=True)
    corrects_id = RecordId(nullable=True)
    created_at = InstantText()
    created_by = Text(80)


class OfferAnswerV1(WireSchema):
    """What became of an offer at a customer, a fact."""

    customer_id = RecordId()
    offer_code = Text(40, least=1)
    step = Code(("made", "accepted", "declined", "void"))
    happened_on = Day()
    reason = Text(200, nullable=True)
    corrects_id = RecordId(nullable=True)
    created_at = InstantText()
    created_by = Text(80)


class QuestionAnswerV1(WireSchema):
    """What a customer answered to a question, a fact."""

    customer_id = RecordId()
    person_id = RecordId(nullable=True)
    question_code = Text(40, least=1)
    question_version = Whole(least=0, most=INT32 - 1)
    indicator = Code(("satisfaction", "attention", "demand", "requirement"))
    score = Whole(least=1, most=5, nullable=True)
    choice = Text(30, least=1, nullable=True)
    way = Code(("phone", "sms", "wechat", "email", "visit", "counter"))
    answered_on = Day()
    note = Text(200, nullable=True)
    corrects_id = RecordId(nullable=True)
    created_at = InstantText()
    created_by = Text(80)


class ManagerV1(WireSchema):
    """An account manager."""

    manager_no = Text(40, least=1)
    name = Text(80, least=1)
    post = Text(60, nullable=True)
    level = Text(30, nullable=True)
    department = Text(80, nullable=True)
    mobile = Text(30, nullable=True)
    status = Code(("active", "on_leave", "left"))
    created_at = InstantText()
    created_by = Text(80)
    updated_at = InstantText()
    updated_by = Text(80)


class DepartmentV1(WireSchema):
    """A department of the branch."""

    code = Text(20, least=1)
    name = Text(80, least=1)
    parent_id = RecordId(nullable=True)
    position = Whole(least=0, most=INT32 - 1)
    head_id = RecordId(nullable=True)
    retired_at = InstantText(nullable=True)
    created_at = InstantText()
    created_by = Text(80)
    updated_at = InstantText()
    updated_by = Text(80)


class StaffV1(WireSchema):
    """A person with an account at the branch; nothing an account is entered with."""

    username = Text(40, least=1)
    name = Text(80, least=1)
    kind = Code(("leader", "analyst", "branch_manager", "account_manager", "service", "administrator"))
    duties = JsonText(list[str])
    department_id = RecordId(nullable=True)
    manager_id = RecordId(nullable=True)
    state = Code(("active", "waiting", "disabled"))
    created_at = InstantText()


class BillLineV1(WireSchema):
    """A bill line, a fact."""

    bill_no = Text(60, least=1)
    customer_id = RecordId()
    product = Text(60)
    period = Month()
    kind = Code(("charge", "payment", "adjustment"))
    amount_minor = Whole()
    currency = Text(3, least=3)
    booked_on = Day()
    corrects_id = RecordId(nullable=True)
    remark = Text(500, nullable=True)
    created_at = InstantText()
    created_by = Text(80)


class WorkLogV1(WireSchema):
    """A work log entry, a fact."""

    log_no = Text(60, least=1)
    manager_id = RecordId()
    kind = Code(("visit", "call", "message", "service", "meeting", "training", "other"))
    customer_id = RecordId(nullable=True)
    started_at = InstantText()
    ended_at = InstantText(nullable=True)
    place = Text(120, nullable=True)
    text = Text(2000)
    entered_at = InstantText()
    corrects_id = RecordId(nullable=True)
    created_at = InstantText()
    created_by = Text(80)


class CustomerMonthV1(WireSchema):
    """A customer's month."""

    customer_id = RecordId()
    month = Month()
    currency = Text(3, least=3)
    charge_minor = Whole()
    payment_minor = Whole()
    adjustment_minor = Whole()
    bill_lines = Whole(least=0, most=INT32 - 1)
    contacts = Whole(least=0, most=INT32 - 1)
    visits = Whole(least=0, most=INT32 - 1)
    last_contact_on = Day(nullable=True)


class OperationMonthV1(WireSchema):
    """What an account manager did in a month."""

    manager_id = RecordId()
    month = Month()
    sign_ins = Whole(least=0, most=INT32 - 1)
    days_worked = Whole(least=0, most=INT32 - 1)
    visits = Whole(least=0, most=INT32 - 1)
    work_logs = Whole(least=0, most=INT32 - 1)
    files_changed = Whole(least=0, most=INT32 - 1)
    exports = Whole(least=0, most=INT32 - 1)


class DayCloseV1(WireSchema):
    """What was entered at a branch on one day."""

    day = Day()
    starts_at = InstantText()
    ends_at = InstantText()
    counts = JsonText(dict[str, Any])
    totals = JsonText(dict[str, Any], MOST_TOTALS)
    closed_at = InstantText()


class LegalHoldV1(WireSchema):
    """A legal hold on a customer."""

    customer_id = RecordId()
    reason = Text(500, least=1)
    placed_at = InstantText()
    placed_by = Text(80)
    ends_on = Day(nullable=True)
    order_id = RecordId(nullable=True)
    released_at = InstantText(nullable=True)
    released_by = Text(80, nullable=True)
    release_reason = Text(500, nullable=True)


class CustomerIdentityV1(WireSchema):
    """That a customer is another one: what hangs on either is one person's."""

    customer_id = RecordId()
    identity_id = RecordId()
    merged_at = InstantText()
    merged_by = Text(80)


class PersonalRequestV1(WireSchema):
    """That somebody asked something about their data, and how it stands; nothing says who."""

    kind = Code(("access", "correction", "erasure"))
    received_on = Day()
    due_on = Day()
    state = Code(("open", "done", "refused"))
    ended_at = InstantText(nullable=True)


RECORDS: Final[Mapping[tuple[str, int], RecordCheck]] = {
    ("erasure", 1): RecordCheck(ErasureV1),
    ("customer", 1): RecordCheck(CustomerV1),
    ("customer", 2): RecordCheck(CustomerV2, added=lambda _customer: (None,)),
    ("customer", 3): RecordCheck(
        CustomerV3, added=lambda _customer: (None, None, None, None, "[]", None, None, None, None)
    ),
    ("contact", 1): RecordCheck(ContactV1),
    ("qualification", 1): RecordCheck(QualificationV1),
    ("unit", 1): RecordCheck(UnitV1),
    ("manager", 1): RecordCheck(ManagerV1),
    ("department", 1): RecordCheck(DepartmentV1),
    ("staff", 1): RecordCheck(StaffV1),
    ("bill_line", 1): RecordCheck(BillLineV1),
    ("work_log", 1): RecordCheck(WorkLogV1),
    ("unit_event", 1): RecordCheck(UnitEventV1),
    ("offer_answer", 1): RecordCheck(OfferAnswerV1),
    ("question_answer", 1): RecordCheck(QuestionAnswerV1),
    ("customer_month", 1): RecordCheck(CustomerMonthV1),
    ("operation_month", 1): RecordCheck(OperationMonthV1),
    ("day_close", 1): RecordCheck(DayCloseV1),
    ("legal_hold", 1): RecordCheck(LegalHoldV1),
    ("customer_identity", 1): RecordCheck(CustomerIdentityV1),
    ("personal_request", 1): RecordCheck(PersonalRequestV1),
}
