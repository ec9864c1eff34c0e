"""Parts of a customer's page: whom to speak to, where the customer stands, and everything on one line."""

from flask import Blueprint, request

from branch_node.contacts.queries import closed_to, list_contacts
from branch_node.customers import groups, moves
from branch_node.customers.offers import list_applying
from branch_node.desk import timeline
from branch_node.desk.pages import MOVED_IN, customer_page, header_of, worded
from branch_node.desk.timeline import EntryKind, Place
from shared.domain.calendar import local_day
from shared.domain.contacts.rules import CHANNELS
from shared.domain.customers.vocabulary import MoveOf, ParentKind
from shared.i18n import label
from shared.rights.vocabulary import Action, Resource
from shared.web.access import requires
from shared.web.context import reading, runtime, stamp
from shared.web.lists import choices, code_arguments, text_argument
from shared.web.oplog.words import action_word

blueprint = Blueprint("file", __name__, url_prefix="/customers")


@blueprint.get("/<id:customer_id>/timeline")
@requires(Resource.CUSTOMER, Action.READ)
def line(customer_id: str) -> str:
    """Show what happened with a customer, a page at a time; a browser that scrolls asks for the further ones."""
    kinds = code_arguments("kind", EntryKind)
    zone = runtime().settings.timezone
    with reading() as session:
        header = header_of(session, customer_id)
        entries, further = timeline.list_entries(
            session,
            header.customer.id,
            kinds=kinds,
            before=Place.of(text_argument("before")),
            timezone=zone,
        )
        return customer_page(
            "desk/customer_line.html",
            header,
            entries=entries,
            further=further.text if further else None,
            first="before" not in request.args,
            kinds=choices(EntryKind),
            chosen=kinds[0].value if len(kinds) == 1 else "",
            moved=moved,
            act=action_word,
        )


@blueprint.get("/<id:customer_id>/contacts")
@requires(Resource.CONTACT, Action.READ)
def contacts(customer_id: str) -> str:
    """Show whom to speak to at a customer, and by which way not."""
    with reading() as session:
        header = header_of(session, customer_id)
        today = local_day(stamp().at, runtime().settings.timezone)
        people = list_contacts(session, header.customer.id)
        shown = [(contact, closed_to(contact, today)) for contact in people]
        return customer_page(
            "desk/customer_contacts.html",
            header,
            contacts=shown,
            every=lambda closed: len(closed) == len(CHANNELS),
        )


@blueprint.get("/<id:customer_id>/care")
@requires(Resource.CUSTOMER, Action.READ)
def care(customer_id: str) -> str:
    """Show the group a customer belongs to, and where it stands with us."""
    today = local_day(stamp().at, runtime().settings.timezone)
    with reading() as session:
        header = header_of(session, customer_id)
        return customer_page(
            "desk/customer_care.html",
            header,
            above=groups.list_above(session, header.customer),
            members=groups.list_members(session, header.customer.id),
            moves=moves.list_moves(session, header.customer.id),
            moved=moved,
            offers=list_applying(session, header.customer, today, stamp().at),
            kinds=choices(ParentKind),
            goals=[
                (f"{what.value}:{code}", f"{label(what)}: {text}")
                for what, of in MOVED_IN.items()
                for code, text in choices(of)
            ],
            today=today,
        )


def moved(what: MoveOf, code: str | None) -> str:
    """Return where a customer moved from or to, in words."""
    return worded("lifecycle_stage" if what is MoveOf.STAGE else "value_tier", code, {})
