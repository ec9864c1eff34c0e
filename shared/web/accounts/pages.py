"""Signing in and out, and one's own profile."""

from flask import Blueprint, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue

from shared.auth import operations, queries
from shared.auth.errors import CodeRefusedError, SignInRefusedError, TooManyAttemptsError
from shared.auth.second_step import count_recovery_codes
from shared.auth.sessions import begin_session, list_sessions
from shared.errors import N_, BranchlineError, FieldError
from shared.i18n import LANGUAGES
from shared.i18n import gettext as _
from shared.rights.vocabulary import Action, Resource
from shared.web import sessions
from shared.web.access import public, requires
from shared.web.accounts.going_on import next_page
from shared.web.accounts.rights_pages import own_rights
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
        if isinstance(error, CodeRefusedError):
            with writing(on_reserve=True) as database:
                operations.note_code_refused(database, form.get("username", ""), by=stamp())
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
    answer = redirect(url_for("accounts.sign_in"), code=303)
    answer.headers["Clear-Site-Data"] = '"storage"'  # pages are kept by no cache, and cookies are ended above
    return answer


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
    """Show people what is known of them, and let them change their password and their second step."""
    return render_template("accounts/profile.html", **_own())


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
        return _again("accounts/profile.html", error, **_own())
    sessions.start(token, user)
    notice(_("Your password is changed. Everywhere else you are signed out."))
    return redirect(url_for("accounts.profile"), code=303)


def _own() -> dict[str, object]:
    with reading() as database:
        open_ = list_sessions(database, person(), rules=account_rules(database), now=stamp().at)
        left = count_recovery_codes(database, person())
    return {
        "open_sessions": len(open_),
        "step": sessions.here().second_step,
        "codes_left": left,
        "own_rights": own_rights(person()),
    }


def _again(template: str, error: BranchlineError, **values: object) -> ResponseReturnValue:
    # What was typed stays, passwords and codes excepted; the error stands at its field or above the form.
    page = render_template(template, errors=field_errors(error), values=request.form, **values)
    return page, STATUS[error.kind]


def _check_repeated(password: str, repeated: str) -> None:
    if password != repeated:
        raise PasswordsDifferError(field="repeated")
