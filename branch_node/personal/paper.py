"""What is held about a customer as it stands on paper: words for codes and names, the branch's time, no ids."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Any, Final

from sqlalchemy import Enum as EnumType
from sqlalchemy.sql.elements import KeyedColumnElement

from branch_node.customers.models import Customer
from branch_node.personal.answers import ABOUT
from shared.audit.vocabulary import action_of, module_of
from shared.db.base import Base, Instant
from shared.domain.regions.lookup import region_name
from shared.errors import N_
from shared.exports.models import Export
from shared.i18n import format_instant, format_money
from shared.i18n import gettext as _
from shared.web.oplog import words
from shared.web.oplog.names import field_word

NOTHING: Final = "–"
LOG: Final = "operation_log"
# In the order they are printed.
PARTS: Final = {
    "contacts": N_("Contact people"),
    "moves": N_("Moves"),
    "qualifications": N_("Qualifications"),
    "unit_events": N_("Entries about units"),
    "offer_answers": N_("Answers to offers"),
    "question_answers": N_("Answers to questions"),
    "bill_lines": N_("Bill lines"),
    "work_logs": N_("Work logs"),
    "months": N_("Monthly statistics"),
    "shared_with": N_("Shared with"),
    "legal_holds": N_("Legal holds"),
    "requests": N_("Requests about personal data"),
    "exports": N_("Exports that may hold them"),
    LOG: N_("Operation log"),
}
TABLES: Final = {**ABOUT, "exports": Export}
NAMES: Final = {
    "amount_minor": N_("Amount"),
    "charge_minor": N_("Charges"),
    "payment_minor": N_("Payments"),
    "adjustment_minor": N_("Adjustments"),
    "bill_lines": N_("Bill lines"),
    "contacts": N_("Contacts"),
    "last_contact_on": N_("Last contact"),
    "shared_at": N_("Shared at"),
    "ends_at": N_("Until"),
}
# A request ends with its answer; everything else that ends just ends.
NAMES_IN: Final = {
    "requests": {
        "made_at": N_("Recorded"),
        "made_by": N_("Recorded by"),
        "ended_at": N_("Answered"),
        "ended_by": N_("Answered by"),
    },
    "exports": {
        "number": N_("Number"),
        "made_at": N_("Made at"),
        "asked_by": N_("Asked for by"),
        "decided_by": N_("Approved by"),
        "title": N_("What"),
        "reason": N_("Reason"),
        "rows": N_("Rows"),
    },
}


@dataclass(frozen=True, slots=True)
class Sheet:
    """One part of the paper: its title, and rows of one kind under their headings."""

    title: str
    headings: Sequence[str]
    rows: Sequence[Sequence[str]]


def profile_of(document: Mapping[str, Any], *, timezone: str) -> list[tuple[str, str]]:
    """Return (name, value) of all that is known of the customer."""
    said = document["profile"]
    shown = [name for name, value in said.items() if not _is_id(name) and _told(value)]
    columns = Customer.__table__.columns
    return [
        (_name("profile", name), _value(columns.get(name), name, said, timezone=timezone)) for name in shown
    ]


def sheets_of(document: Mapping[str, Any], *, timezone: str) -> list[Sheet]:
    """Return the parts there is anything in, without the columns in which no row says anything."""
    return [
        _log(document[LOG], timezone) if part == LOG else _sheet(part, document[part], timezone)
        for part in PARTS
        if document.get(part)
    ]


def _sheet(part: str, rows: Sequence[Mapping[str, Any]], timezone: str) -> Sheet:
    columns = Base.metadata.tables[TABLES[part].__tablename__].columns
    shown = [name for name in rows[0] if not _is_id(name) and any(_told(row[name]) for row in rows)]
    return Sheet(
        _(PARTS[part]),
        [_name(part, name) for name in shown],
        [[_value(columns.get(name), name, row, timezone=timezone) for name in shown] for row in rows],
    )


def _log(rows: Sequence[Mapping[str, Any]], timezone: str) -> Sheet:
    return Sheet(
        _(PARTS[LOG]),
        [_("When"), _("Operator"), _("What happened"), _("What was and is")],
        [
            [
                _instant(row["at"], timezone),
                words.actor_word(row["who"]),
                _(
                    "%(act)s: %(part)s",
                    act=_act(row["event"]),
                    part=words.object_word(module_of(row["event"])),
                ),
                "; ".join(_change(name, pair, timezone) for name, pair in row["changes"].items()) or NOTHING,
            ]
            for row in rows
        ],
    )


def _act(event: str) -> str:
    return words.action_word(action_of(event).value)


def _change(name: str, pair: Any, timezone: str) -> str:  # noqa: ANN401 - any JSON value
    word = field_word(name)
    if not isinstance(pair, list):
        return word
    was, became = (words.value_word(name, value, timezone=timezone, kind="customer") for value in pair)
    return f"{word}: {became}" if was == NOTHING else f"{word}: {was} → {became}"


def _name(part: str, name: str) -> str:
    found = NAMES_IN.get(part, {}).get(name) or NAMES.get(name)
    return _(found) if found else field_word(name)


def _value(
    column: KeyedColumnElement[Any] | None, name: str, row: Mapping[str, Any], *, timezone: str
) -> str:
    value = row[name]
    if not _told(value):
        return NOTHING
    if name.endswith("_minor"):
        return format_money(value, row["currency"])
    if name == "region_code":
        return region_name(value) or str(value)
    if isinstance(value, str) and column is not None:
        return _typed(column.type, value, timezone)
    return words.value_word(name, value, timezone=timezone)


def _typed(kind: object, value: str, timezone: str) -> str:
    if isinstance(kind, Instant):
        return _instant(value, timezone)
    if isinstance(kind, EnumType) and kind.enum_class is not None:
        return _member(kind.enum_class, value)
    return value


def _member(vocabulary: Callable[[str], Enum], code: str) -> str:
    return _(str(getattr(vocabulary(code), "label", code)))


def _instant(text: str, timezone: str) -> str:
    return format_instant(datetime.fromisoformat(text), timezone=timezone)


def _is_id(name: str) -> bool:
    # On paper numbers are enough; the file has the ids as well.
    return name == "id" or name.endswith("_id")


def _told(value: object) -> bool:
    return value not in (None, "", [], {})
