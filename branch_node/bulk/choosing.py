"""Whom a bulk act is to reach and what it does, as the address and the form say; and the form itself.

Who is chosen stands in the address, so that going back asks nobody to send a form again: the filters of the list, the
ids that were marked, or the act that is to be changed. What is to be done comes by a form: it says why.
"""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from flask import render_template, request
from sqlalchemy.orm import Session

from branch_node.bulk import queries
from branch_node.bulk.changes import CODES, PEOPLE, RIGHTS, UPDATE, Order
from branch_node.bulk.errors import BulkNotYoursError, BulkWhatError
from branch_node.bulk.models import BulkAct, BulkKind
from branch_node.bulk.operations import MOST
from branch_node.bulk.working import MOST_IN_ALL
from branch_node.customers import queries as customers
from branch_node.customers.listing import wanted_customers
from branch_node.managers import queries as managers
from shared.errors import BranchlineError
from shared.i18n import label
from shared.ids import is_id
from shared.rights.vocabulary import Action, Resource
from shared.web.context import may, stamp, today
from shared.web.forms import WHOLE_FORM, field_errors
from shared.web.lists import choices
from shared.web.paging import SIZES, link_without

# As many as a page of the list has: their ids stand in the address, which proxies let be so long.
MOST_MARKED: Final = SIZES[-1]
# What the address says of whom is chosen, beside the filters of the list.
CHOOSING: Final = ("all", "marked", "change")
VALUE_FIELDS: Final = frozenset(f"value_{kind.value}" for kind in (*CODES, *PEOPLE))


@dataclass(frozen=True, slots=True)
class Chosen:
    """Whom a bulk act is to reach: by their ids, or so many as the list's filters find."""

    ids: Sequence[str]
    count: int

    @property
    def large(self) -> bool:
        """Whether the job does it."""
        return not self.ids and self.count > MOST


def read_chosen(session: Session) -> Chosen:
    """Return the marked customers, or all that the address's filters find: many of them by their number only."""
    if not request.values.get("all"):
        former = find_former(session)
        ids = queries.customers_of(session, former.id) if former else read_ids()
        return Chosen(ids, len(ids))
    wanted = wanted_customers()
    count = customers.count_customers(session, wanted)
    if count > MOST:
        return Chosen((), count)
    return Chosen(session.scalars(customers.select_ids(session, wanted)).all(), count)


def find_former(session: Session) -> BulkAct | None:
    """Return the act of which the address says that it is to be changed; raises BulkNotYoursError for another's."""
    if not (at := request.args.get("change")):
        return None
    act = queries.get_act(session, at)
    if not is_mine(act):
        raise BulkNotYoursError
    return act


def is_mine(act: BulkAct) -> bool:
    """Tell whether who is signed in ordered an act."""
    return act.made_by_id == stamp().actor_id


def read_ids() -> list[str]:
    """Return the ids that the form or the address names."""
    given = [*request.form.getlist("customer"), *request.form.get("ids", "").split()]
    given += unpacked(request.args.get("marked", ""))
    return [one for one in dict.fromkeys(given[: 2 * MOST]) if is_id(one)]


def packed(ids: Sequence[str]) -> str:
    """Return ids as they stand in an address: 22 signs each, nothing but the ids."""
    return urlsafe_b64encode(b"".join(UUID(one).bytes for one in ids)).decode().rstrip("=")


def unpacked(text: str) -> list[str]:
    """Return the ids of an address; nothing of what is none."""
    try:
        found = urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except ValueError:
        return []
    return [str(UUID(bytes=found[at : at + 16])) for at in range(0, len(found) // 16 * 16, 16)]


def read_order() -> Order:
    """Return what the form orders; raises BulkWhatError."""
    kind = next((one for one in BulkKind if one.value == request.form.get("kind")), None)
    if kind is None:
        raise BulkWhatError(field="kind")
    value = request.form.get(f"value_{kind.value}", request.form.get("value", ""))
    return Order(kind, value, request.form.get("reason", ""), today())


def show_form(session: Session, chosen: Chosen, refused: BranchlineError | None = None) -> str:
    """Draw the form: empty, as it was refused, or as the act was ordered that is to be changed."""
    people = [(one.id, f"{one.name} ({one.manager_no})") for one in managers.manager_choices(session)]
    return render_template(
        "bulk/choose.html",
        back=link_without("customers.index", CHOOSING),
        count=chosen.count if chosen.large else len(customers.find_by_ids(session, chosen.ids)),
        large=chosen.large,
        too_many=chosen.count > (MOST_IN_ALL if chosen.large else MOST),
        most=MOST,
        most_in_all=MOST_IN_ALL,
        kinds=[one for one in choices(BulkKind) if may(*_right(one[0]))],
        valued=[
            (kind.value, label(kind), choices(CODES[kind])) for kind in CODES if kind is not BulkKind.RETIRE
        ],
        people=[
            (kind.value, label(kind), people)
            for kind in BulkKind
            if kind in PEOPLE and may(*_right(kind.value))
        ],
        values=_given() if refused else _given_before(find_former(session)),
        errors=_errors(refused) if refused else {},
    )


def _given() -> dict[str, str]:
    """Return what the form holds; a value that was sent by another name at the field of its kind."""
    given = request.form.to_dict()
    own = f"value_{given.get('kind', '')}"
    if own in VALUE_FIELDS and own not in given:
        given[own] = given.pop("value", "")
    return given


def _given_before(former: BulkAct | None) -> dict[str, str]:
    """Return what the form of an act held that is to be changed."""
    if former is None:
        return {}
    own = f"value_{former.kind.value}"
    value = own if own in VALUE_FIELDS else "value"
    return {"kind": former.kind.value, value: former.value, "reason": former.reason}


def _errors(refused: BranchlineError) -> dict[str, str]:
    """Return why the form was refused by its fields: a value that cannot be, at the one of what was chosen."""
    told = field_errors(refused)
    if isinstance(refused, BulkWhatError) and WHOLE_FORM in told:
        own = f"value_{request.form.get('kind', '')}"
        told[own if own in _given() else "value"] = told.pop(WHOLE_FORM)
    return told


def _right(code: str) -> tuple[Resource, Action]:
    return next((right for kind, right in RIGHTS.items() if kind.value == code), UPDATE)
