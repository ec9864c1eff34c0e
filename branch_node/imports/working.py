"""Working on an upload while its page waits, as far as a moment goes."""

import time
from contextlib import suppress
from typing import Final

from flask import redirect, url_for
from flask.typing import ResponseReturnValue

from branch_node.imports import wizard
from branch_node.imports.operations import TakenOverError
from shared.errors import BranchlineError
from shared.i18n import translate_error
from shared.web.context import runtime, stamp, writing
from shared.web.forms import notice

# A small file is done before the page is back; a large one goes on in the job runner.
AT_ONCE_S: Final = 2.0


def work_a_while(import_id: str) -> ResponseReturnValue:
    """Work for a moment, so that a small file is finished when the page is back."""
    try:
        work_briefly(import_id)
    except BranchlineError as error:
        notice(translate_error(error), kind="problem")
    return redirect(url_for("imports.show", import_id=import_id), code=303)


def work_briefly(import_id: str) -> None:
    """Go on with an upload for a moment; the job runner does the rest. Raises what keeps the file from being read."""
    until = time.monotonic() + AT_ONCE_S
    with suppress(TakenOverError):  # the job runner has it
        wizard.work_on(runtime(), import_id, stamp(), begin=writing, budget=lambda: time.monotonic() < until)
