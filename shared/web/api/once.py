"""Doing a request once, however often a program sends it."""

import hashlib
import hmac
import json
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Final

from flask import Response, request
from sqlalchemy import delete
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from shared.auth.models import AnsweredRequest
from shared.errors import N_, BranchlineError, Kind
from shared.web.context import person, runtime, stamp

HEADER: Final = "Idempotency-Key"
REPLAYED: Final = "Idempotency-Replayed"
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


def once(
    session: Session,
    do: Callable[[], str],
    show: Callable[[str], Response],
    *,
    sent: Sequence[str] | None = None,
) -> Response:
    """Do it and show what came of it; with a key that was sent before, only show that, as it is now.

    `do` returns under which id it is found. `sent` is what the request says, where that is not its body as it came: a
    form's parts are cut at another mark each time. The key is taken before anything is done, in the transaction of the
    act: both stand or neither, and a twin waits at the key until the first one is done or has failed.
    Raises KeyUsedError and KeyTooLongError.
    """
    key = request.headers.get(HEADER)
    if key is None:
        return show(do())
    if not 0 < len(key.strip()) <= LONGEST:
        raise KeyTooLongError(most=LONGEST)
    name, asked = _digest(person().id, key.strip()), _asked(sent)
    if not _take(session, name, asked):
        before = session.get_one(AnsweredRequest, name)
        if before.asked != asked:
            raise KeyUsedError
        answer = show(before.found_at)
        answer.status_code = before.status or answer.status_code
        answer.headers[REPLAYED] = "true"
        return answer
    found_at = do()
    answer = show(found_at)
    taken = session.get_one(AnsweredRequest, name)
    taken.found_at, taken.status = found_at, answer.status_code
    session.flush()
    return answer


def forget_answered(session: Session, *, before: datetime) -> int:
    """Forget requests that nobody repeats any more; returns how many."""
    gone = session.execute(delete(AnsweredRequest).where(AnsweredRequest.at < before))
    return int(gone.rowcount)  # type: ignore[attr-defined]


def _take(session: Session, name: str, asked: str) -> bool:
    """Write the key down; False when it was there, also one that another request was just writing."""
    insert = postgresql.insert if session.get_bind().dialect.name == "postgresql" else sqlite.insert
    new = insert(AnsweredRequest).values(key=name, asked=asked, status=0, found_at="", at=stamp().at)
    return session.scalar(new.on_conflict_do_nothing().returning(AnsweredRequest.key)) is not None


def _asked(sent: Sequence[str] | None) -> str:
    said = request.get_data(cache=True, as_text=True) if sent is None else json.dumps(sent)
    return _digest(request.method, request.full_path, said)


def _digest(*parts: str) -> str:
    # Keyed: a body is about people, and a plain digest of little can be guessed.
    secret = runtime().settings.secret_key.encode()
    return hmac.new(secret, "\0".join(parts).encode(errors="replace"), hashlib.sha256).hexdigest()
