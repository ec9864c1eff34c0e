"""What a person may write into a log entry."""

from datetime import datetime
from typing import Any

from marshmallow import EXCLUDE, Schema, ValidationError, validates_schema

from shared.domain.form_fields import Parsed, choice, local_instant, record_id, text
from shared.domain.worklogs.vocabulary import WorkLogKind
from shared.errors import N_


def work_log_form(*, timezone: str, now: datetime) -> Schema:
    """Return the schema of an entry; its times are on the clock of `timezone`, `customer` is still a text."""

    class WorkLogForm(Schema):
        """One piece of work."""

        class Meta:
            """Other fields of the form are none of ours."""

            unknown = EXCLUDE

        manager_id = Parsed(record_id, required=True)
        kind = Parsed(choice(WorkLogKind), required=True)
        customer = Parsed(text(200))
        started_at = Parsed(local_instant(timezone), required=True)
        ended_at = Parsed(local_instant(timezone))
        place = Parsed(text(120))
        text = Parsed(text(2000, lines=True), required=True)

        @validates_schema
        def check_times(self, data: dict[str, Any], **_settings: object) -> None:
            """Work ends after it began, and is written down once it has begun."""
            started, ended = data.get("started_at"), data.get("ended_at")
            if started and ended and ended < started:
                raise ValidationError(N_("This is before the beginning."), "ended_at")
            if started and started > now:
                raise ValidationError(
                    N_("This is in the future. Write the log when the work is done."), "started_at"
                )

    return WorkLogForm()
