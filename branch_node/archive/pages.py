"""The retained archive: its list, one entry, putting a file in, and the acts of two people."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from flask import Blueprint, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from branch_node.archive import operations, queries, snapshot, unlocking, versions, words
from branch_node.archive.errors import ArchiveReasonError, NoteTextError
from branch_node.archive.models import ArchiveEntry
from branch_node.archive.queries import FILES, ArchiveFilter
from branch_node.customers.queries import get_customer
from shared.db.personal import MASKED
from shared.domain.archive.vocabulary import EntryKind
from shared.errors import N_
from shared.i18n import gettext as _
from shared.i18n import lazy_gettext as _l
from shared.rights.vocabulary import Action, Resource
from shared.twoperson.errors import ActProposedError, ActReasonError
from shared.twoperson.queries import find_waiting, list_deciders
from shared.web.access import requires
from shared.web.context import may, person, reading, stamp, writing
from shared.web.errors import STATUS
from shared.web.filters import day
from shared.web.forms import field_errors, notice
from shared.web.lists import choices, code_arguments, id_argument, text_argument
from shared.web.paging import PageRequest, paginate
from shared.web.tables import Column

# What the page of personal data calls the column of an entry.
WORDS: Final = {"content": N_("Sealed content")}
blueprint = Blueprint("archive", __name__, template_folder="templates", url_prefix="/archive")

TONES: Final = {
    EntryKind.FILE: "ok",
    EntryKind.CORRECTION: "info",
    EntryKind.NOTE: "info",
    EntryKind.REMOVAL: "",
}
COLUMNS: Final = (
    Column(
        "seq", _l("Archive entry"), "own", sort=True, link="archive.one", link_key="id", link_arg="entry_id"
    ),
    Column("customer_no", _l("Customer"), "own", sort=True),
    Column("kind", _l("Kind"), "own"),
    Column("made_at", _l("Put there"), "own", sort=True),
    Column("reason", _l("Reason"), "own", wide=True),
)


class Listed:
    """One row of the list."""

    def __init__(self, entry: ArchiveEntry, customer: str) -> None:
        """Take an entry and its customer's name."""
        self.entry, self.customer = entry, customer

    def __getitem__(self, name: str) -> Any:  # noqa: ANN401 - templates ask for columns by name
        """Return what a column shows."""
        return getattr(self.entry, name)


@blueprint.get("")
@requires(Resource.ARCHIVE, Action.READ)
def index() -> str:
    """List what lies in the retained archive, the latest first."""
    kind = next(iter(code_arguments("kind", EntryKind)), None)
    wanted = ArchiveFilter(text_argument("q"), kind, id_argument("customer"))
    asked = PageRequest.from_query(queries.SORTS, default="-seq")
    with reading() as session:
        page = paginate(
            session,
            queries.select_entries(wanted),
            asked,
            sorts=queries.SORTS,
            tie=ArchiveEntry.id,
            shape=lambda row: Listed(*row),
        )
    return render_template(
        "archive/index.html",
        page=page,
        columns=COLUMNS,
        wanted=wanted,
        kinds=choices(EntryKind),
        tones=TONES,
        chips=[(_("Search"), wanted.text, "q"), (_("Kind"), text_argument("kind"), "kind")],
    )


@blueprint.get("/<id:entry_id>")
@requires(Resource.ARCHIVE, Action.READ)
def one(entry_id: str) -> str:
    """Show one entry, what was added about it, and who ever unlocked it."""
    return _one(entry_id)


@blueprint.post("/customers/<uuid:customer_id>")
@requires(Resource.ARCHIVE, Action.CREATE)
def put_in(customer_id: object) -> ResponseReturnValue:
    """Put a customer's file as it stands into the retained archive."""
    with reading() as session:
        found = get_customer(session, str(customer_id))
    try:
        # The file is put away whole, also what of it this person does not see.
        with writing(as_node=True) as session:
            entry = operations.put_in(session, found.id, reason=request.form.get("reason", ""), by=stamp())
    except ArchiveReasonError as refused:
        return render_template(
            "archive/put_in.html", customer=found, values=request.form, errors=field_errors(refused)
        ), STATUS[refused.kind]
    notice(_("The file is in the retained archive."))
    return redirect(url_for("archive.one", entry_id=entry.id), code=303)


@blueprint.get("/customers/<uuid:customer_id>/new")
@requires(Resource.ARCHIVE, Action.CREATE)
def new(customer_id: object) -> str:
    """Ask why a customer's file is put away."""
    with reading() as session:
        found = get_customer(session, str(customer_id))
    return render_template("archive/put_in.html", customer=found, values={}, errors={})


@blueprint.post("/<id:entry_id>/unlock")
@requires(Resource.ARCHIVE, Action.UPDATE)
def unlock(entry_id: str) -> ResponseReturnValue:
    """Ask a second person to open an entry for a while."""
    try:
        with writing() as session:
            unlocking.ask_unlock(session, entry_id, reason=request.form.get("reason", ""), by=stamp())
    except (ActReasonError, ActProposedError) as refused:
        return _one(entry_id, errors=field_errors(refused), values=request.form), STATUS[refused.kind]
    notice(_("The branch manager has to approve this now; the entry stays locked until then."))
    return redirect(url_for("archive.one", entry_id=entry_id), code=303)


