"""A value that only one row may have: who sees a part of the rows cannot know whether it is free, the database does."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from shared.errors import BranchlineError


@contextmanager
def refusing_taken(session: Session, column: str, refused: BranchlineError) -> Iterator[None]:
    """Write within a savepoint; raises `refused` when another row, seen or not, has the value of the unique `column`.

    What is written must be flushed within the block. Any other constraint that is broken is raised as it is.
    """
    try:
        with session.begin_nested():
            yield
    except IntegrityError as error:
        if column in str(error.orig):
            raise refused from error
        raise
