"""The second step of signing in: a code from an authenticator (TOTP, RFC 6238), each used once, or a recovery code.

As with passwords, a try is counted in a transaction of its own before the code is looked at.
"""

import base64
import secrets
from datetime import datetime
from typing import Final

import pyotp
from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session

from shared.audit import operations as audit
from shared.auth import passwords
from shared.auth.errors import (
    OwnSecondStepError,
    SecondStepNotBegunError,
    SecondStepPresentError,
    SecretRefusedError,
    StepCodeRefusedError,
)
from shared.auth.models import RecoveryCode, SecondStep, User
from shared.auth.rules import HALF_WAY, AccountRules
from shared.auth.sealing import Seal
from shared.auth.sessions import end_sessions
from shared.auth.signin import count_try, forget_tries, known_as
from shared.auth.throttle import second_step_keys
from shared.rights.vocabulary import Duty, StaffKind
from shared.stamp import Stamp, Via

STEP_S: Final = 30
LEAST_BITS: Final = 80
# A telephone's clock may be one step behind or ahead.
DRIFT: Final = 1
DIGITS: Final = 6
RECOVERY_CODES: Final = 10
RECOVERY_GROUPS: Final = 4
RECOVERY_GROUP_LENGTH: Final = 4  # 16 characters of 5 bits: 80 bits, tried slowly or against a digest
ISSUER: Final = "Branchline"
KEY: Final = "second-step.key"


def new_secret() -> str:
    """Return a fresh key for an authenticator: 160 bits, as RFC 4226 recommends."""
    return pyotp.random_base32()


def is_required(user: User, rules: AccountRules) -> bool:
    """Tell whether this person must have a second step: administrators, log auditors, and whom head office names."""
    fixed = user.kind is StaffKind.ADMINISTRATOR or Duty.LOG_AUDITOR.value in user.duties
    return fixed or user.kind.value in rules.second_step_kinds


def is_needed(user: User, step: SecondStep | None, rules: AccountRules) -> bool:
    """Tell whether the password alone does not let this person in."""
    return (step is not None and step.enrolled) or is_required(user, rules)


def begin_enrolment(session: Session, user: User, *, seal: Seal, by: Stamp, secret: str | None = None) -> str:
    """Make a fresh secret for somebody's authenticator; it counts when a first code has confirmed it.

    Raises SecondStepPresentError for somebody who has a second step.
    """
    present = session.get(SecondStep, user.id, with_for_update=True)
    if present is not None and present.enrolled:
        raise SecondStepPresentError
    made = secret or new_secret()
    step = present or SecondStep(user_id=user.id)
    step.sealed = seal.close(made, about=user.id)
    step.begun_at, step.last_step = by.at, 0
    session.add(step)
    return made


def confirm_enrolment(session: Session, user: User, code: str, *, seal: Seal, by: Stamp) -> list[str]:
    """Take the second step into use by its first code and return the recovery codes, to be shown this once.

    Raises SecondStepNotBegunError, SecondStepPresentError and StepCodeRefusedError.
    """
    step = session.get(SecondStep, user.id, with_for_update=True)
    if step is not None and step.enrolled:
        raise SecondStepPresentError
    if step is None or not is_begun(step, by.at):
        raise SecondStepNotBegunError
    if not _take_code(step, code, seal, by.at):
        raise StepCodeRefusedError(field="code")
    step.confirmed_at = by.at
    forget_tries(session, second_step_keys(user.id, by.terminal))
    audit.record(session, "user.second-step-enrolled", subject=("user", user.id), by=by)
    return new_recovery_codes(session, user, by=by)


def is_begun(step: SecondStep, at: datetime) -> bool:
    """Tell whether a second step is being set up: a secret that nobody has confirmed for a while is shown to nobody."""
    return not step.enrolled and at - step.begun_at <= HALF_WAY


def enrol_at_once(session: Session, user: User, secret: str, *, seal: Seal, by: Stamp) -> None:
    """Give somebody a second step whose secret they have already; for whoever sets up a node by commands.

    Raises SecondStepPresentError and SecretRefusedError.
    """
    _check_secret(secret)
    begin_enrolment(session, user, seal=seal, by=by, secret=secret)
    session.flush()
    step = session.get_one(SecondStep, user.id)
    step.confirmed_at = by.at
    audit.record(session, "user.second-step-enrolled", subject=("user", user.id), by=by)


def count_code_try(session: Session, user: User, *, by: Stamp) -> None:
    """Count one try of a code; raises TooManyAttemptsError while this person must wait."""
    count_try(session, second_step_keys(user.id, by.terminal), by, user_id=user.id)


