"""Signing in and out, one's own profile, and the users of the node."""

from flask import Blueprint, current_app, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue

from shared.auth import operations, queries
from shared.auth.errors import CodeRefusedError, SignInRefusedError, TooManyAttemptsError
from shared.auth.models import User
from shared.auth.sessions import begin_session
from shared.errors import N_, BranchlineError, FieldError
from shared.i18n import LANGUAGES
from shared.i18n import gettext as _
from shared.rights.vocabulary import KINDS_OF, Action, Resource, StaffKind
from shared.web import sessions
from shared.web.access import public, requires
from shared.web.accounts.going_on import next_page
from shared.web.context import person, reading, stamp, viewer, writing
from shared.web.errors import STATUS, home_url
from shared.web.forms import field_errors, notice
from shared.web.sessions import account_rules

blueprint = Blueprint("accounts", __name__, template_folder="templates", url_prefix="/account")


class PasswordsDifferError(FieldError):
    """The new password was typed in two ways."""

    code = "passwords-differ"
    message = N_("The two passwords are not the same.")


@blueprint.get("/sign-in")
@public
def sign_in() -> ResponseReturnValue:
    """Ask who is there; people who are signed in already go on."""
    if sessions.half() is not None:
        return redirect(url_for("second_step.ask", next=request.args.get("next", "")), code=303)
    if viewer() is not None:
        return redirect(next_page(), code=303)
    return render_template("accounts/sign_in.html", next=request.args.get("next", ""))


@blueprint.post("/sign-in")
@public
def start_session() -> ResponseReturnValue:
    """Let in whoever proves who they are; counted and slowed down before the password is looked at."""
    form = request.form
    try:
        with writing(on_reserve=True) as database:
            attempt = operations.begin_sign_in(
                database, form.get("username", ""), by=stamp(), rules=account_rules(database)
            )
        proven = attempt.check(form.get("password", ""))
        with writing(on_reserve=True) as database:
            user = operations.verify_sign_in(database, attempt, proven=proven, by=stamp())
            token = begin_session(database, user, by=stamp()) if user else ""
    except TooManyAttemptsError as error:
        return _again("accounts/sign_in.html", error, next=form.get("next", ""))
    if user is None:
        return _again("accounts/sign_in.html", SignInRefusedError(), next=form.get("next", ""))
    sessions.start(token, user)
    # Who needs a second step is nobody yet, and is asked for it there.
    return redirect(next_page(), code=303)


@blueprint.get("/first-sign-in")
@public
def first_sign_in() -> str:
    """Ask for the one-time code and a password of the person's own choice."""
    return render_template("accounts/first_sign_in.html")


@blueprint.post("/first-sign-in")
@public
def redeem_code() -> ResponseReturnValue:
    """Exchange a one-time code for a password, and sign in."""
    form = request.form
    try:
        with writing() as database:
            rules = account_rules(database)
            operations.begin_sign_in(database, form.get("username", ""), by=stamp(), rules=rules)
        _check_repeated(form.get("password", ""), form.get("repeated", ""))
        with writing() as database:
            user = operations.redeem_code(
                database,
                username=form.get("username", ""),
                code=form.get("code", ""),
                password=form.get("password", ""),
                by=stamp(),
                rules=rules,
            )
            token = begin_session(database, user, by=stamp())
    except (CodeRefusedError, TooManyAttemptsError, FieldError) as error:
        return _again("accounts/first_sign_in.html", error)
    sessions.start(token, user)
    notice(_("Welcome, %(name)s. Your password is set.", name=user.name))
    return redirect(home_url(), code=303)


@blueprint.post("/sign-out")
@requires(Resource.OWN_ACCOUNT, Action.UPDATE)
def sign_out() -> ResponseReturnValue:
    """End this session for good."""
    sessions.sign_out()
    notice(_("You are signed out."))
    return redirect(url_for("accounts.sign_in"), code=303)


@blueprint.post("/language")
@public
def choose_language() -> ResponseReturnValue:
    """Speak another language from now on; remembered with the person when signed in."""
    language = request.form.get("language", "")
    if language in LANGUAGES:
        session[sessions.LANGUAGE] = language
        seen = viewer()
        if seen is not None:
            with writing() as database:
                operations.choose_language(queries.get_user(database, seen.id), language)
    return redirect(next_page(), code=303)


@blueprint.get("/profile")
@requires(Resource.OWN_ACCOUNT, Action.READ)
def profile() -> str:
    """Show people what is known of them, and let them change their password."""
    return render_template("accounts/profile.html")


