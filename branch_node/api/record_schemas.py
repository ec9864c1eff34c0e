"""What is sent to and answered by the interface about work, money, documents, the line of time and the archive."""

from typing import Any, Final

from marshmallow import Schema, ValidationError, fields
from werkzeug.datastructures import FileStorage

from branch_node.api.schemas import MISSING, TEXT, Sent, code
from branch_node.desk.timeline import EntryKind as LineKind
from shared.domain.archive.vocabulary import EntryKind
from shared.domain.billing.vocabulary import BillKind
from shared.domain.customers.vocabulary import CustomerKind, ParentKind
from shared.domain.worklogs.vocabulary import WorkLogKind
from shared.errors import N_

NOT_A_FILE: Final = N_("Send a file, with its name.")


class File(fields.Field[FileStorage]):
    """A part of a form that is a file."""

    def __init__(self) -> None:
        """Ask for one, as the document has it."""
        messages: dict[str, Any] = {"required": MISSING}
        super().__init__(
            required=True, error_messages=messages, metadata={"type": "string", "format": "binary"}
        )

    def _deserialize(
        self,
        value: Any,  # noqa: ANN401 - marshmallow's own signature
        attr: str | None,  # noqa: ARG002
        data: Any,  # noqa: ANN401, ARG002
        **_settings: Any,  # noqa: ANN401
    ) -> FileStorage:
        if not isinstance(value, FileStorage) or not value.filename:
            raise ValidationError(NOT_A_FILE)
        return value


class WorkLog(Schema):
    """A piece of work as it was logged; `corrects_id` is the version whose place it takes."""

    id = fields.String(required=True)
    log_no = fields.String(required=True)
    manager_id = fields.String(required=True)
    kind = code(WorkLogKind, required=True)
    customer_id = fields.String(allow_none=True)
    started_at = fields.AwareDateTime(required=True)
    ended_at = fields.AwareDateTime(allow_none=True)
    place = fields.String(allow_none=True)
    text = fields.String(required=True)
    entered_at = fields.AwareDateTime(required=True)
    corrects_id = fields.String(allow_none=True)
    created_by = fields.String(required=True)


class SentWorkLog(Sent):
    """A piece of work to enter, or as it is right; `customer` is a number, times are the branch's or say their zone.

    `despite` says why a customer was reached by a channel that is closed to us.
    """

    manager_id = fields.String(required=True, **TEXT)
    kind = fields.String(required=True, **TEXT)
    customer = fields.String(allow_none=True, **TEXT)
    started_at = fields.String(required=True, **TEXT)
    ended_at = fields.String(allow_none=True, **TEXT)
    place = fields.String(allow_none=True, **TEXT)
    text = fields.String(required=True, **TEXT)
    despite = fields.String(allow_none=True, **TEXT)


class BillLine(Schema):
    """A bill line; amounts are whole minor units. What it stands at is the sum with the lines that correct it."""

    id = fields.String(required=True)
    bill_no = fields.String(required=True)
    customer_id = fields.String(required=True)
    product = fields.String(required=True)
    period = fields.String(required=True)
    kind = code(BillKind, required=True)
    amount_minor = fields.Integer(required=True)
    currency = fields.String(required=True)
    booked_on = fields.Date(required=True)
    remark = fields.String(allow_none=True)
    corrects_id = fields.String(allow_none=True)
    corrected = fields.Boolean(required=True)
    created_at = fields.AwareDateTime(required=True)


class StandingLine(BillLine):
    """A bill line with what it stands at, in minor units, and the ids of the lines that correct it."""

    standing_minor = fields.Integer(required=True)
    corrections = fields.List(fields.String(), required=True)


class LineCorrection(Sent):
    """At which amount a line is right, such as 128.50, at which it was seen to stand in minor units, and why."""

    right = fields.String(required=True, **TEXT)
    seen_minor = fields.String(required=True, **TEXT)
    reason = fields.String(allow_none=True, **TEXT)
    remark = fields.String(allow_none=True, **TEXT)


class LineEntry(Schema):
    """One thing that happened with a customer; `what` is the code of its kind, `record_id` what it is about.

    `changed` are the names of the fields that a change changed.
    """

    kind = code(LineKind, required=True)
    at = fields.AwareDateTime(required=True)
    record_id = fields.String(required=True)
    what = fields.String(required=True)
    who = fields.String(allow_none=True)
    text = fields.String(allow_none=True)
    amount_minor = fields.Integer(allow_none=True)
    currency = fields.String(allow_none=True)
    changed = fields.List(fields.String(), required=True)