def prove(session: Session, user: User, code: str, *, seal: Seal, by: Stamp) -> bool:
    """Tell whether the code is right, and use it up; the answer is logged.

    A code of the authenticator counts once within its step and one step around; a recovery code once ever.
    """
    step = session.get(SecondStep, user.id, with_for_update=True)
    if step is None or not step.enrolled:
        return False
    subject = ("user", user.id)
    if _take_code(step, code, seal, by.at):
        audit.record(session, "second-step.accepted", subject=subject, by=known_as(user, by))
    elif _take_recovery_code(session, user, code, by.at):
        left = count_recovery_codes(session, user)
        audit.record(
            session,
            "second-step.recovery-code-accepted",
            subject=subject,
            by=known_as(user, by),
            details={"codes_left": left},
        )
    else:
        audit.record(session, "second-step.refused", subject=subject, by=by)
        return False
    forget_tries(session, second_step_keys(user.id, by.terminal))
    return True


def new_recovery_codes(session: Session, user: User, *, by: Stamp) -> list[str]:
    """Replace a person's recovery codes by ten fresh ones and return them, to be shown this once."""
    session.execute(delete(RecoveryCode).where(RecoveryCode.user_id == user.id))
    codes = [_new_recovery_code() for _ in range(RECOVERY_CODES)]
    session.add_all(RecoveryCode(user_id=user.id, digest=passwords.hash_code(code)) for code in codes)
    audit.record(session, "user.recovery-codes-made", subject=("user", user.id), by=by)
    return codes


def count_recovery_codes(session: Session, user: User) -> int:
    """Return how many recovery codes a person has left."""
    unused = select(func.count()).where(RecoveryCode.user_id == user.id, RecoveryCode.used_at.is_(None))
    return session.scalars(unused).one()


def reset(session: Session, user: User, *, by: Stamp) -> None:
    """Take away the second step of somebody who lost their authenticator, and end their sessions.

    Raises OwnSecondStepError for one's own: who has only the password must not get rid of the other half by it.
    """
    # At the machine's own terminal `by` names an account of the machine, which may be called the same.
    if by.via is not Via.COMMAND and (by.actor_id == user.id or by.actor == user.username):
        raise OwnSecondStepError
    _forget(session, user)
    end_sessions(session, user)
    audit.record(session, "user.second-step-reset", subject=("user", user.id), by=by)


def give_up(session: Session, user: User, *, by: Stamp) -> None:
    """Take away one's own second step, which was proven just now; who needs one is asked to enrol again."""
    _forget(session, user)
    audit.record(session, "user.second-step-given-up", subject=("user", user.id), by=by)


def uri_of(user: User, secret: str, *, node: str) -> str:
    """Return the otpauth: address that an authenticator reads from the picture."""
    return pyotp.TOTP(secret, digits=DIGITS, interval=STEP_S).provisioning_uri(
        name=f"{user.username}@{node}" if node else user.username, issuer_name=ISSUER
    )


def secret_of(step: SecondStep, seal: Seal) -> str:
    """Return the secret behind a second step."""
    return seal.open(step.sealed, about=step.user_id)


def _check_secret(secret: str) -> None:
    try:
        bits = len(base64.b32decode(secret + "=" * (-len(secret) % 8))) * 8
    except ValueError:
        bits = 0
    if bits < LEAST_BITS:
        raise SecretRefusedError


def _take_code(step: SecondStep, code: str, seal: Seal, at: datetime) -> bool:
    plain = "".join(code.split())
    if len(plain) != DIGITS or not plain.isascii() or not plain.isdigit():
        return False
    totp = pyotp.TOTP(secret_of(step, seal), digits=DIGITS, interval=STEP_S)
    now = int(at.timestamp()) // STEP_S
    for number in range(max(now - DRIFT, step.last_step + 1), now + DRIFT + 1):
        if secrets.compare_digest(totp.generate_otp(number), plain):
            step.last_step = number
            return True
    return False


def _take_recovery_code(session: Session, user: User, code: str, at: datetime) -> bool:
    used = session.execute(
        update(RecoveryCode)
        .where(
            RecoveryCode.user_id == user.id,
            RecoveryCode.digest == passwords.hash_code(code),
            RecoveryCode.used_at.is_(None),
        )
        .values(used_at=at)
    )
    return bool(used.rowcount)  # type: ignore[attr-defined]


def _new_recovery_code() -> str:
    signs = passwords.CODE_ALPHABET
    return "-".join(
        "".join(secrets.choice(signs) for _ in range(RECOVERY_GROUP_LENGTH)) for _ in range(RECOVERY_GROUPS)
    )


def _forget(session: Session, user: User) -> None:
    session.execute(delete(RecoveryCode).where(RecoveryCode.user_id == user.id))
    session.execute(delete(SecondStep).where(SecondStep.user_id == user.id))
    session.expire_all()
