"""Stale and contradictory fields: flagged by published rules, with since when, until they are changed or confirmed."""

import runpy
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select, text, update

from branch_node.customers import upkeep
from branch_node.customers.confirming import FieldNotConfirmedError, confirm_field
from branch_node.customers.models import Contact, Customer, FieldAge
from branch_node.customers.queries import CustomerFilter, count_customers
from branch_node.customers.upkeep import Flag
from branch_node.identity.models import CustomerIdentity
from branch_node.identity.queries import CustomerMergedError, is_person
from branch_node.inbound import operations
from branch_node.qualification.queries import count_states
from shared.audit.models import AuditEntry
from shared.audit.vocabulary import LogAction
from shared.db.base import instant_text
from shared.domain.contacts.vocabulary import ContactStanding, ContactStatus
from shared.domain.customers.upkeep import CONFLICT_CHECKS, STALE_REACH, Conflict, UpkeepKind
from shared.domain.customers.vocabulary import CustomerKind, CustomerStatus, Grade, PreferredChannel
from shared.ids import new_id
from shared.stamp import Stamp, Via
from sync_protocol.contract.feed import FeedEntry, FeedPoint
from tests.support.branch import ANA, NOON, SHANGHAI

LONG_AGO = datetime(2020, 1, 5, tzinfo=UTC)
ENTERED = {"created_at": LONG_AGO, "updated_at": LONG_AGO}
LATER = Stamp(NOON + timedelta(hours=1), "bao", Via.WEB, "10.0.0.8")


def flags(sessions, customer_id, now=NOON):
    with sessions() as session:
        rules = upkeep.rules_in_force(session, now=now, timezone=SHANGHAI)
        found = upkeep.flags_of(session, rules, [customer_id]).get(customer_id, [])
        either = session.scalar(select(Customer.id).where(Customer.id == customer_id, upkeep.flagged(rules)))
        assert (either is not None) == bool(found), "the list and the file say the same"
    return found


def kinds(found):
    return {(flag.field, flag.conflict) for flag in found}


def change(sessions, customer_id, at=NOON, **values):
    with sessions.begin() as session:
        customer = session.get_one(Customer, customer_id)
        for name, value in values.items():
            setattr(customer, name, value)
        customer.touch(Stamp(at, "ana", Via.WEB, ""))


def contact(sessions, customer_id, **values):
    made = {"created_at": NOON, "created_by": "ana", "updated_at": NOON, "updated_by": "ana"}
    usual = {"standing": ContactStanding.KEY, "status": ContactStatus.ACTIVE, "do_not_contact": []}
    with sessions.begin() as session:
        session.add(
            Contact(
                id=new_id(), contact_no=new_id()[-12:], customer_id=customer_id, **made, **{**usual, **values}
            )
        )


def publish(sessions, name, value):
    entry = FeedEntry(
        seq=1, id=new_id(), kind="policy", name=name, version=1, withdrawn=False, body={"value": value},
        published_at=instant_text(NOON),
    )  # fmt: skip
    with sessions.begin() as session:
        operations.take_in(session, [entry], FeedPoint(seq=1, digest="0" * 64), anew=False, by=ANA)


def test_a_field_nobody_has_touched_for_long_is_stale_since_the_file_was_made(sessions, rows):
    old = rows.customer(mobile="13800000001", **ENTERED)
    fresh = rows.customer(mobile="13800000002")

    assert flags(sessions, old) == [Flag("mobile", LONG_AGO)]
    assert flags(sessions, fresh) == []


def test_an_empty_field_is_missing_and_not_stale(sessions, rows):
    assert flags(sessions, rows.customer(mobile=None, phone="", **ENTERED)) == []


def test_a_changed_field_is_fresh_and_the_others_stay_as_old_as_they_were(sessions, rows):
    found = rows.customer(mobile="13800000001", address="西湖区", **ENTERED)

    change(sessions, found, mobile="13800000009")

    assert flags(sessions, found) == [Flag("address", LONG_AGO)]


def test_a_change_beside_the_program_counts_as_well(sessions, rows):
    found = rows.customer(mobile="13800000001", **ENTERED)

    with sessions.begin() as session:
        session.execute(
            text("UPDATE customers SET mobile = '13800000009', updated_at = :at"),
            {
                "at": NOON
                if session.get_bind().dialect.name == "postgresql"
                else "2026-03-18T04:00:00.000000Z"
            },
        )

    assert flags(sessions, found) == []


