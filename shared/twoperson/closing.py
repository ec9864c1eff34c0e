"""Closing an alarm about what one person did alone: one says what was done, another administrator agrees."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy.orm import Session

from shared.alarms import operations as alarms
from shared.alarms.models import Alarm
from shared.alarms.vocabulary import TAKES_TWO
from shared.errors import N_
from shared.rights.vocabulary import Action, Resource
from shared.stamp import Stamp
from shared.twoperson.errors import ActChangedError
from shared.twoperson.models import ProposedAct
from shared.twoperson.operations import propose
from shared.twoperson.queries import find_waiting
from shared.twoperson.vocabulary import ActKind

SUBJECT: Final = "alarm"


def end_alarm(session: Session, alarm_id: str, *, note: str, by: Stamp) -> ProposedAct | None:
    """Close an alarm by hand, or ask a second person to where that takes two: then the request is returned.

    Raises as `close_alarm` does, and ActProposedError.
    """
    said = alarms.check_note(note)
    alarm = alarms.get_open_alarm(session, alarm_id)
    if not takes_two(alarm):
        alarms.close_alarm(session, alarm_id, note=said, by=by)
        return None
    return propose(session, CLOSING_KIND, (SUBJECT, alarm.id), payload=_payload(alarm), reason=said, by=by)


def takes_two(alarm: Alarm) -> bool:
    """Tell whether closing it by hand takes two people."""
    return alarm.code in TAKES_TWO


def find_closing(session: Session, alarm: Alarm, *, now: datetime) -> ProposedAct | None:
    """Return the request to close an alarm that waits for a second person, or None."""
    if not takes_two(alarm):
        return None
    found = find_waiting(session, CLOSING_KIND.name, (SUBJECT, alarm.id))
    return found if found is not None and found.is_open(now) else None


def _payload(alarm: Alarm) -> dict[str, Any]:
    """Say what is closed: raised once more, it is not what was agreed to."""
    return {"code": alarm.code, "times": alarm.times}


def _close(session: Session, act: ProposedAct, by: Stamp) -> None:
    alarm = alarms.get_open_alarm(session, act.subject_id)
    if _payload(alarm) != act.payload:
        raise ActChangedError
    alarms.close_alarm(session, alarm.id, note=act.reason, by=by, asked_by=act.proposed_by)


def _drop(_session: Session, _act: ProposedAct, _by: Stamp) -> None:
    """Leave the alarm as it stands."""


def _facts(act: ProposedAct) -> Sequence[tuple[str, object]]:
    return [(N_("Code"), act.payload["code"]), (N_("Times"), act.payload["times"])]


CLOSING_KIND: Final = ActKind(
    "alarm-closing",
    N_("Close an alarm about what one person did alone"),
    Resource.ALARM,
    Action.MANAGE,
    execute=_close,
    drop=_drop,
    facts=_facts,
)
