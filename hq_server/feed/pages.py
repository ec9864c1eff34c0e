"""Published items: the list, one item with its versions and branches, making, changing, publishing, withdrawing."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from flask import Blueprint, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from marshmallow import ValidationError
from sqlalchemy.orm import Session

from hq_server.branches.queries import list_branches
from hq_server.feed import offer_form, operations, queries, question_form, rule_form, standing
from hq_server.feed.counted import (
    counted,
    is_papers,
    refuse_publication,
    retired_by,
    retired_without,
    settled,
)
from hq_server.feed.errors import ChangedMeanwhileError, ItemExistsError, KindsCountedError
from hq_server.feed.models import FeedItem, FeedVersion
from hq_server.feed.queries import Standing
from hq_server.feed.schemas import LATER, form_values, given_values, read_draft
from hq_server.feed.web import OUTCOMES, STATES, asked, coded, listed, paper_kinds, paper_words
from shared.audit.queries import list_history
from shared.db.base import instant_text
from shared.domain.documents.asking import ASKS, NUMBER, VALID_UNTIL
from shared.domain.published.codes import asks_word, kind_names, lines_of
from shared.domain.published.policies import POLICIES
from shared.domain.published.vocabulary import PUBLISHED_KINDS, TITLED, CodeTable, ItemKind
from shared.domain.published.words import (
    RECALL_WORDS,
    differences,
    item_name,
    kind_word,
    offer_lines,
    policy_options,
    summary,
)
from shared.domain.qualification.checks import NAME as RULE_SET
from shared.domain.qualification.checks import problem_of as rules_problem
from shared.domain.qualification.rules import read_rules
from shared.domain.qualification.words import grades_word, review_word, rule_word
from shared.domain.questions.words import QUESTION_WORDS, question_lines
from shared.errors import N_
from shared.i18n import gettext as _
from shared.i18n import label
from shared.rights.vocabulary import BRANCH_KINDS, Action, Resource
from shared.web.access import requires
from shared.web.context import reading, runtime, stamp, writing
from shared.web.errors import STATUS
from shared.web.forms import field_errors, notice
from shared.web.paging import Page, PageRequest

blueprint = Blueprint("feed", __name__, template_folder="templates", url_prefix="/published")
blueprint.add_app_template_filter(coded)
NEW: Final = {
    ItemKind.ANNOUNCEMENT: N_("New announcement"),
    ItemKind.RECALL: N_("New recall"),
    ItemKind.OFFER: N_("New offer"),
    ItemKind.QUESTION: N_("New question"),
}
EVENTS: Final = {
    "feed.drafted": N_("wrote the draft"),
    "feed.draft-dropped": N_("dropped the draft"),
    "feed.published": N_("published it"),
    "feed.held": N_("held it back"),
    "feed.withdrawn": N_("withdrew it"),
}


@blueprint.get("")
@requires(Resource.PUBLISHED, Action.READ)
def index() -> str:
    """List what is published, scheduled, drafted and withdrawn, each with how many branches have applied it."""
    wanted = PageRequest.from_query(("made",), default="-made")
    filters = asked()
    with reading() as session:
        found = listed(session, filters, stamp().at)
    first = (wanted.number - 1) * wanted.size
    page = Page(found[first : first + wanted.size], len(found), wanted)
    return render_template(
        "feed/index.html",
        page=page,
        filters=filters,
        kinds=[(kind.value, label(kind)) for kind in PUBLISHED_KINDS],
        states=STATES,
    )


@blueprint.get("/<id:item_id>")
@requires(Resource.PUBLISHED, Action.READ)
def one(item_id: str) -> str:
    """Show an item: what it says now, what is drafted, who has applied it, and every version before."""
    return _one(item_id)


def _one(item_id: str, errors: Mapping[str, str] | None = None) -> str:
    with reading() as session:
        found = queries.standing_of(session, queries.get_item(session, item_id))
        branches = standing.rows(session, stamp().at, items=[item_id])
        versions = queries.list_versions(session, item_id)
        return render_template(
            "feed/one.html",
            **_frame(found),
            state=found.state(stamp().at),
            states=STATES,
            outcomes=OUTCOMES,
            cells=[row.cells[item_id] for row in branches if item_id in row.cells],
            links={row.branch.number: row.link for row in branches},
            versions=[(one, _changes(found.item, versions, at)) for at, one in enumerate(versions)],
            history=list_history(session, (operations.SUBJECT, item_id)),
            events=EVENTS,
            counted=counted(session, retired_by(session, found.draft.body))
            if found.draft and is_papers(found.item.kind, found.item.name)
            else [],
            errors=errors or {},
            seen_at=_seen(found),
        )


@blueprint.get("/new")
@requires(Resource.PUBLISHED, Action.CREATE)
def new() -> str:
    """Ask what is to be published, then show its form; what is published already is changed, not made anew."""
    kind, name = _kind(request.args.get("kind")), request.args.get("name", "")
    with reading() as session:
        if kind is None or (kind not in TITLED and name not in _names(kind)):
            taken = {
                (one.item.kind, one.item.name): one.item for one in queries.list_standings(session, _ALL)
            }
            return render_template("feed/choose.html", offers=_offers(taken))
        values = form_values(kind, None, timezone=_zone())
        if name == CodeTable.STAFF_KIND:
            values["codes"] = lines_of(kind_names())
        return _form(session, kind, name, None, values)


@blueprint.post("")
@requires(Resource.PUBLISHED, Action.CREATE)
def make() -> ResponseReturnValue:
    """Enter a new item; published at once when that is asked for."""
    kind = _kind(request.form.get("kind")) or ItemKind.ANNOUNCEMENT
    name = request.form.get("name", "").strip()
    try:
        draft = read_draft(kind, name, request.form, None, timezone=_zone(), now=stamp().at)
        with writing() as session:
            draft = settled(session, kind, name, draft, meant="counted" in request.form)
            item = operations.make_item(session, kind, name, draft, by=stamp())
            _finish(session, item)
    except (ValidationError, ItemExistsError, KindsCountedError) as refused:
        with reading() as session:
            page = _form(session, kind, name, None, given_values(request.form), field_errors(refused))
        return page, 400 if isinstance(refused, ValidationError) else STATUS[refused.kind]
    return redirect(url_for("feed.one", item_id=item.id), code=303)


@blueprint.get("/<id:item_id>/edit")
@requires(Resource.PUBLISHED, Action.UPDATE)
def edit(item_id: str) -> str:
    """Show the form with the draft, or with what is published."""
    with reading() as session:
        found = queries.standing_of(session, queries.get_item(session, item_id))
        values = form_values(found.item.kind, found.draft or found.current, timezone=_zone())
        return _form(session, found.item.kind, found.item.name, found, values)


@blueprint.post("/<id:item_id>")
@requires(Resource.PUBLISHED, Action.UPDATE)
def change(item_id: str) -> ResponseReturnValue:
    """Save the draft of the next version; published at once when that is asked for."""
    with reading() as session:
        found = queries.standing_of(session, queries.get_item(session, item_id))
    item = found.item
    try:
        draft = read_draft(
            item.kind, item.name, request.form, found.current, timezone=_zone(), now=stamp().at
        )
        with writing() as session:
            draft = settled(session, item.kind, item.name, draft, meant="counted" in request.form)
            operations.save_draft(session, item_id, draft, seen_at=_given_seen(), by=stamp())
            _finish(session, item)
    except (ValidationError, ChangedMeanwhileError, KindsCountedError) as refused:
        with reading() as session:
            values = given_values(request.form)
            page = _form(session, item.kind, item.name, found, values, field_errors(refused))
        return page, 400 if isinstance(refused, ValidationError) else STATUS[refused.kind]
    return redirect(url_for("feed.one", item_id=item_id), code=303)


@blueprint.post("/<id:item_id>/publication")
@requires(Resource.PUBLISHED, Action.UPDATE)
def publish(item_id: str) -> ResponseReturnValue:
    """Give the draft to the branches."""
    try:
        with writing() as session:
            refuse_publication(session, queries.get_item(session, item_id), meant="counted" in request.form)
            operations.publish(session, item_id, by=stamp())
    except KindsCountedError as refused:
        return _one(item_id, field_errors(refused)), STATUS[refused.kind]
    notice(_("Published. Each branch applies it at its next contact and says so here."))
    return redirect(url_for("feed.one", item_id=item_id), code=303)


@blueprint.post("/<id:item_id>/draft")
@requires(Resource.PUBLISHED, Action.RETIRE)
def drop_draft(item_id: str) -> ResponseReturnValue:
    """Forget the draft."""
    with writing() as session:
        stays = operations.drop_draft(session, item_id, by=stamp())
    notice(_("The draft is dropped."))
    return redirect(url_for("feed.one", item_id=item_id) if stays else url_for("feed.index"), code=303)


@blueprint.get("/<id:item_id>/withdrawal")
@requires(Resource.PUBLISHED, Action.RETIRE)
def withdrawal(item_id: str) -> str:
    """Say what withdrawing touches, before it is done."""
    with reading() as session:
        found = queries.standing_of(session, queries.get_item(session, item_id))
        branches = standing.rows(session, stamp().at, items=[item_id])
        held = sum(row.cells[item_id].applied is not None for row in branches if item_id in row.cells)
        still = (
            counted(session, retired_without(session)) if is_papers(found.item.kind, found.item.name) else []
        )
        return render_template("feed/withdraw.html", **_frame(found), held=held, counted=still)


@blueprint.post("/<id:item_id>/withdrawal")
@requires(Resource.PUBLISHED, Action.RETIRE)
def withdraw(item_id: str) -> ResponseReturnValue:
    """Take an item back from every branch."""
    with writing() as session:
        operations.withdraw(session, item_id, by=stamp())
    notice(_("Withdrawn. Each branch stops obeying it at its next contact and says so here."))
    return redirect(url_for("feed.one", item_id=item_id), code=303)


_ALL: Final = queries.ItemFilter()


def _finish(session: Session, item: FeedItem) -> None:
    """Publish what was saved if the form says so, and say what was done."""
    if request.form.get("do") == "publish":
        operations.publish(session, item.id, by=stamp())
        notice(_("Published. Each branch applies it at its next contact and says so here."))
    elif request.form.get("do") == LATER:
        notice(_("Saved. It is published by itself at the time given."))
    else:
        notice(_("Saved as a draft; no branch sees it yet."))


def _frame(found: Standing) -> dict[str, Any]:
    item = found.item
    return {
        "item": item,
        "current": found.current,
        "draft": found.draft,
        "name": item_name(item.kind.value, item.name, item.title),
        "kind_word": kind_word(item.kind.value),
        "said": lambda version: summary(item.kind.value, item.name, version.body, paper_words()),
        "codes": _codes_of,
        "rules_of": _rules_of,
        "recall_of": _recall_of,
        "offer_of": lambda version: offer_lines(version.body),
        "question_of": lambda version: [
            (_(QUESTION_WORDS[name]), said) for name, said in question_lines(version.body)
        ],
    }


def _codes_of(version: FeedVersion) -> list[Mapping[str, Any]]:
    return [{**one, "asks": asks_word(one.get("asks", ()))} for one in version.body.get("codes", [])]


def _rules_of(version: FeedVersion) -> list[str]:
    """Return a rule set in sentences, nothing of one that this program cannot read."""
    if rules_problem(RULE_SET, version.body):
        return []
    found = read_rules(version.body)
    last = f"{grades_word(found)}; {_('Review')}: {review_word(found.review)}"
    return [*(rule_word(rule, paper_words()) for rule in found.rules), last]


def _recall_of(version: FeedVersion) -> list[tuple[str, str]]:
    """Return what a recall says, each under its word."""
    said = ((name, version.body.get(name)) for name in RECALL_WORDS if name != "title")
    return [
        (_(RECALL_WORDS[name]), _(", ").join(map(str, value)) if isinstance(value, list) else str(value))
        for name, value in said
        if value
    ]


def _changes(item: FeedItem, versions: Any, at: int) -> list[tuple[str, str, str]]:  # noqa: ANN401 - a sequence
    """Return what a version says otherwise than the one before it."""
    version: FeedVersion = versions[at]
    before: FeedVersion | None = versions[at + 1] if at + 1 < len(versions) else None
    if before is None or version.withdrawn:
        return []
    found = differences(item.kind.value, item.name, before.body, version.body, paper_words())
    if list(before.branches) != list(version.branches):
        found.append((_("Addressed to"), _audience(before), _audience(version)))
    return found


def _audience(version: FeedVersion) -> str:
    return ", ".join(version.branches) or _("all")


def _form(
    session: Session,
    kind: ItemKind,
    name: str,
    found: Standing | None,
    values: Mapping[str, Any],
    errors: Mapping[str, str] | None = None,
) -> str:
    title = found.item.title if found else ""
    return render_template(
        "feed/form.html",
        kind=kind,
        name=name,
        item=found.item if found else None,
        item_name=item_name(kind.value, name, title) if (found or name) else _(NEW[kind]),
        kind_word=kind_word(kind.value),
        policy=POLICIES.get(name),
        kinds=[(kind.value, label(kind)) for kind in BRANCH_KINDS],
        branches=[(branch.code, f"{branch.code} {branch.name}") for branch in list_branches(session)],
        values=values,
        errors=errors or {},
        seen_at=_seen(found) if found else "",
        later=LATER,
        offer_choices=offer_form.choices(),
        question_choices=question_form.choices(),
        fixed=found.current.body if found and found.current else None,
        asks_known=asks_word(ASKS),
        asks_example=asks_word((VALID_UNTIL, NUMBER)),
        several=policy_options(name, paper_kinds(session)) if name in POLICIES else [],
        rules={**rule_form.choices(paper_kinds(session)), "wrong": rule_form.sentences(errors or {})},
    )


def _offers(taken: Mapping[tuple[ItemKind, str], FeedItem]) -> list[tuple[str, list[tuple[str, str, str]]]]:
    """Return (kind, [(name, what it is for, address)]) of everything that can be published."""
    offers = []
    for kind in (ItemKind.POLICY, ItemKind.RULES, ItemKind.CODE_TABLE):
        entries = []
        for name, text in _names(kind).items():
            present = taken.get((kind, name))
            url = (
                url_for("feed.one", item_id=present.id)
                if present
                else url_for("feed.new", kind=kind.value, name=name)
            )
            entries.append((item_name(kind.value, name), _("published already") if present else text, url))
        offers.append((kind_word(kind.value), entries))
    return offers


def _names(kind: ItemKind) -> dict[str, str]:
    if kind is ItemKind.POLICY:
        return {policy.name: _(policy.help) for policy in POLICIES.values()}
    if kind is ItemKind.RULES:
        return {RULE_SET: _("Which kind and grade customers are of, and why.")}
    return {table.value: "" for table in CodeTable} if kind is ItemKind.CODE_TABLE else {}


def _kind(code: str | None) -> ItemKind | None:
    return next((kind for kind in PUBLISHED_KINDS if kind.value == code), None)


def _seen(found: Standing) -> str:
    present = found.draft or found.current
    return instant_text(present.made_at) if present else ""


def _given_seen() -> datetime | None:
    try:
        return datetime.fromisoformat(request.form.get("seen_at", ""))
    except ValueError:
        return None


def _zone() -> str:
    return runtime().settings.timezone
