"""What is to be confirmed: customers with stale or contradictory fields, each field confirmed where it stands."""

from dataclasses import dataclass
from typing import Any, Final

from flask import Blueprint, render_template
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from branch_node.customers import upkeep
from branch_node.customers.confirming import seen_field
from branch_node.customers.flags import FIELD_WORDS, rules_now
from branch_node.customers.models import Customer
from branch_node.customers.upkeep import Flag
from branch_node.managers import queries as managers
from shared.domain.customers.upkeep import UpkeepKind
from shared.i18n import lazy_gettext as _l
from shared.rights.vocabulary import Action, Resource
from shared.web.access import requires
from shared.web.context import reading
from shared.web.lists import choices, code_arguments, id_argument
from shared.web.paging import Page, PageRequest
from shared.web.tables import Column

blueprint = Blueprint("upkeep", __name__, template_folder="templates", url_prefix="/to-confirm")

SORTS: Final = {"customer_no": Customer.customer_no, "name": Customer.name, "grade": Customer.grade}
COLUMNS: Final = (
    Column("customer_no", _l("Number"), sort=True, link="desk.customer_profile", link_arg="customer_id"),
    Column("name", _l("Name"), sort=True, link="desk.customer_profile", link_arg="customer_id"),
    Column("grade", _l("Grade"), "label", sort=True),
    Column("manager", _l("Account manager")),
    Column("flags", _l("To confirm"), "own"),
)


@dataclass(frozen=True)
class ToConfirm:
    """One row of the list: a customer with the fields that are flagged, and by which their forms know the values."""

    customer: Customer
    manager: str | None
    flags: list[Flag]

    @property
    def id(self) -> str:
        """Return the customer's id, for the links of the row."""
        return self.customer.id

    def seen(self, field: str) -> str:
        """Return by what a form says which value it was shown with."""
        return seen_field(self.customer, field)

    def __getitem__(self, name: str) -> Any:  # noqa: ANN401 - templates ask for columns by name
        """Return what a column shows."""
        return self.manager if name == "manager" else getattr(self.customer, name)


@blueprint.get("")
@requires(Resource.CUSTOMER, Action.READ)
def index() -> str:
    """List the customers who have something to be confirmed, as far as who looks sees them."""
    asked = PageRequest.from_query(SORTS, default="customer_no")
    kind = next(iter(code_arguments("kind", UpkeepKind)), None)
    manager_id = id_argument("manager")
    with reading() as session:
        people = managers.list_managers(session)
        names = {one.id: one.name for one in people}
        rows, total = _rows(session, asked, kind, manager_id, names)
        return render_template(
            "customers/upkeep.html",
            page=Page(rows, total, asked),
            columns=COLUMNS,
            counts=upkeep.count_flagged(session, rules_now(session), manager_id=manager_id),
            kinds=choices(UpkeepKind),
            kind=kind,
            manager_id=manager_id,
            managers=[(one.id, one.name) for one in people],
            field_words=FIELD_WORDS,
        )


def _rows(
    session: Session, asked: PageRequest, kind: UpkeepKind | None, manager_id: str, names: dict[str, str]
) -> tuple[list[ToConfirm], int]:
    rules = rules_now(session)
    conditions = [upkeep.flagged(rules, kind)]
    if manager_id:
        conditions.append(Customer.manager_id == manager_id)
    key = SORTS[asked.sort]
    ordered = (key.desc().nulls_last() if asked.descending else key.asc().nulls_last(), Customer.id)
    wanted = select(Customer).where(*conditions).order_by(*ordered).limit(asked.size)
    found = session.scalars(wanted.offset((asked.number - 1) * asked.size)).all()
    flags = upkeep.flags_of(session, rules, [one.id for one in found])
    total = session.scalar(select(func.count()).select_from(Customer).where(*conditions)) or 0
    return [
        ToConfirm(
            one,
            names.get(one.manager_id or ""),
            [flag for flag in flags.get(one.id, []) if kind in (None, flag.kind)],
        )
        for one in found
    ], total
