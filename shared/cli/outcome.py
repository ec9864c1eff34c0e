"""What every command owes whoever runs it: a plain sentence, and an exit code with a meaning."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, NoReturn

import click
from sqlalchemy.exc import DatabaseError, OperationalError, ProgrammingError

from shared.cli.context import say
from shared.db.damage import NodeDamagedError, is_damaged
from shared.errors import BranchlineError
from shared.i18n import gettext, translate_error

log = logging.getLogger(__name__)

WILL_RETRY: Final = 1
NEEDS_PERSON: Final = 2


@contextmanager
def reported() -> Iterator[None]:
    """Turn an error of the block into a sentence on stderr and an exit code."""
    try:
        yield
    except BranchlineError as error:
        say(translate_error(error))
        exit_with(WILL_RETRY if error.retryable else NEEDS_PERSON)
    except OperationalError as error:
        log.warning("the database could not be used", exc_info=True)
        say(gettext("The database cannot be used now: %(detail)s", detail=error.orig))
        exit_with(WILL_RETRY)
    except ProgrammingError as error:
        log.exception("the database is not as the program expects")
        say(gettext("The database is not as this program expects: %(detail)s", detail=error.orig))
        exit_with(NEEDS_PERSON)
    except DatabaseError as error:
        if not is_damaged(error):
            raise
        log.exception("the database is damaged")
        say(translate_error(NodeDamagedError(detail=str(error.orig))))
        exit_with(NEEDS_PERSON)
    except BrokenPipeError:
        raise  # whoever read our output has left; click ends quietly
    except OSError as error:
        say(f"{error.filename}: {error.strerror}" if error.filename else str(error))
        exit_with(NEEDS_PERSON)


def exit_with(code: int) -> NoReturn:
    """End the command with an exit code."""
    click.get_current_context().exit(code)
