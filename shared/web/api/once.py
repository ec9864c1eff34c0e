"""Doing a request once, however often a program sends it."""

import hashlib
import hmac
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

from flask import Response, request
from sqlalchemy import delete
from sqlalchemy.orm import Session

from shared.auth.models import AnsweredRequest
from shared.errors import N_, BranchlineError, Kind
from shared.web.context import person, runtime, stamp

HEADER: Final = "Idempotency-Key"
LONGEST: Final = 100
KEPT: Final = timedelta(days=7)


class KeyUsedError(BranchlineError):
    """Another request had this key; nothing was done."""

    code = "idempotency-key-used"
    kind = Kind.CONFLICT
    message = N_("This Idempotency-Key was sent with another request. Give every request a key of its own.")


class KeyTooLongError(BranchlineError):
    """The key is no key."""

    code = "idempotency-key"
    message = N_("An Idempotency-Key has 1 to %(most)s characters.")


def once(session: Session, do: Callable[[], str], show: Callable[[str], Response]) -> Response:
    """Do it and show what came of it; with a key that was sent before, only show that, as it is now.

    `do` returns under which id it is found. The key is kept in the transaction of the act: both stand or neither.
    Raises KeyUsedError and KeyTooLongError.
    """
    key = request.headers.get(HEADER)
    if key is None:
        return show(do())
    if not 0 < len(key.strip()) <= LONGEST:
        raise KeyTooLongError(most=LONGEST)
    name, asked = _digest(person().id, key.strip()), _asked()
    before = session.get(AnsweredRequest, name)
    if before is not None:
        if before.asked != asked:
            raise KeyUsedError
        answer = show(before.found_at)
        answer.headers["Idempotency-Replayed"] = "true"
        return answer
    found_at = do()
    answer = show(found_at)
    session.add(
        AnsweredRequest(key=name, asked=asked, status=answer.status_code, found_at=found_at, at=stamp().at)
    )
    session.flush()
    return answer


def forget_answered(session: Session, *, before: datetime) -> int:
    """Forget requests that nobody repeats any more; returns how many."""
    gone = session.execute(delete(AnsweredRequest).where(AnsweredRequest.at < before))
    return int(gone.rowcount)  # type: ignore[attr-defined]


def _asked() -> str:
    return _digest(request.method, request.full_path, request.get_data(cache=True, as_text=True))


def _digest(*parts: str) -> str:
    # Keyed: a body is about people, and a plain digest of little can be guessed.
    secret = runtime().settings.secret_key.encode()
    return hmac.new(secret, "\0".join(parts).encode(errors="replace"), hashlib.sha256).hexdigest()
