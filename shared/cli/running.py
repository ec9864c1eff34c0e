"""Running one job from the command line, and saying how it went."""

from datetime import timedelta
from typing import Final

from shared.cli.context import NodeApp, echo_json, say
from shared.cli.outcome import NEEDS_PERSON, WILL_RETRY, exit_with
from shared.db.inuse import in_use
from shared.i18n import gettext, label
from shared.jobs.execution import Execution
from shared.jobs.runner import Runner
from shared.jobs.vocabulary import RunOutcome
from shared.monitoring import logs
from shared.runtime import NodeRuntime

EXIT_CODES: Final = {
    RunOutcome.DONE: 0,
    RunOutcome.NOTHING: 0,
    RunOutcome.RETRY: WILL_RETRY,
    RunOutcome.STOPPED: WILL_RETRY,
    RunOutcome.TIMED_OUT: WILL_RETRY,
    RunOutcome.LOST: WILL_RETRY,
    RunOutcome.FAILED: NEEDS_PERSON,
}


def run_job_now(
    app: NodeApp, runtime: NodeRuntime, name: str, *, wait: timedelta, as_json: bool = False
) -> None:
    """Run one job now, tell how it went, and end the command with the exit code that says the same.

    Waits up to `wait` for a run already at work; raises JobBusyError and JobUnknownError.
    """
    logs.set_up(runtime.settings.home)
    with in_use(runtime.settings.home):
        execution = Runner(runtime, app.jobs).run_now(name, wait=wait)
    _tell_outcome(execution, as_json=as_json)


def _tell_outcome(execution: Execution, *, as_json: bool) -> None:
    outcome = execution.outcome
    kind = outcome.kind if outcome else RunOutcome.RETRY
    counts = dict(outcome.counts) if outcome else {}
    message = outcome.message if outcome else ""
    if as_json:
        document = {"job": execution.job.name, "outcome": kind.value, "counts": counts, "message": message}
        echo_json(document | {"error": execution.error})
    numbers = ", ".join(f"{name} {count}" for name, count in counts.items())
    parts = [f"{execution.job.name}: {label(kind)}", numbers, gettext(message), execution.error]
    say(" · ".join(part for part in parts if part))
    exit_with(EXIT_CODES[kind])
