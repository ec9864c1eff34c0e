"""Running one job from the command line, and saying how it went."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any, Final

from shared.cli.context import NodeApp, echo_json, say
from shared.cli.outcome import NEEDS_PERSON, WILL_RETRY, exit_with
from shared.db.damage import check_whole
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
    app: NodeApp,
    runtime: NodeRuntime,
    name: str,
    *,
    wait: timedelta,
    as_json: bool = False,
    then: Sequence[str] = (),
) -> None:
    """Run one job now, tell how it went, and end the command with the exit code that says the same.

    `then` names jobs to run after it, however it went; the code is that of the worst. Waits up to `wait` for a run
    already at work; raises JobBusyError, JobUnknownError and NodeDamagedError.
    """
    logs.set_up(runtime.settings.home)
    check_whole(runtime.database)
    if app.before_use is not None:
        app.before_use(runtime)
    with in_use(runtime.settings.home):
        runner = Runner(runtime, app.jobs)
        executions = [runner.run_now(one, wait=wait) for one in (name, *then)]
    if as_json:
        first, *others = map(_document, executions)
        echo_json(first | ({"others": others} if others else {}))
    for execution in executions:
        _tell_outcome(execution)
    exit_with(max(EXIT_CODES[_kind(execution)] for execution in executions))


def _kind(execution: Execution) -> RunOutcome:
    return execution.outcome.kind if execution.outcome else RunOutcome.RETRY


def _document(execution: Execution) -> dict[str, Any]:
    outcome = execution.outcome
    return {
        "job": execution.job.name,
        "outcome": _kind(execution).value,
        "counts": dict(outcome.counts) if outcome else {},
        "message": outcome.message if outcome else "",
        "error": execution.error,
    }


def _tell_outcome(execution: Execution) -> None:
    counts = dict(execution.outcome.counts) if execution.outcome else {}
    message = execution.outcome.message if execution.outcome else ""
    numbers = ", ".join(f"{name} {count}" for name, count in counts.items())
    parts = [f"{execution.job.name}: {label(_kind(execution))}", numbers, gettext(message), execution.error]
    say(" · ".join(part for part in parts if part))