def test_the_grade_says_how_soon_a_field_is_stale(sessions, rows):
    made = NOON - timedelta(days=400)
    ages = {"created_at": made, "updated_at": made}
    best = rows.customer(mobile="13800000001", grade=Grade.A, **ages)
    least = rows.customer(mobile="13800000002", grade=Grade.D, **ages)
    none = rows.customer(mobile="13800000003", **ages)

    assert [kinds(flags(sessions, each)) for each in (best, least, none)] == [
        {("mobile", None)},
        set(),
        set(),
    ]


def test_limits_that_head_office_has_published_count_at_once(sessions, rows):
    made = NOON - timedelta(days=70)
    found = rows.customer(mobile="13800000001", grade=Grade.B, created_at=made, updated_at=made)
    assert flags(sessions, found) == []

    publish(sessions, STALE_REACH, [1, 2, 3, 4])

    assert flags(sessions, found) == [Flag("mobile", made)]


def test_who_confirms_a_field_makes_it_fresh_and_the_log_says_so(sessions, rows):
    found = rows.customer(mobile="13800000001", **ENTERED)

    with sessions.begin() as session:
        confirm_field(session, found, "mobile", by=ANA)

    assert flags(sessions, found) == []
    with sessions() as session:
        customer, age = session.get_one(Customer, found), session.get_one(FieldAge, (found, "mobile"))
        entry = session.scalars(select(AuditEntry).where(AuditEntry.event == "customer.confirmed")).one()
    assert (customer.mobile, customer.updated_at) == ("13800000001", LONG_AGO)
    assert (age.changed_at, age.confirmed_at, age.confirmed_by) == (LONG_AGO, NOON, "ana")
    assert (entry.subject_id, entry.details, entry.action) == (found, {"field": "mobile"}, LogAction.CHANGE)


def test_a_later_change_takes_the_confirmation_away(sessions, rows):
    found = rows.customer(mobile="13800000001", **ENTERED)
    with sessions.begin() as session:
        confirm_field(session, found, "mobile", by=ANA)

    change(sessions, found, LATER.at, mobile="13800000009")

    with sessions() as session:
        age = session.get_one(FieldAge, (found, "mobile"))
    assert (age.changed_at, age.confirmed_at, age.confirmed_by) == (LATER.at, None, None)


@pytest.mark.parametrize("field", ["name", "mobile", "no_such"])
def test_what_does_not_grow_stale_or_says_nothing_cannot_be_confirmed(sessions, rows, field):
    found = rows.customer(mobile=None)

    with pytest.raises(FieldNotConfirmedError), sessions.begin() as session:
        confirm_field(session, found, field, by=ANA)


def test_a_merged_file_is_neither_flagged_nor_confirmed(sessions, rows):
    stays, goes = rows.customer(), rows.customer(mobile="13800000001", **ENTERED)
    with sessions.begin() as session:
        session.add(
            CustomerIdentity(
                id=new_id(), customer_id=goes, identity_id=stays, merged_at=NOON, merged_by="ana"
            )
        )

    assert flags(sessions, goes) == []
    with pytest.raises(CustomerMergedError), sessions.begin() as session:
        confirm_field(session, goes, "mobile", by=ANA)


def test_a_closed_customer_is_not_flagged(sessions, rows):
    assert flags(sessions, rows.customer(mobile="1", status=CustomerStatus.CLOSED, **ENTERED)) == []


def test_two_customers_with_one_number_contradict_each_other_until_it_is_confirmed(sessions, rows):
    one, other = rows.customer(mobile="13800000001"), rows.customer(mobile="13800000001")

    assert kinds(flags(sessions, one)) == {("mobile", Conflict.SAME_NUMBER)}
    with sessions.begin() as session:
        confirm_field(session, one, "mobile", by=LATER)

    assert flags(sessions, one) == []
    assert kinds(flags(sessions, other)) == {("mobile", Conflict.SAME_NUMBER)}


def test_a_number_that_a_third_customer_gets_later_is_a_new_contradiction(sessions, rows):
    one, other = rows.customer(mobile="13800000001"), rows.customer(mobile="13800000002")
    with sessions.begin() as session:
        confirm_field(session, one, "mobile", by=LATER)
    much_later = LATER.at + timedelta(days=1)

    change(sessions, other, much_later, mobile="13800000001")

    assert flags(sessions, one) == [Flag("mobile", much_later, Conflict.SAME_NUMBER)]


