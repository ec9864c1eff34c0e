"""What a field was and became, as one person may read it: sealed values are opened for those who see the data."""

from typing import Any, Final

from sqlalchemy.orm import Session

from shared.audit.models import AuditEntry
from shared.audit.sealing import read_sealed
from shared.i18n import gettext as _
from shared.rights import policy
from shared.rights.vocabulary import Action, Resource
from shared.web.context import person, rights_of, runtime
from shared.web.oplog import words
from shared.web.oplog.names import detail_word, field_word
from shared.web.oplog.queries import changes_of, pair_of
from shared.web.oplog.sight import LogSight

# Records that are seen by a right of another name.
SEEN_AS: Final = {"user": "account"}


class Values:
    """Reads the values of entries in one session; remembers of which entries personal values were opened."""

    def __init__(self, session: Session, sight: LogSight) -> None:
        """Read as whoever is signed in, and sees the log so."""
        self._session = session
        self._masked = sight.masked
        self._zone = runtime().settings.timezone
        self._opened: dict[str, dict[str, list[Any]] | None] = {}

    @property
    def opened(self) -> list[str]:
        """The ids of entries whose personal values were shown."""
        return [entry_id for entry_id, found in self._opened.items() if found]

    def pair(self, entry: AuditEntry, field: str) -> tuple[str, str]:
        """Return before and after of one field in words."""
        told = changes_of(entry).get(field)
        if self._masked or (not isinstance(told, list) and not _sees_data(entry)):
            return words.MASK, words.MASK
        if isinstance(told, list):
            before, after = pair_of(entry, field)
            return self._word(entry, field, before), self._word(entry, field, after)
        found = self._unsealed(entry)
        if found is None or field not in found:
            return _("erased"), _("erased")
        return self._word(entry, field, found[field][0]), self._word(entry, field, found[field][1])

    def fields(self, entry: AuditEntry) -> list[tuple[str, str, str, str]]:
        """Return (label, before, after, address of the field's story) of each changed field."""
        about = entry.subject_type or "-", entry.subject_id or "-"
        return [
            (field_word(field), *self.pair(entry, field), words.field_url(*about, field))
            for field in changes_of(entry)
        ]

    def details(self, entry: AuditEntry) -> list[tuple[str, str]]:
        """Return what else an entry says, in words."""
        return [
            (detail_word(name), words.value_word("", value, timezone=self._zone))
            for name, value in entry.details.items()
            if name != "changed"
        ]

    def _word(self, entry: AuditEntry, field: str, value: Any) -> str:  # noqa: ANN401 - any JSON value
        return words.value_word(field, value, timezone=self._zone, kind=entry.subject_type or "")

    def _unsealed(self, entry: AuditEntry) -> dict[str, list[Any]] | None:
        if entry.id not in self._opened:
            self._opened[entry.id] = read_sealed(self._session, entry)
        return self._opened[entry.id]


def _sees_data(entry: AuditEntry) -> bool:
    """Whether this person sees the personal data of such records unmasked; own acts tell them nothing new."""
    about = (entry.subject_type or "").replace("-", "_")
    resource = Resource.with_code(SEEN_AS.get(about, about))
    if resource is None:
        return False
    found = policy.allowed(rights_of(person()), resource, Action.READ)
    return found is not None and not found.masked
