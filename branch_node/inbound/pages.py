"""What came from head office: what is in force here and since when, what was refused and why, announcements."""

from collections.abc import Collection, Mapping
from typing import Any, Final

from flask import Blueprint, g, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from branch_node.inbound import operations, queries
from branch_node.inbound.models import InboundItem
from branch_node.inbound.queries import Notice
from shared.auth.rules import AccountRules
from shared.domain.published.account_rules import ACCOUNT_POLICIES, rules_of
from shared.domain.published.codes import Code, asks_word, read_codes
from shared.domain.published.vocabulary import CodeTable, ItemKind
from shared.domain.published.words import code_word, item_name, kind_word, summary
from shared.errors import N_
from shared.exports import rules as export_bounds
from shared.exports.rules import EXPORT_POLICIES, ExportRules
from shared.i18n import current_language
from shared.i18n import gettext as _
from shared.rights.vocabulary import Action, Resource
from shared.web.access import requires
from shared.web.context import person, reading, runtime, stamp, viewer, writing
from shared.web.errors import home_url
from shared.web.forms import notice

blueprint = Blueprint("inbound", __name__, template_folder="templates", url_prefix="/head-office")
WITHDRAWN: Final = (N_("withdrawn"), "")
REFUSED: Final = (N_("cannot be obeyed here"), "bad")
EXPIRED: Final = (N_("expired"), "")
IN_FORCE: Final = (N_("in force"), "ok")


@blueprint.get("")
@requires(Resource.PUBLISHED, Action.READ)
def index() -> str:
    """List everything head office published for this branch: version, since when, what was refused and why."""
    with reading() as session:
        place = queries.find_place(session)
        now = queries.hq_time(session, stamp().at)
        rows = [_row(item, now) for item in queries.list_items(session)]
    return render_template("inbound/index.html", rows=rows, place=place)


@blueprint.get("/<id:item_id>")
@requires(Resource.PUBLISHED, Action.READ)
def one(item_id: str) -> ResponseReturnValue:
    """Show what one item says."""
    with reading() as session:
        item = session.get(InboundItem, item_id)
        if item is None or item.kind == ItemKind.PERSONAL_ORDER:
            return redirect(url_for("inbound.index"))
        row = _row(item, queries.hq_time(session, stamp().at))
        mine = [one for one in notices(session) if one.item.id == item_id]
        codes = read_codes(item.body) if item.body and item.kind == ItemKind.CODE_TABLE.value else []
        papers = item.name == CodeTable.DOCUMENT_KIND
        return render_template(
            "inbound/one.html",
            **row,
            notice=mine[0] if mine else None,
            codes=codes,
            code_word=code_word,
            counting=queries.counting_papers(session, now=stamp().at) if codes and papers else {},
            asks_word=asks_word,
        )


@blueprint.post("/<id:item_id>/reading")
@requires(Resource.PUBLISHED, Action.READ)
def read(item_id: str) -> ResponseReturnValue:
    """Note that this person has read an announcement; head office is told how many have."""
    with writing() as session:
        found = operations.note_read(session, item_id, person(), by=stamp())
    if not found:
        notice(_("This announcement is over or was withdrawn meanwhile."), kind="warning")
    back = request.form.get("back", "")
    return redirect(home_url() if back == "day" else url_for("inbound.index"), code=303)


def notices(session: Session) -> list[Notice]:
    """Return the announcements for whoever is signed in, unread ones first."""
    return queries.list_notices(session, person(), now=stamp().at)


def personal_policies(session: Session, names: Collection[str]) -> Mapping[str, Any]:
    """Return those policies about personal data that are in force."""
    return queries.policies(session, names, now=stamp().at)


def account_rules(session: Session) -> AccountRules:
    """Return what accounts must keep: as head office has fixed it, else as usual."""
    # Not the stamp of this request: that names the person, who is being found out just now.
    return rules_of(queries.policies(session, ACCOUNT_POLICIES, now=runtime().clock.now()))


def export_rules(session: Session) -> ExportRules:
    """Return within what bounds personal data is exported: as head office has fixed it, else as usual."""
    return export_bounds.rules_of(queries.policies(session, EXPORT_POLICIES, now=stamp().at))


def unread(session: Session) -> int:
    """Return how many announcements this person has not read, for the menu."""
    reader = viewer()
    if reader is None:
        return 0
    return sum(one.read_at is None for one in queries.list_notices(session, reader, now=stamp().at))


@blueprint.app_template_filter("coded")
def coded(code: str | None, table: str) -> str:
    """Show a code of a record with the word people read, also one that is withdrawn; other words as they stand."""
    if not code:
        return ""
    known: dict[str, dict[str, Code]] = g.setdefault("inbound_codes", {})
    if table not in known:
        with reading() as session:
            known[table] = {one.code: one for one in queries.words_of(session, table)}
    found = known[table].get(code)
    return code_word(found) if found else code


def _papers() -> dict[str, str]:
    """Return what head office calls the kinds of papers, asked once a page."""
    if "published_papers" not in g:
        with reading() as session:
            told = queries.words_of(session, CodeTable.DOCUMENT_KIND)
        g.published_papers = {one.code: one.word(current_language()) for one in told}
    found: dict[str, str] = g.published_papers
    return found


def _row(item: InboundItem, now: Any) -> dict[str, Any]:  # noqa: ANN401 - an instant
    title = str((item.body or {}).get("title", ""))
    over = item.expires_at is not None and item.expires_at <= now
    state = WITHDRAWN if item.withdrawn else EXPIRED if over else IN_FORCE
    return {
        "item": item,
        "name": item_name(item.kind, item.name, title) or _("Announcement"),
        "kind": kind_word(item.kind),
        "state": REFUSED if item.outcome == "refused" else state,
        "says": summary(item.kind, item.name, item.body, _papers()) if item.body else "",
    }
