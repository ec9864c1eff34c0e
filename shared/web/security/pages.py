"""The security page: accounts, slowed sign-ins, open sessions, ages of keys, and two kinds of staff side by side."""

from typing import Final

from flask import Blueprint, current_app, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from shared.auth import operations
from shared.auth.models import User, UserSession
from shared.errors import N_
from shared.i18n import gettext as _
from shared.i18n import lazy_gettext as _l
from shared.rights.rowsecurity import lacks_second_wall
from shared.rights.vocabulary import ACTION_WORDS, KINDS_OF, Action, Resource, StaffKind
from shared.web.access import requires
from shared.web.context import reading, runtime, stamp, writing
from shared.web.forms import notice
from shared.web.kinds import kind_choices
from shared.web.paging import PageRequest, link, paginate
from shared.web.security import queries
from shared.web.security.queries import Look
from shared.web.sessions import account_rules, here
from shared.web.tables import Column

blueprint = Blueprint("security", __name__, template_folder="templates", url_prefix="/security")
LOOKS: Final = {
    Look.ALL: N_("All accounts"),
    Look.NEVER: N_("Never signed in"),
    Look.UNUSED: N_("Unused for 90 days"),
    Look.ONE_STEP: N_("Password alone"),
}
COUNTS: Final = {
    "pair": N_("this account from this terminal"),
    "address": N_("every account from this terminal"),
    "account": N_("this account from anywhere"),
    "codes": N_("codes of the authenticator"),
}
ACCOUNT_SORTS: Final = {
    "username": User.username,
    "name": User.name,
    "kind": User.kind,
    "last_sign_in_at": User.last_sign_in_at,
}
ACCOUNT_COLUMNS: Final = (
    Column("username", _l("User name"), sort=True, link="people.one", link_arg="user_id"),
    Column("name", _l("Name"), sort=True),
    Column("kind", _l("Kind"), "own", sort=True),
    Column("enrolled", _l("Second step"), "own"),
    Column("last_sign_in_at", _l("Last sign-in"), "instant", sort=True),
    Column("unused", _l("State"), "own"),
)
SESSION_SORTS: Final = {
    "seen_at": UserSession.seen_at,
    "began_at": UserSession.began_at,
    "username": User.username,
    "terminal": UserSession.terminal,
}
SESSION_COLUMNS: Final = (
    Column("username", _l("User name"), "own", sort=True),
    Column("terminal", _l("Terminal"), sort=True),
    Column("began_at", _l("Since"), "instant", sort=True),
    Column("seen_at", _l("Last used"), "instant", sort=True),
    Column("proven_at", _l("Second step"), "instant"),
    Column("id", "", "own"),
)


@blueprint.get("")
@requires(Resource.SECURITY, Action.READ)
def index() -> str:
    """List the accounts with what is doubtful about them, and say in four figures what needs a look."""
    text = request.args.get("look", Look.ALL.value)
    look = Look(text) if text in set(Look) else Look.ALL
    now = stamp().at
    wanted = PageRequest.from_query(ACCOUNT_SORTS, default="username")
    with reading() as session:
        rules = account_rules(session)
        page = paginate(
            session,
            queries.select_accounts(look, now=now),
            wanted,
            sorts=ACCOUNT_SORTS,
            tie=User.id,
            shape=lambda row: queries.account_of(row[0], row[1], rules=rules, now=now),
        )
        counts = queries.count_looks(session, now=now)
        slowed = queries.list_slowed(session, now=now)
        one_wall = lacks_second_wall(session.connection())
    looks = [
        (_(word), link(look=one.value, page=None), one is look, counts[one]) for one, word in LOOKS.items()
    ]
    return render_template(
        "security/index.html",
        page=page,
        columns=ACCOUNT_COLUMNS,
        looks=looks,
        slowed=slowed,
        one_wall=one_wall,
        counts=COUNTS,
        keys=queries.list_keys(runtime().settings.home, now=now),
        tab="index",
    )


@blueprint.get("/sessions")
@requires(Resource.SECURITY, Action.READ)
def sessions() -> str:
    """List the sessions that are open at this node."""
    wanted = PageRequest.from_query(SESSION_SORTS, default="-seen_at")
    with reading() as session:
        statement = queries.select_sessions(account_rules(session), now=stamp().at)
        page = paginate(session, statement, wanted, sorts=SESSION_SORTS, tie=UserSession.id)
    return render_template(
        "security/sessions.html",
        page=page,
        rows=[row for row, _user in page.items],
        users={row.id: user for row, user in page.items},
        columns=SESSION_COLUMNS,
        present=here().session.id,
        tab="sessions",
    )


@blueprint.get("/kinds")
@requires(Resource.SECURITY, Action.READ)
def kinds() -> str:
    """Lay the rights of two kinds of staff side by side, where they differ."""
    ours = KINDS_OF[current_app.config["BRANCHLINE_PRODUCT"]]
    one = _kind(request.args.get("one", "")) or ours[0]
    other = _kind(request.args.get("other", "")) or ours[1]
    return render_template(
        "security/kinds.html",
        one=one,
        other=other,
        rows=queries.compare_kinds(one, other),
        actions_in=queries.actions_in,
        action_words=ACTION_WORDS,
        kinds=kind_choices(StaffKind),
        tab="kinds",
    )


@blueprint.post("/throttles/<string(length=64):key>/forget")
@requires(Resource.SECURITY, Action.MANAGE)
def forget(key: str) -> ResponseReturnValue:
    """Let somebody who has to wait try again at once."""
    with writing() as session:
        listed = any(one.key == key for one in queries.list_slowed(session, now=stamp().at))
        found = listed and operations.forget_throttle(session, key, by=stamp())
    if found:
        notice(_("The wait is over; the next try counts from the start."))
    else:
        notice(_("Nobody has to wait there any more."), kind="warning")
    return redirect(url_for("security.index"), code=303)


def _kind(text: str) -> StaffKind | None:
    return StaffKind.with_code(text)