def test_a_file_merged_into_another_or_closed_contradicts_nobody(sessions, rows):
    one, merged = rows.customer(mobile="13800000001"), rows.customer(mobile="13800000001")
    rows.customer(mobile="13800000001", status=CustomerStatus.CLOSED)
    with sessions.begin() as session:
        session.add(
            CustomerIdentity(
                id=new_id(), customer_id=merged, identity_id=one, merged_at=NOON, merged_by="ana"
            )
        )

    assert flags(sessions, one) == []


def test_a_preferred_channel_that_is_closed_or_leads_nowhere_is_a_contradiction(sessions, rows):
    closed = rows.customer(
        mobile="13800000001", preferred_channel=PreferredChannel.SMS, do_not_contact=["sms"]
    )
    over = rows.customer(
        mobile="13800000002",
        preferred_channel=PreferredChannel.SMS,
        do_not_contact=["all"],
        do_not_contact_until=NOON.date() - timedelta(days=1),
    )
    nowhere = rows.customer(preferred_channel=PreferredChannel.EMAIL)
    by_mobile = rows.customer(mobile="13800000003", preferred_channel=PreferredChannel.WECHAT)
    never = rows.customer(preferred_channel=PreferredChannel.NONE)

    assert kinds(flags(sessions, closed)) == {("preferred_channel", Conflict.CHANNEL_CLOSED)}
    assert flags(sessions, over) == []
    assert kinds(flags(sessions, nowhere)) == {("preferred_channel", Conflict.CHANNEL_MISSING)}
    assert flags(sessions, by_mobile) == []
    assert flags(sessions, never) == []


def test_a_channel_closed_after_the_confirmation_is_a_new_contradiction(sessions, rows):
    found = rows.customer(mobile="13800000001", preferred_channel=PreferredChannel.PHONE)
    with sessions.begin() as session:
        confirm_field(session, found, "preferred_channel", by=ANA)

    change(sessions, found, LATER.at, do_not_contact=["all"])

    assert flags(sessions, found) == [Flag("preferred_channel", LATER.at, Conflict.CHANNEL_CLOSED)]


def test_a_contact_person_of_the_same_name_with_another_number_is_a_contradiction(sessions, rows):
    person = rows.customer(name="李明", mobile="13800000001")
    group = rows.customer(name="杭州商贸", mobile="13800000002", kind=CustomerKind.GROUP)
    contact(sessions, person, name="李明", mobile="13900000001")
    contact(sessions, person, name="李明", mobile="13900000002", status=ContactStatus.LEFT)
    contact(sessions, group, name="杭州商贸", mobile="13900000003")

    assert flags(sessions, person) == [Flag("mobile", NOON, Conflict.CONTACT_DIFFERS)]
    assert flags(sessions, group) == []


@pytest.mark.parametrize(
    ("address", "region", "contradicts"),
    [
        ("江苏省南京市中山路1号", "330106", True),
        ("黑龙江省哈尔滨市", "330106", True),
        ("浙江省杭州市西湖区", "330106", False),
        ("北京路12号", "330106", False),
        ("西湖区文三路", "330106", False),
        ("江苏省南京市", None, False),
    ],
)
def test_an_address_in_another_province_than_the_region_is_a_contradiction(
    sessions, rows, address, region, contradicts
):
    found = rows.customer(address=address, region_code=region)

    assert kinds(flags(sessions, found)) == (
        {("region_code", Conflict.REGION_ADDRESS)} if contradicts else set()
    )


def test_what_head_office_does_not_look_for_is_not_flagged(sessions, rows):
    found = rows.customer(
        address="江苏省南京市", region_code="330106", preferred_channel=PreferredChannel.SMS
    )

    publish(sessions, CONFLICT_CHECKS, [Conflict.CHANNEL_MISSING.value])

    assert kinds(flags(sessions, found)) == {("preferred_channel", Conflict.CHANNEL_MISSING)}


def test_customers_are_counted_once_however_many_of_their_fields_are_flagged(sessions, rows):
    holder = rows.manager()
    rows.customer(mobile="13800000001", address="西湖区", manager_id=holder, **ENTERED)
    rows.customer(preferred_channel=PreferredChannel.SMS, manager_id=holder)
    rows.customer(mobile="13800000003", **ENTERED)

    with sessions() as session:
        rules = upkeep.rules_in_force(session, now=NOON, timezone=SHANGHAI)
        assert upkeep.count_flagged(session, rules) == {UpkeepKind.STALE: 2, UpkeepKind.CONFLICT: 1}
        assert upkeep.count_flagged(session, rules, manager_id=holder) == {
            UpkeepKind.STALE: 1,
            UpkeepKind.CONFLICT: 1,
        }


