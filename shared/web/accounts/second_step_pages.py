"""The second step of signing in: setting it up, proving it, recovery codes, and its reset by another administrator."""

import io

import segno
from flask import Blueprint, Response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from shared.auth import operations, queries, second_step
from shared.auth.errors import (
    SecondStepNotBegunError,
    SignInRequiredError,
    StepCodeRefusedError,
    TooManyAttemptsError,
    WrongPasswordError,
)
from shared.auth.models import SecondStep
from shared.auth.rules import FRESH
from shared.auth.sealing import Seal
from shared.auth.sessions import OpenSession, prove_session
from shared.errors import BranchlineError
from shared.i18n import gettext as _
from shared.rights.vocabulary import Action, Resource
from shared.web import sessions
from shared.web.access import public, requires
from shared.web.accounts.going_on import next_page
from shared.web.context import reading, runtime, stamp, viewer, writing
from shared.web.errors import STATUS
from shared.web.forms import field_errors, notice

blueprint = Blueprint("second_step", __name__, template_folder="templates", url_prefix="/account/second-step")


@blueprint.get("")
@public
def ask() -> ResponseReturnValue:
    """Ask for the code of the authenticator, or lead through setting one up."""
    return _show(_who())


@blueprint.post("")
@public
def prove() -> ResponseReturnValue:
    """Let in who has the authenticator too, in a session with a new token; each try is counted first."""
    who = _who()
    try:
        with writing(on_reserve=True) as database:
            second_step.count_code_try(database, who.user, by=stamp())
        with writing(on_reserve=True) as database:
            code = request.form.get("code", "")
            proven = second_step.prove(database, who.user, code, seal=_seal(), by=stamp())
            token = prove_session(database, who.session.id, by=stamp()) if proven else ""
    except TooManyAttemptsError as error:
        return _show(who, error)
    if not proven:
        return _show(who, StepCodeRefusedError(field="code"))
    sessions.renew(token)
    return redirect(next_page(), code=303)


@blueprint.post("/setup")
@public
def begin() -> ResponseReturnValue:
    """Make a secret for this person's authenticator, shown until a first code has confirmed it.

    Whoever signed in a while ago shows that they are still there: the authenticator opens what the password alone
    does not, so a terminal that somebody left open is not enough to have one.
    """
    who = _who()
    try:
        _check_present(who)
    except (WrongPasswordError, TooManyAttemptsError) as error:
        return _show(who, error)
    with writing(on_reserve=True) as database:
        second_step.begin_enrolment(database, who.user, seal=_seal(), by=stamp())
    return redirect(url_for("second_step.ask", next=request.form.get("next", "")), code=303)


@blueprint.get("/picture.svg")
@public
def picture() -> Response:
    """Draw the secret for the authenticator's camera, only while it is being set up."""
    who = _who()
    step = _step(who)
    if step is None or not second_step.is_begun(step, stamp().at):
        raise SecondStepNotBegunError
    secret = second_step.secret_of(step, _seal())
    out = io.BytesIO()
    code = segno.make(second_step.uri_of(who.user, secret, node=request.host.partition(":")[0]))
    code.save(out, kind="svg", scale=5, border=3, light="#fff", xmldecl=False, svgclass=None, lineclass=None)
    return Response(out.getvalue(), content_type="image/svg+xml")


@blueprint.post("/setup/confirmation")
@public
def confirm() -> ResponseReturnValue:
    """Take the second step into use by its first code, and show the recovery codes, this once."""
    who = _who()
    try:
        with writing(on_reserve=True) as database:
            second_step.count_code_try(database, who.user, by=stamp())
        with writing(on_reserve=True) as database:
            code = request.form.get("code", "")
            codes = second_step.confirm_enrolment(database, who.user, code, seal=_seal(), by=stamp())
            token = prove_session(database, who.session.id, by=stamp())
    except (StepCodeRefusedError, SecondStepNotBegunError, TooManyAttemptsError) as error:
        return _show(who, error)
    sessions.renew(token)
    return render_template("accounts/recovery_codes.html", codes=codes, next=next_page())


@blueprint.post("/leaving")
@public
def leave() -> ResponseReturnValue:
    """Begin again as somebody else."""
    _who()
    sessions.sign_out()
    return redirect(url_for("accounts.sign_in"), code=303)


@blueprint.post("/recovery-codes")
@requires(Resource.OWN_ACCOUNT, Action.UPDATE)
def recovery_codes() -> ResponseReturnValue:
    """Replace one's recovery codes; asks for the second step first."""
    sessions.check_fresh()
    with writing() as database:
        codes = second_step.new_recovery_codes(database, sessions.here().user, by=stamp())
    return render_template("accounts/recovery_codes.html", codes=codes, next=url_for("accounts.profile"))


@blueprint.post("/removal")
@requires(Resource.OWN_ACCOUNT, Action.UPDATE)
def remove() -> ResponseReturnValue:
    """Take away one's own second step, as for another telephone; asks for it first."""
    sessions.check_fresh()
    with writing() as database:
        second_step.give_up(database, sessions.here().user, by=stamp())
    return redirect(url_for("second_step.ask", next=url_for("accounts.profile")), code=303)


@blueprint.post("/of/<id:user_id>/reset")
@requires(Resource.ACCOUNT, Action.MANAGE)
def reset(user_id: str) -> ResponseReturnValue:
    """Take away the second step of somebody who lost their authenticator; never one's own."""
    with writing() as database:
        user = queries.get_user(database, user_id)
        second_step.reset(database, user, by=stamp())
    notice(
        _("The second step of %(name)s is reset; they set it up again at their next sign-in.", name=user.name)
    )
    return redirect(next_page(), code=303)


def _who() -> OpenSession:
    found = sessions.here() if viewer() is not None else sessions.half()
    if found is None:
        raise SignInRequiredError
    return found


def _asks_password(who: OpenSession) -> bool:
    return stamp().at - who.session.began_at > FRESH


def _check_present(who: OpenSession) -> None:
    """Compare the password of somebody who has to show it; each try is counted first, and a wrong one logged."""
    if not _asks_password(who):
        return
    with writing(on_reserve=True) as database:
        rules = sessions.account_rules(database)
        attempt = operations.begin_sign_in(database, who.user.username, by=stamp(), rules=rules)
    right = attempt.check(request.form.get("present", ""))
    with writing(on_reserve=True) as database:
        if right:
            operations.forget_attempts(database, who.user, by=stamp())
        else:
            operations.note_code_refused(database, who.user.username, by=stamp())
    if not right:
        raise WrongPasswordError(field="present")


def _step(who: OpenSession) -> SecondStep | None:
    with reading() as database:
        return database.get(SecondStep, who.user.id)


def _show(who: OpenSession, error: BranchlineError | None = None) -> ResponseReturnValue:
    step = _step(who)
    begun = step is not None and second_step.is_begun(step, stamp().at)
    secret = second_step.secret_of(step, _seal()) if step is not None and begun else ""
    page = render_template(
        "accounts/second_step.html",
        who=who.user,
        enrolled=step is not None and step.enrolled,
        secret=" ".join(secret[at : at + 4] for at in range(0, len(secret), 4)),
        half=viewer() is None,
        asks_password=_asks_password(who),
        next=request.values.get("next", ""),
        errors=field_errors(error) if error else {},
    )
    return page, STATUS[error.kind] if error else 200


def _seal() -> Seal:
    return Seal(runtime().settings.home.ensure_key(second_step.KEY))