class Kin(Schema):
    """A customer above or below another in a group."""

    id = fields.String(required=True)
    customer_no = fields.String(required=True)
    name = fields.String(required=True)
    kind = code(CustomerKind, required=True)
    parent_kind = code(ParentKind, allow_none=True)


class Group(Schema):
    """The groups above a customer, the nearest first, and the first members and subsidiaries right below."""

    customer_id = fields.String(required=True)
    parent_id = fields.String(allow_none=True)
    parent_kind = code(ParentKind, allow_none=True)
    above = fields.List(fields.Nested(Kin), required=True)
    members = fields.List(fields.Nested(Kin), required=True)
    members_total = fields.Integer(required=True)


class Place(Sent):
    """Below which group customer, by number, a customer stands, and what it is to it; below none with null."""

    parent_no = fields.String(required=True, allow_none=True, error_messages=TEXT["error_messages"])
    parent_kind = fields.String(allow_none=True, **TEXT)


class Document(Schema):
    """A paper of a customer; `sensitive` are those whose files are handed out for a reason only."""

    id = fields.String(required=True)
    customer_id = fields.String(required=True)
    kind = fields.String(required=True)
    name = fields.String(required=True)
    number = fields.String(allow_none=True)
    dated_on = fields.Date(allow_none=True)
    valid_until = fields.Date(allow_none=True)
    remark = fields.String(allow_none=True)
    sensitive = fields.Boolean(required=True, attribute="is_sensitive")
    versions = fields.Integer(required=True)
    updated_at = fields.AwareDateTime(required=True)
    updated_by = fields.String(required=True)
    retired_at = fields.AwareDateTime(allow_none=True)


class DocumentFile(Schema):
    """One version of a document: its file, as it was sniffed, of so many bytes."""

    no = fields.Integer(required=True)
    file_name = fields.String(required=True)
    form = fields.String(required=True)
    size = fields.Integer(required=True)
    sha256 = fields.String(allow_none=True, attribute="content_digest")
    added_at = fields.AwareDateTime(required=True)
    added_by = fields.String(required=True)


class WholeDocument(Document):
    """A document with every version, the newest first."""

    files = fields.List(fields.Nested(DocumentFile), required=True)


class SentFile(Sent):
    """A form with one file as `file`; its name is that of its part and fits what it is by its bytes."""

    file = File()


class SentDocument(SentFile):
    """A form with one file and what it is; without a `name` it is called as its file."""

    kind = fields.String(required=True, **TEXT)
    name = fields.String(**TEXT)
    number = fields.String(**TEXT)
    dated_on = fields.String(**TEXT)
    valid_until = fields.String(**TEXT)
    remark = fields.String(**TEXT)


class DocumentDetails(Sent):
    """What is said of a document, whole: what is not sent, is none; without a `name` it keeps the one it has."""

    kind = fields.String(required=True, **TEXT)
    name = fields.String(**TEXT)
    number = fields.String(allow_none=True, **TEXT)
    dated_on = fields.String(allow_none=True, **TEXT)
    valid_until = fields.String(allow_none=True, **TEXT)
    remark = fields.String(allow_none=True, **TEXT)


class Completeness(Schema):
    """How complete a file is in percent, and the names of fields it lacks; of papers `document:` and the kind."""

    percent = fields.Integer(required=True)
    missing = fields.List(fields.String(), required=True)


class OpeningReason(Sent):
    """Why an identity paper is opened; it stands in the operation log."""

    reason = fields.String(required=True, **TEXT)


class ArchiveEntry(Schema):
    """An entry of the retained archive, in the order of its chain; `of_id` is the entry it was added to."""

    id = fields.String(required=True)
    seq = fields.Integer(required=True)
    kind = code(EntryKind, required=True)
    customer_id = fields.String(required=True)
    customer_no = fields.String(required=True)
    made_at = fields.AwareDateTime(required=True)
    made_by = fields.String(required=True)
    reason = fields.String(required=True)
    of_id = fields.String(allow_none=True)
    content_digest = fields.String(required=True)
    digest = fields.String(required=True)


class WholeEntry(ArchiveEntry):
    """An entry with what it holds, null where nobody can open it any more, and the ids of what was added to it."""

    content = fields.Dict(allow_none=True, required=True)
    about = fields.List(fields.String(), required=True)
