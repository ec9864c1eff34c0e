"""An alarm in the reader's language: what is wrong, what it is about, what to do."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from shared.alarms.models import Alarm
from shared.alarms.vocabulary import AlarmKind
from shared.errors import N_
from shared.i18n import format_instant, format_number
from shared.i18n import gettext as _
from shared.web.context import runtime

SUBJECT_WORDS: Final[Mapping[str, str]] = {
    "branch": N_("Branch"),
    "channel": N_("Channel"),
    "node": N_("This node"),
    "published": N_("Published item"),
    "receiver": N_("Receiver"),
    "record": N_("Record"),
}
NODE: Final = "node"
Links = Mapping[str, Callable[[str], str]]


@dataclass(frozen=True, slots=True)
class AlarmLine:
    """One alarm as pages show it; `url` opens what it is about, where this node has a page of it."""

    alarm: Alarm
    title: str
    about: str
    told: str
    cure: str
    url: str | None


class AlarmWords:
    """The words of the kinds an app declares; an alarm of a kind no longer declared shows its code."""

    def __init__(self, kinds: Sequence[AlarmKind], links: Links) -> None:
        """Speak for `kinds`; `links` makes the address of a subject by its type."""
        self._kinds = {kind.code: kind for kind in kinds}
        self._links = links

    def line(self, alarm: Alarm) -> AlarmLine:
        """Return one alarm in words."""
        kind = self._kinds.get(alarm.code)
        link = self._links.get(alarm.subject_type)
        return AlarmLine(
            alarm=alarm,
            title=_(kind.title_msgid) if kind else alarm.code,
            about=_about(alarm),
            told=_told(kind, alarm.details),
            cure=_(kind.cure_msgid) if kind else "",
            url=link(alarm.subject_id) if link else None,
        )


def _about(alarm: Alarm) -> str:
    word = SUBJECT_WORDS.get(alarm.subject_type)
    if alarm.subject_type == NODE and word:
        # Which part of it is a word of the program; the title says it to people.
        return _(word)
    return f"{_(word) if word else alarm.subject_type} {alarm.subject_id}".strip()


def _told(kind: AlarmKind | None, details: Mapping[str, Any]) -> str:
    """Return the details in one sentence; as they stand when the sentence wants others."""
    shown = {name: _time(value) if name.endswith("_at") else _shown(value) for name, value in details.items()}
    if reason := shown.get("reason"):
        # Often a sentence of ours.
        shown["reason"] = _(reason)
    if kind is not None and kind.words_msgid:
        try:
            return _(kind.words_msgid, **shown)
        except KeyError:
            pass
    return _(", ").join(f"{name}: {value}" for name, value in shown.items())


def _time(value: object) -> str:
    """Return the text of an instant as a page writes it; of what is none, what it is."""
    try:
        at = datetime.fromisoformat(str(value))
    except ValueError:
        return _shown(value)
    return format_instant(at, timezone=runtime().settings.timezone) if at.tzinfo else _shown(value)


def _shown(value: object) -> str:
    if isinstance(value, int) and not isinstance(value, bool):
        return format_number(value)
    if isinstance(value, list | tuple):
        return _(", ").join(map(_shown, value))
    return "–" if value is None else str(value)
