"""Letting people in and out: users, passwords, one-time codes."""

from datetime import timedelta
from typing import Final

from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from shared.audit import operations as audit
from shared.auth import passwords, queries
from shared.auth.errors import (
    LastAdministratorError,
    PersonNameError,
    UsernameError,
    UsernameTakenError,
    WrongPasswordError,
)
from shared.auth.granting import check_not_oneself
from shared.auth.models import NAME_LENGTH, USERNAME_LENGTH, User
from shared.auth.queries import list_users
from shared.auth.rules import USUAL, AccountRules
from shared.auth.sessions import end_sessions
from shared.auth.signin import (
    SignInAttempt,
    begin_sign_in,
    forget_attempts,
    forget_throttle,
    note_code_refused,
    redeem_code,
    verify_sign_in,
)
from shared.auth.tokens import revoke_all
from shared.i18n import LANGUAGES
from shared.rights.ranges import sight_of
from shared.rights.vocabulary import DataRange, StaffKind
from shared.stamp import Stamp

CODE_LIFETIME: Final = timedelta(days=3)
SHORTEST_USERNAME: Final = 2
USERNAME_SIGNS: Final = frozenset("._-@")


def create_user(
    session: Session,
    *,
    username: str,
    name: str,
    kind: StaffKind,
    by: Stamp,
    manager_id: str | None = None,
    data_range: DataRange = DataRange.NONE,
) -> tuple[User, str]:
    """Make a user who has no password yet, and the one-time code that lets them choose one.

    The code is shown once and only its digest is kept. Without a `data_range` they see nothing of the business until
    somebody of the business grants one. Raises UsernameError, UsernameTakenError
    and PersonNameError.
    """
    folded = _check_username(username)
    seen = sight_of(session)
    user = User(
        username=folded,
        name=_check_name(name),
        kind=kind,
        duties=[],
        data_range=data_range,
        # Whoever is limited to some branches makes accounts for those; they would not find another again.
        branches=list(seen.branches) if seen is not None and seen.branches is not None else None,
        manager_id=manager_id,
        created_at=by.at,
        created_by=by.actor,
    )
    try:
        with session.begin_nested():
            session.add(user)
    except IntegrityError:
        raise UsernameTakenError(field="username", username=folded) from None
    audit.record(
        session,
        "user.created",
        subject=("user", user.id),
        by=by,
        details={"username": folded, "kind": kind, "data_range": data_range},
    )
    return user, issue_code(session, user, by=by)


def issue_code(session: Session, user: User, *, by: Stamp) -> str:
    """Return a fresh one-time code for a first or forgotten password; an older code stops working.

    The password the user has keeps working until the code is used.
    """
    code = passwords.new_code()
    user.code_hash = passwords.hash_code(code)
    user.code_expires_at = by.at + CODE_LIFETIME
    audit.record(session, "user.code-issued", subject=("user", user.id), by=by)
    return code


def set_password(
    session: Session, user: User, password: str, *, by: Stamp, rules: AccountRules = USUAL
) -> None:
    """Give the user a new password, sign them out everywhere and end their interfaces; raises WeakPasswordError."""
    checked = passwords.check_password(password, username=user.username, shortest=rules.password_shortest)
    user.password_hash = passwords.hash_password(checked)
    user.code_hash = user.code_expires_at = None
    end_sessions(session, user)
    revoke_all(session, user, by=by)
    audit.record(session, "user.password-set", subject=("user", user.id), by=by)


def change_password(
    session: Session, user: User, *, present: str, new: str, by: Stamp, rules: AccountRules = USUAL
) -> None:
    """Let people change their own password by proving the present one; every session of theirs ends.

    Raises WrongPasswordError and WeakPasswordError.
    """
    if not passwords.password_matches(user.password_hash, present):
        raise WrongPasswordError(field="present")
    set_password(session, user, new, by=by, rules=rules)


def change_kind(session: Session, user: User, kind: StaffKind, *, by: Stamp) -> None:
    """Make a user one of another kind; duties and data range end with the old one, and so do their sessions.

    Raises OwnRightsError and LastAdministratorError.
    """
    if user.kind is kind:
        return
    check_not_oneself(user, by)
    _keep_an_administrator(session, user)
    audit.record(
        session,
        "user.kind-changed",
        subject=("user", user.id),
        by=by,
        details={"from": user.kind, "to": kind},
    )
    user.kind = kind
    # The branches stay: a limit is lifted by who grants rights, never by the way.
    user.duties, user.data_range = [], DataRange.NONE
    end_sessions(session, user)
    revoke_all(session, user, by=by)


def disable_user(session: Session, user: User, *, by: Stamp) -> None:
    """Let the user do nothing from the next request on; raises LastAdministratorError."""
    if user.disabled_at is not None:
        return
    _keep_an_administrator(session, user)
    user.disabled_at = by.at
    user.code_hash = user.code_expires_at = None
    end_sessions(session, user)
    revoke_all(session, user, by=by)
    audit.record(session, "user.disabled", subject=("user", user.id), by=by)


def enable_user(session: Session, user: User, *, by: Stamp) -> None:
    """Let a disabled user sign in again with the password they had."""
    if user.disabled_at is None:
        return
    user.disabled_at = None
    audit.record(session, "user.enabled", subject=("user", user.id), by=by)


def choose_language(user: User, language: str) -> None:
    """Remember in which language the user reads; one we do not speak is ignored."""
    if language in LANGUAGES:
        user.language = language


def choose_manager(session: Session, user: User, manager_id: str | None, *, by: Stamp) -> None:
    """Say which account manager the user is, or that they are none; their own pages follow from it."""
    if user.manager_id == manager_id:
        return
    user.manager_id = manager_id
    audit.record(
        session, "user.manager_chosen", subject=("user", user.id), by=by, details={"manager_id": manager_id}
    )


def _check_username(username: str) -> str:
    folded = queries.fold_username(username)
    plain = all(char.isalnum() or char in USERNAME_SIGNS for char in folded)
    fits = SHORTEST_USERNAME <= len(folded) <= USERNAME_LENGTH
    if not fits or not plain or not (folded[0].isalnum() and folded[-1].isalnum()):
        raise UsernameError(field="username")
    return folded


def _check_name(name: str) -> str:
    plain = " ".join(name.split())
    if not 0 < len(plain) <= NAME_LENGTH:
        raise PersonNameError(field="name")
    return plain


def _keep_an_administrator(session: Session, user: User) -> None:
    if user.kind is StaffKind.ADMINISTRATOR and user.enabled and queries.count_administrators(session) <= 1:
        raise LastAdministratorError


__all__ = [
    "CODE_LIFETIME",
    "SignInAttempt",
    "begin_sign_in",
    "change_kind",
    "change_password",
    "choose_language",
    "choose_manager",
    "create_user",
    "disable_user",
    "enable_user",
    "forget_attempts",
    "forget_throttle",
    "issue_code",
    "list_users",
    "note_code_refused",
    "redeem_code",
    "set_password",
    "verify_sign_in",
]