@blueprint.post("/password")
@requires(Resource.OWN_ACCOUNT, Action.UPDATE)
def change_password() -> ResponseReturnValue:
    """Change one's own password; every other session of theirs ends, this one goes on as a new one."""
    form = request.form
    try:
        with writing() as database:
            rules = account_rules(database)
            operations.begin_sign_in(database, person().username, by=stamp(), rules=rules)
        _check_repeated(form.get("password", ""), form.get("repeated", ""))
        with writing() as database:
            user = queries.get_user(database, person().id)
            operations.change_password(
                database,
                user,
                present=form.get("present", ""),
                new=form.get("password", ""),
                by=stamp(),
                rules=rules,
            )
            operations.forget_attempts(database, user, by=stamp())
            proven_at = sessions.here().session.proven_at
            token = begin_session(database, user, by=stamp(), proven_at=proven_at)
    except (FieldError, TooManyAttemptsError) as error:
        return _again("accounts/profile.html", error)
    sessions.start(token, user)
    notice(_("Your password is changed. Everywhere else you are signed out."))
    return redirect(url_for("accounts.profile"), code=303)


@blueprint.get("/users")
@requires(Resource.ACCOUNT, Action.READ)
def users() -> str:
    """List everybody who may, or could once, sign in to this node."""
    with reading() as database:
        return render_template("accounts/users.html", users=queries.list_users(database), kinds=_kinds())


@blueprint.get("/users/new")
@requires(Resource.ACCOUNT, Action.CREATE)
def new_user() -> str:
    """Show the form for another user."""
    return render_template("accounts/new_user.html", kinds=_kinds())


@blueprint.post("/users")
@requires(Resource.ACCOUNT, Action.CREATE)
def create_user() -> ResponseReturnValue:
    """Make a user and show their one-time code, this once."""
    form = request.form
    try:
        with writing() as database:
            user, code = operations.create_user(
                database,
                username=form.get("username", ""),
                name=form.get("name", ""),
                kind=_kind(form.get("kind", "")),
                by=stamp(),
            )
    except FieldError as error:
        return _again("accounts/new_user.html", error, kinds=_kinds())
    return _show_code(user, code)


@blueprint.post("/users/<id:user_id>/code")
@requires(Resource.ACCOUNT, Action.MANAGE)
def new_code(user_id: str) -> ResponseReturnValue:
    """Make a fresh one-time code for somebody who forgot their password, and show it this once."""
    with writing() as database:
        user = queries.get_user(database, user_id)
        code = operations.issue_code(database, user, by=stamp())
    return _show_code(user, code)


@blueprint.post("/users/<id:user_id>/kind")
@requires(Resource.ACCOUNT, Action.MANAGE)
def change_kind(user_id: str) -> ResponseReturnValue:
    """Let somebody do more or less from their next sign-in on."""
    with writing() as database:
        user = queries.get_user(database, user_id)
        operations.change_kind(database, user, _kind(request.form.get("kind", "")), by=stamp())
    notice(_("%(name)s is of another kind now and has to sign in again.", name=user.name))
    return redirect(url_for("accounts.users"), code=303)


@blueprint.post("/users/<id:user_id>/disabled")
@requires(Resource.ACCOUNT, Action.MANAGE)
def disable_user(user_id: str) -> ResponseReturnValue:
    """Keep somebody out from their next request on."""
    with writing() as database:
        user = queries.get_user(database, user_id)
        operations.disable_user(database, user, by=stamp())
    notice(_("%(name)s can no longer sign in.", name=user.name))
    return redirect(url_for("accounts.users"), code=303)


@blueprint.post("/users/<id:user_id>/enabled")
@requires(Resource.ACCOUNT, Action.MANAGE)
def enable_user(user_id: str) -> ResponseReturnValue:
    """Let somebody sign in again."""
    with writing() as database:
        user = queries.get_user(database, user_id)
        operations.enable_user(database, user, by=stamp())
    notice(_("%(name)s can sign in again.", name=user.name))
    return redirect(url_for("accounts.users"), code=303)


def _show_code(user: User, code: str) -> ResponseReturnValue:
    return render_template("accounts/code.html", user=user, code=code, days=operations.CODE_LIFETIME.days)


def _again(template: str, error: BranchlineError, **values: object) -> ResponseReturnValue:
    # What was typed stays, passwords and codes excepted; the error stands at its field or above the form.
    page = render_template(template, errors=field_errors(error), values=request.form, **values)
    return page, STATUS[error.kind]


def _check_repeated(password: str, repeated: str) -> None:
    if password != repeated:
        raise PasswordsDifferError(field="repeated")


def _kinds() -> tuple[StaffKind, ...]:
    return KINDS_OF[current_app.config["BRANCHLINE_PRODUCT"]]


def _kind(text: str) -> StaffKind:
    kind = StaffKind.with_code(text)
    if kind not in _kinds():
        raise FieldError(field="kind")
    return kind
