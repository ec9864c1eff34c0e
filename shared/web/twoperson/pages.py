"""What waits for a second person: the list with its count in the frame, one request, and the decision."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from flask import Blueprint, current_app, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from shared.i18n import gettext as _
from shared.rights.vocabulary import Action, Resource
from shared.twoperson import operations, queries
from shared.twoperson.errors import ActNotFoundError, ActReasonError
from shared.twoperson.models import ProposedAct
from shared.twoperson.vocabulary import STATE_WORDS, ActKind
from shared.web.access import requires
from shared.web.context import may, reading, runtime, stamp, writing
from shared.web.errors import STATUS
from shared.web.forms import field_errors, notice
from shared.web.paging import PageRequest, paginate

SETTINGS: Final = "branchline-two-person"
SORTS: Final = {"decided_at": ProposedAct.decided_at}
# The address of what an act is about, by the type of its subject.
Links = Mapping[str, Callable[[str], str]]


def waiting_count(session: Session) -> int:
    """Return how many requests wait for a second person, for the menu."""
    return queries.count_waiting(session, now=runtime().clock.now())


@dataclass(frozen=True, slots=True)
class TwoPersonSettings:
    """What an app tells of its acts."""

    kinds: Sequence[ActKind]
    links: Links


def two_person_blueprint(kinds: Sequence[ActKind], links: Links) -> Blueprint:
    """Return the pages about acts of these kinds."""
    blueprint = Blueprint("two_person", __name__, template_folder="templates", url_prefix="/two-person")
    settings = TwoPersonSettings(kinds, links)
    blueprint.record_once(lambda state: state.app.extensions.update({SETTINGS: settings}))
    for method, rule, view in ROUTES:
        blueprint.add_url_rule(rule, view.__name__, view, methods=[method])
    return blueprint


def _kind_of(act: ProposedAct) -> ActKind:
    found = next((kind for kind in _settings().kinds if kind.name == act.kind), None)
    if found is None:
        raise ActNotFoundError
    return found


def _line(act: ProposedAct) -> dict[str, Any]:
    kind, link = _kind_of(act), _settings().links.get(act.subject_type)
    return {
        "act": act,
        "label": _(kind.label),
        "state": STATE_WORDS[act.state],
        "open": act.is_open(stamp().at),
        "own": act.is_of(stamp()),
        "eligible": eligible(kind),
        "url": link(act.subject_id) if link else None,
        "facts": [(_(name), _listed(value)) for name, value in kind.facts(act)],
    }


def _listed(value: object) -> object:
    return _(", ").join(map(str, value)) if isinstance(value, list) else value


def _show(act_id: str, **values: object) -> str:
    with reading() as session:
        return render_template("two_person/one.html", line=_line(queries.get_act(session, act_id)), **values)


@requires(Resource.TWO_PERSON, Action.READ)
def index() -> str:
    """List what waits for a second person, and below it what was decided."""
    wanted = PageRequest.from_query(SORTS, default="-decided_at")
    with reading() as session:
        waiting = [_line(act) for act in queries.list_waiting(session, now=stamp().at)]
        page = paginate(session, queries.select_over(), wanted, sorts=SORTS, tie=ProposedAct.id)
        over = [_line(act) for act in page.items]
    return render_template("two_person/index.html", waiting=waiting, over=over, page=page)


@requires(Resource.TWO_PERSON, Action.READ)
def one(act_id: str) -> str:
    """Show one request: what exactly would be done, who asks for it and why."""
    return _show(act_id)


@requires(Resource.TWO_PERSON, Action.APPROVE)
def approve(act_id: str) -> ResponseReturnValue:
    """Do what somebody else asked for."""
    _check_sight(act_id)
    with writing(as_node=True) as session:
        kind = _kind_of(queries.get_act(session, act_id))
        seen = request.form.get("digest", "")
        operations.approve(session, kind, act_id, seen=seen, eligible=eligible, by=stamp())
    notice(_("Approved and done."))
    return redirect(url_for("two_person.one", act_id=act_id), code=303)


@requires(Resource.TWO_PERSON, Action.APPROVE)
def refuse(act_id: str) -> ResponseReturnValue:
    """Let it not be done."""
    _check_sight(act_id)
    try:
        with writing(as_node=True) as session:
            kind = _kind_of(queries.get_act(session, act_id))
            reason = request.form.get("reason", "")
            operations.refuse(session, kind, act_id, reason=reason, eligible=eligible, by=stamp())
    except ActReasonError as error:
        return _show(act_id, errors=field_errors(error), values=request.form), STATUS[error.kind]
    notice(_("Refused; nothing was done."))
    return redirect(url_for("two_person.one", act_id=act_id), code=303)


@requires(Resource.TWO_PERSON, Action.CREATE)
def withdraw(act_id: str) -> ResponseReturnValue:
    """Take back one's own request."""
    with writing(as_node=True) as session:
        kind = _kind_of(queries.get_act(session, act_id))
        operations.withdraw(session, kind, act_id, by=stamp())
    notice(_("The request is withdrawn; nothing was done."))
    return redirect(url_for("two_person.one", act_id=act_id), code=303)


def _check_sight(act_id: str) -> None:
    """Let nobody decide on what is not theirs to see, for the session that decides is the node's.

    Raises ActNotFoundError.
    """
    with reading() as session:
        queries.get_act(session, act_id)


def eligible(kind: ActKind) -> bool:
    """Tell whether the policy table lets who is signed in decide on acts of this kind."""
    return may(kind.resource, kind.action)


def _settings() -> TwoPersonSettings:
    found: TwoPersonSettings = current_app.extensions[SETTINGS]
    return found


ROUTES: Final = (
    ("GET", "", index),
    ("GET", "/<id:act_id>", one),
    ("POST", "/<id:act_id>/approval", approve),
    ("POST", "/<id:act_id>/refusal", refuse),
    ("POST", "/<id:act_id>/withdrawal", withdraw),
)