def test_a_person_counts_by_the_file_that_stays(sessions, rows):
    stays, goes = rows.customer(), rows.customer()
    with sessions.begin() as session:
        session.add(
            CustomerIdentity(
                id=new_id(), customer_id=goes, identity_id=stays, merged_at=NOON, merged_by="ana"
            )
        )

    with sessions() as session:
        people = CustomerFilter(also=(lambda _session: is_person(Customer.id),))
        assert (count_customers(session, people), count_customers(session, CustomerFilter())) == (1, 2)
        assert count_states(session, NOON.date())["never"] == 1


def test_ages_go_with_their_customer(sessions, rows):
    found = rows.customer(mobile="13800000001")
    with sessions.begin() as session:
        confirm_field(session, found, "mobile", by=ANA)

    with sessions.begin() as session:
        session.execute(update(Customer).values(manager_id=None))
        session.delete(session.get_one(Customer, found))

    with sessions() as session:
        assert session.scalars(select(FieldAge)).all() == []


def test_the_migration_takes_earlier_changes_from_the_operation_log(sessions, rows):
    found = rows.customer(mobile="13800000001", address="西湖区", **ENTERED)
    change(sessions, found, mobile="13800000009")
    path = next(Path("branch_node/migrations").glob("*_ages_of_customer_fields.py"))
    revision = runpy.run_path(str(path))

    with sessions.begin() as session:
        told = revision["_TOLD"].format(**revision["_SPELT"][session.get_bind().dialect.name])
        session.execute(text("DELETE FROM customer_field_ages"))
        session.execute(text(told.replace(":", "\\:")))

    with sessions() as session:
        ages = [(age.field, age.changed_at) for age in session.scalars(select(FieldAge))]
        entry = session.scalars(select(AuditEntry).where(AuditEntry.action == LogAction.CHANGE)).one()
    assert ages == [("mobile", entry.at)]


def test_the_count_of_the_branch_says_what_the_files_say_each_customer_once(sessions, rows):
    both = rows.customer(mobile="13800000001", phone="0571-1", **ENTERED)
    twin = rows.customer(mobile="13800000001")
    merged = rows.customer(mobile="13800000003", **ENTERED)
    rows.customer(mobile="13800000004", status=CustomerStatus.CLOSED, **ENTERED)
    fresh = rows.customer(mobile="13800000005")
    with sessions.begin() as session:
        link = {"customer_id": merged, "identity_id": fresh, "merged_at": NOON, "merged_by": "ana"}
        session.add(CustomerIdentity(id=new_id(), **link))

    with sessions() as session:
        rules = upkeep.rules_in_force(session, now=NOON, timezone=SHANGHAI)
        counted = upkeep.count_all(session, rules)
        lists = upkeep.count_flagged(session, rules)

    assert kinds(flags(sessions, both)) >= {
        ("mobile", None),
        ("phone", None),
        ("mobile", Conflict.SAME_NUMBER),
    }
    assert (counted.customers, counted.flagged, counted.stale, counted.conflicting) == (3, 2, 1, 2)
    assert (counted.stale, counted.conflicting) == (lists[UpkeepKind.STALE], lists[UpkeepKind.CONFLICT])
    assert (counted.fields["mobile"], counted.fields["phone"], counted.fields["email"]) == (1, 1, 0)
    assert counted.conflicts[Conflict.SAME_NUMBER.value] == 2
    assert flags(sessions, twin)
    with sessions.begin() as session:
        for field in ("mobile", "phone"):
            confirm_field(session, both, field, by=LATER)
    with sessions() as session:
        rules = upkeep.rules_in_force(session, now=LATER.at, timezone=SHANGHAI)
        assert upkeep.count_all(session, rules).flagged == 1


def test_without_any_check_of_contradictions_none_is_counted(sessions, rows):
    rows.customer(mobile="13800000001")
    rows.customer(mobile="13800000001")
    publish(sessions, CONFLICT_CHECKS, [])

    with sessions() as session:
        counted = upkeep.count_all(session, upkeep.rules_in_force(session, now=NOON, timezone=SHANGHAI))

    assert (counted.conflicting, dict(counted.conflicts)) == (0, {})
