"""Parts of a customer's page: whom to speak to, where the customer stands, and everything on one line."""

from collections.abc import Mapping, Sequence
from typing import Any

from flask import Blueprint, request

from branch_node.archive.words import fields_word
from branch_node.contacts.queries import closed_to, list_contacts
from branch_node.customers import groups, moves
from branch_node.customers.models import Customer
from branch_node.desk import timeline
from branch_node.desk.pages import MOVED_IN, customer_page, header_of, worded
from branch_node.desk.timeline import OPENS, Entry, EntryKind, Place, Topic
from branch_node.offers import queries as offers
from branch_node.offers.applying import list_applying, titles
from branch_node.offers.web import STEP_TONES
from branch_node.questions import queries as questions
from branch_node.questions.asking import known, list_asked
from branch_node.questions.web import stories
from branch_node.questions.web import worded as answer_words
from shared.audit.vocabulary import LogAction
from shared.domain.calendar import local_day
from shared.domain.contacts.rules import CHANNELS
from shared.domain.customers.vocabulary import MoveOf, ParentKind
from shared.i18n import current_language, label
from shared.rights.vocabulary import Action, Resource
from shared.web.access import requires
from shared.web.context import may, reading, runtime, stamp
from shared.web.lists import choices, code_arguments, text_argument
from shared.web.oplog.words import action_word

blueprint = Blueprint("file", __name__, url_prefix="/customers")


@blueprint.get("/<id:customer_id>/timeline")
@requires(Resource.CUSTOMER, Action.READ)
def line(customer_id: str) -> str:
    """Show what happened with a customer, a page at a time; a browser that scrolls asks for the further ones."""
    topics = code_arguments("topic", Topic)
    opened = [kind for kind in EntryKind if kind not in OPENS or may(*OPENS[kind])]
    asked = code_arguments("kind", EntryKind)
    kinds = [kind for kind in asked or EntryKind if kind in opened]
    zone = runtime().settings.timezone
    # Of the operation log some see only what they did themselves: what happened with a file is told whole or wrong.
    with reading() as session, reading(as_node=True) as log:
        header = header_of(session, customer_id)
        their = timeline.line_of(session, header.customer.id, timezone=zone, log=log)
        before = Place.of(text_argument("before"))
        entries, further = timeline.list_entries(their, kinds=kinds, topics=topics, before=before)
        counts = timeline.count_topics(their, kinds=opened)
        return customer_page(
            "desk/customer_line.html",
            header,
            entries=entries,
            further=further.text if further else None,
            first="before" not in request.args,
            topics=[(topic, counts[topic]) for topic in Topic if counts[topic] or topic in topics],
            chosen=[topic.value for topic in topics],
            kinds=[kind.value for kind in asked],
            total=sum(counts.values()),
            moved=moved,
            answer_word=answer_words(session),
            act=action_word,
            changed=_changed,
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
    return care_page(customer_id)


def care_page(
    customer_id: str,
    *,
    placing: Mapping[str, Any] | None = None,
    moving: Mapping[str, Any] | None = None,
    errors: Mapping[str, str] | None = None,
) -> str:
    """Draw that page; what was written into one of its forms and refused stands there again, with why."""
    today = local_day(stamp().at, runtime().settings.timezone)
    with reading() as session:
        header = header_of(session, customer_id)
        above = groups.list_above(session, header.customer)
        answered = questions.told(session, header.customer.id)
        return customer_page(
            "desk/customer_care.html",
            header,
            above=above,
            members=groups.list_members(session, header.customer.id),
            moves=moves.list_moves(session, header.customer.id),
            moved=moved,
            offers=list_applying(session, header.customer, today, stamp().at),
            answers=offers.told(session, header.customer.id),
            latest=offers.latest(session, header.customer.id),
            titles=titles(session),
            step_tones=STEP_TONES,
            asked=list_asked(session, header.customer, today, stamp().at),
            stories=stories(answered, known(session)) if answered else {},
            answered=answered,
            answer_word=answer_words(session),
            people=questions.names_of(session, [one.answer for one in answered]),
            language=current_language(),
            kinds=choices(ParentKind),
            placing=placing or _placed(above, header.customer),
            placing_errors=errors if placing is not None else {},
            moving=moving or {"on": today},
            moving_errors=errors if moving is not None else {},
            goals=[
                (f"{what.value}:{code}", f"{label(what)}: {text}")
                for what, of in MOVED_IN.items()
                for code, text in choices(of)
            ],
        )


def _placed(above: Sequence[Customer], customer: Customer) -> dict[str, str]:
    """Return what the form of the place in a group holds at first."""
    kind = customer.parent_kind
    return {"parent_no": above[0].customer_no if above else "", "parent_kind": kind.value if kind else ""}


def moved(what: MoveOf, code: str | None) -> str:
    """Return where a customer moved from or to, in words."""
    return worded("lifecycle_stage" if what is MoveOf.STAGE else "value_tier", code, {})


def _changed(entry: Entry) -> str:
    """Return which fields an entry changed, in words; what was made or removed has all of them."""
    return fields_word(entry.row, entry.apart) if entry.row.action is LogAction.CHANGE else ""