@blueprint.post("/<id:entry_id>/removal")
@requires(Resource.ARCHIVE, Action.UPDATE)
def remove(entry_id: str) -> ResponseReturnValue:
    """Ask a second person to let an entry's content be destroyed by rule."""
    try:
        with writing() as session:
            unlocking.ask_removal(session, entry_id, reason=request.form.get("reason", ""), by=stamp())
    except (ActReasonError, ActProposedError) as refused:
        return _one(entry_id, removal_errors=field_errors(refused), values=request.form), STATUS[refused.kind]
    notice(_("The branch manager has to approve this now; nothing was taken out yet."))
    return redirect(url_for("archive.one", entry_id=entry_id), code=303)


@blueprint.post("/<id:entry_id>/notes")
@requires(Resource.ARCHIVE, Action.UPDATE)
def annotate(entry_id: str) -> ResponseReturnValue:
    """Add a note to an unlocked entry."""
    _check_seen(entry_id)
    try:
        with writing(as_node=True) as session:
            operations.annotate(session, entry_id, text=request.form.get("text", ""), by=stamp())
    except NoteTextError as refused:
        return _one(entry_id, note_errors=field_errors(refused), values=request.form), STATUS[refused.kind]
    notice(_("The note is added."))
    return redirect(url_for("archive.one", entry_id=entry_id), code=303)


@blueprint.post("/<id:entry_id>/corrections")
@requires(Resource.ARCHIVE, Action.UPDATE)
def correct(entry_id: str) -> ResponseReturnValue:
    """Put the present file beside an unlocked entry, to count in its place."""
    _check_seen(entry_id)
    try:
        with writing(as_node=True) as session:
            added = operations.correct(session, entry_id, reason=request.form.get("reason", ""), by=stamp())
    except ArchiveReasonError as refused:
        return _one(entry_id, correction_errors=field_errors(refused), values=request.form), STATUS[
            refused.kind
        ]
    notice(_("The present file was put beside it."))
    return redirect(url_for("archive.one", entry_id=added.id), code=303)


@blueprint.post("/<id:entry_id>/lock")
@requires(Resource.ARCHIVE, Action.UPDATE)
def lock(entry_id: str) -> ResponseReturnValue:
    """Lock an entry again before its time is over."""
    with writing() as session:
        operations.lock(session, entry_id, by=stamp())
    notice(_("The entry is locked."))
    return redirect(url_for("archive.one", entry_id=entry_id), code=303)


def _check_seen(entry_id: str) -> None:
    with reading() as session:
        queries.get_entry(session, entry_id)


def _one(entry_id: str, **more: object) -> str:
    with reading() as session:
        entry = queries.get_entry(session, entry_id)
        subject = (operations.SUBJECT, entry.id)
        about = queries.list_about(session, entry)
        return render_template(
            "archive/one.html",
            entry=entry,
            customer=get_customer(session, entry.customer_id),
            content=shown_content(session, entry),
            about=[(each, shown_content(session, each)) for each in about],
            removed=any(each.kind is EntryKind.REMOVAL for each in about),
            is_file=entry.kind in FILES,
            of=queries.get_entry(session, entry.of_id) if entry.of_id else None,
            unlocks=queries.list_unlocks(session, entry.id),
            open_until=_open_until(session, entry),
            now=stamp().at,
            asked=find_waiting(session, unlocking.UNLOCK, subject),
            asked_removal=find_waiting(session, unlocking.REMOVAL, subject),
            keep_years=queries.keep_years(session, stamp().at),
            minutes=queries.unlock_minutes(session, stamp().at),
            deciders=list_deciders(session, "branch", Resource.ARCHIVE, Action.APPROVE, besides=person().id),
            me=person().id,
            decides=may(Resource.ARCHIVE, Action.APPROVE),
            tones=TONES,
            columns=versions.COLUMNS,
            **_shown(session, entry),
            **more,
        )


def _shown(session: Session, entry: ArchiveEntry) -> dict[str, Any]:
    names = words.names_of(session, _groups(shown_content(session, entry) or {}))
    return {
        "field_word": words.field_word,
        "value_word": lambda field, value: words.value_word(field, value, names),
        "events": words.EVENTS,
        "code_word": words.code_word,
        "day_of": lambda instant: day(datetime.fromisoformat(instant)),
        "may_change": may(Resource.ARCHIVE, Action.UPDATE) and entry.kind in FILES,
    }


def _groups(content: Mapping[str, Any]) -> set[str | None]:
    """Return the groups above that an entry names, in the file and in its versions."""
    told = (version.get("changes", {}).get("parent_id") or () for version in content.get("versions", ()))
    return {content.get("customer", {}).get("parent_id"), *(one for pair in told for one in pair)}


def _open_until(session: Session, entry: ArchiveEntry) -> Any:  # noqa: ANN401 - an instant or nothing
    unlocked = queries.find_open_unlock(session, entry.id, stamp().at)
    return unlocked.until if unlocked else None


def shown_content(session: Session, entry: ArchiveEntry) -> Mapping[str, Any] | None:
    """Return what an entry holds as far as who looks may see it; None when nobody can open it."""
    content = queries.read_content(session, entry)
    return snapshot.masked(content) if content and Resource.ARCHIVE.value in MASKED.get() else content
