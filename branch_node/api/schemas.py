"""What is sent to and answered by the branch's interface for programs."""

from collections.abc import Iterable
from typing import Any, Final

from marshmallow import RAISE, Schema, ValidationError, fields, validate

from branch_node.customers.operations import EDITABLE
from branch_node.identity.models import MergeState
from branch_node.merging.operations import CHOOSABLE
from shared.domain.contacts.vocabulary import ContactRole, ContactStanding, ContactStatus
from shared.domain.customers.upkeep import WATCHED, Conflict, UpkeepKind
from shared.domain.customers.vocabulary import (
    CustomerKind,
    CustomerStatus,
    Grade,
    IdentityDocument,
    LifecycleStage,
    MoveOf,
    PreferredChannel,
    ServiceLevel,
    ValueTier,
)
from shared.domain.duplicates.vocabulary import PairState
from shared.domain.form_fields import NOT_LISTED
from shared.domain.qualification.vocabulary import JudgedAs, Occasion, QualificationState
from shared.domain.vocabulary import Vocabulary
from shared.errors import N_
from shared.ids import is_id

NOT_KNOWN: Final = N_("There is no such field.")
NOT_TEXT: Final = N_("Send a text, or null.")
NOT_TEXTS: Final = N_("Send a list of texts.")
NOT_AN_ID: Final = N_("This is no id. Send it as it was answered: 36 characters, small letters.")
NOT_TRUE: Final = N_("Send true or false.")
MISSING: Final = N_("Please fill this in.")
TEXT: Final[dict[str, Any]] = {"error_messages": {"invalid": NOT_TEXT, "null": NOT_TEXT, "required": MISSING}}
TEXTS: Final[dict[str, Any]] = {
    "error_messages": {"invalid": NOT_TEXTS, "null": NOT_TEXTS, "required": MISSING}
}


class Sent(Schema):
    """Base of what is sent: a field nobody knows is a mistake, not something to pass over."""

    class Meta:
        """Other fields are refused."""

        unknown = RAISE

    error_messages = {"unknown": NOT_KNOWN}  # noqa: RUF012 - marshmallow's own way


def one_of(codes: Iterable[str]) -> validate.OneOf:
    """Return the check of a text that is one of these codes; its refusal speaks the language of who asks."""
    return validate.OneOf([*codes], error=NOT_LISTED)


def ids(**more: Any) -> fields.List[str]:  # noqa: ANN401 - marshmallow's settings
    """Return a field for a list of ids; what is none is refused with its position, and not passed over."""
    return fields.List(fields.String(validate=check_id, **TEXT), **TEXTS, **more)


def check_id(given: str) -> None:
    """Raise ValidationError for what is no id."""
    if not is_id(given):
        raise ValidationError(NOT_AN_ID)


def code(vocabulary: type[Vocabulary], **more: Any) -> fields.Enum[Any]:  # noqa: ANN401 - marshmallow's settings
    """Return a field that answers with the codes of a vocabulary."""
    return fields.Enum(vocabulary, by_value=True, **more)


class Customer(Schema):
    """A customer as this branch holds it."""

    id = fields.String(required=True)
    customer_no = fields.String(required=True)
    kind = code(CustomerKind, required=True)
    name = fields.String(required=True)
    short_name = fields.String(allow_none=True)
    id_type = code(IdentityDocument, allow_none=True)
    id_no = fields.String(allow_none=True)
    mobile = fields.String(allow_none=True)
    phone = fields.String(allow_none=True)
    email = fields.String(allow_none=True)
    wechat = fields.String(allow_none=True)
    region_code = fields.String(allow_none=True)
    address = fields.String(allow_none=True)
    grade = code(Grade, allow_none=True)
    status = code(CustomerStatus, required=True)
    opened_on = fields.Date(allow_none=True)
    manager_id = fields.String(allow_none=True)
    preferred_channel = code(PreferredChannel, allow_none=True)
    group_no = fields.String(allow_none=True)
    service_level = code(ServiceLevel, allow_none=True)
    lifecycle_stage = code(LifecycleStage, allow_none=True)
    value_tier = code(ValueTier, allow_none=True)
    do_not_contact = fields.List(fields.String(), required=True)
    do_not_contact_until = fields.Date(allow_none=True)
    legacy_no = fields.String(allow_none=True)
    tags = fields.List(fields.String(), required=True)
    remark = fields.String(allow_none=True)
    parent_id = fields.String(allow_none=True)
    created_at = fields.AwareDateTime(required=True)
    updated_at = fields.AwareDateTime(required=True)
    updated_by = fields.String(required=True)


def _sent(name: str) -> fields.Field[Any]:
    if name in {"tags", "do_not_contact"}:
        return fields.List(fields.String(**TEXT), **TEXTS)
    return fields.String(allow_none=True, **TEXT)


_Profile: Any = Sent.from_dict({name: _sent(name) for name in EDITABLE}, name="Profile")


class CustomerChange(_Profile):  # type: ignore[misc]
    """What is to be different; a field that is not named stays as it is."""


class NewCustomer(_Profile):  # type: ignore[misc]
    """A customer to enter; `known` says that those with the same document or telephone number are somebody else."""

    customer_no = fields.String(required=True, **TEXT)
    kind = fields.String(required=True, **TEXT)
    name = fields.String(required=True, **TEXT)
    status = fields.String(required=True, **TEXT)
    known = fields.Boolean(error_messages={"invalid": NOT_TRUE, "null": NOT_TRUE})


class Reason(Sent):
    """Why it is done."""

    reason = fields.String(required=True, **TEXT)


class Contact(Schema):
    """A person to speak to at a customer."""

    id = fields.String(required=True)
    customer_id = fields.String(required=True)
    contact_no = fields.String(required=True)
    name = fields.String(required=True)
    title = fields.String(allow_none=True)
    department = fields.String(allow_none=True)
    role = code(ContactRole, allow_none=True)
    standing = code(ContactStanding, required=True)
    mobile = fields.String(allow_none=True)
    phone = fields.String(allow_none=True)
    email = fields.String(allow_none=True)
    wechat = fields.String(allow_none=True)
    preferred_channel = code(PreferredChannel, allow_none=True)
    do_not_contact = fields.List(fields.String(), required=True)
    birthday = fields.String(allow_none=True)
    remark = fields.String(allow_none=True)
    status = code(ContactStatus, required=True)
    updated_at = fields.AwareDateTime(required=True)


class SentContact(Sent):
    """A contact person as entered, or as changed: what is not named is empty then."""

    contact_no = fields.String(allow_none=True, **TEXT)
    name = fields.String(required=True, **TEXT)
    title = fields.String(allow_none=True, **TEXT)
    department = fields.String(allow_none=True, **TEXT)
    role = fields.String(allow_none=True, **TEXT)
    standing = fields.String(required=True, **TEXT)
    mobile = fields.String(allow_none=True, **TEXT)
    phone = fields.String(allow_none=True, **TEXT)
    email = fields.String(allow_none=True, **TEXT)
    wechat = fields.String(allow_none=True, **TEXT)
    preferred_channel = fields.String(allow_none=True, **TEXT)
    do_not_contact = fields.List(fields.String(**TEXT), **TEXTS)
    birthday = fields.String(allow_none=True, **TEXT)
    remark = fields.String(allow_none=True, **TEXT)
    status = fields.String(required=True, **TEXT)


class Move(Schema):
    """That a customer came to another stage or tier."""

    id = fields.String(required=True)
    what = code(MoveOf, required=True)
    before = fields.String(allow_none=True)
    after = fields.String(allow_none=True)
    moved_on = fields.Date(required=True)
    reason = fields.String(required=True)
    made_at = fields.AwareDateTime(required=True)
    made_by = fields.String(required=True)


class NewMove(Sent):
    """Where a customer moves: a stage or a tier, by which day, and why."""

    what = fields.String(required=True, validate=one_of(one.value for one in MoveOf), **TEXT)
    to = fields.String(required=True, **TEXT)
    on = fields.String(required=True, **TEXT)
    reason = fields.String(required=True, **TEXT)


class Share(Schema):
    """With whom a customer is shared."""

    manager_id = fields.String(required=True)
    name = fields.String(required=True)
    shared_at = fields.AwareDateTime(required=True)
    shared_by = fields.String(required=True)
    ends_at = fields.AwareDateTime(allow_none=True)


class NewShare(Sent):
    """With whom a customer is to be shared, up to the end of which day; for good without one."""

    manager_id = fields.String(required=True, **TEXT)
    until = fields.String(allow_none=True, **TEXT)


class Judgement(Schema):
    """A judgement of a customer by published rules."""

    id = fields.String(required=True)
    customer_id = fields.String(required=True)
    occasion = code(Occasion, required=True)
    outcome = code(JudgedAs, required=True)
    state = code(QualificationState, required=True)
    kind = code(CustomerKind, required=True)
    grade = code(Grade, allow_none=True)
    score = fields.Integer(required=True)
    rules_version = fields.Integer(required=True)
    next_review_on = fields.Date(required=True)
    judged_at = fields.AwareDateTime(required=True)
    judged_by = fields.String(required=True)
    decided_at = fields.AwareDateTime(allow_none=True)
    decided_by = fields.String(allow_none=True)
    reason = fields.String(allow_none=True)


class NewJudgement(Sent):
    """Who is to be judged."""

    customer_id = fields.String(required=True, **TEXT)


class Nothing(Sent):
    """An empty object: the address says it all."""


class Pair(Schema):
    """Two files that may be one person's; the score is in hundredths."""

    id = fields.String(required=True)
    one_id = fields.String(required=True)
    other_id = fields.String(required=True)
    score = fields.Integer(required=True)
    state = code(PairState, required=True)


class Decision(Sent):
    """What two files are to each other."""

    state = fields.String(required=True, validate=one_of(one.value for one in PairState), **TEXT)


class Merge(Schema):
    """That two files are, or are to be, one customer."""

    id = fields.String(required=True)
    survivor_id = fields.String(required=True)
    loser_id = fields.String(required=True)
    state = code(MergeState, required=True)
    chosen = fields.List(fields.String(), required=True)
    proposed_at = fields.AwareDateTime(required=True)
    proposed_by = fields.String(required=True)
    decided_at = fields.AwareDateTime(allow_none=True)
    decided_by = fields.String(allow_none=True)
    undone_at = fields.AwareDateTime(allow_none=True)


class NewMerge(Sent):
    """Which file is to go into which, and the columns taken from the one that goes."""

    survivor_id = fields.String(required=True, **TEXT)
    loser_id = fields.String(required=True, **TEXT)
    chosen = fields.List(fields.String(validate=one_of(CHOOSABLE), **TEXT), **TEXTS)


class Version(Schema):
    """One state of a customer's file, as the operation log tells it."""

    number = fields.Integer(required=True)
    at = fields.AwareDateTime(required=True)
    by = fields.String(required=True)
    changed = fields.List(fields.String(), required=True)


class WholeVersion(Version):
    """A version with what each field said then; `unknown` are those that nobody can tell any more."""

    values = fields.Dict(keys=fields.String(), required=True)
    unknown_ = fields.List(fields.String(), required=True, data_key="unknown")


class Flag(Schema):
    """A field that is stale, or contradicts something; `same` are the customers seen who have the same number."""

    field = fields.String(required=True)
    kind = code(UpkeepKind, required=True)
    since = fields.AwareDateTime(required=True)
    conflict = code(Conflict, required=True, allow_none=True)
    same = fields.List(fields.String(), required=True)


class NewConfirmation(Sent):
    """Which field was made sure of, and what it says: another value than the one there is confirmed by nobody."""

    field = fields.String(required=True, validate=one_of(WATCHED), **TEXT)
    value = fields.String(required=True, **TEXT)


class Confirmed(Schema):
    """That somebody made sure of a field."""

    field = fields.String(required=True)
    confirmed_at = fields.AwareDateTime(required=True)
    confirmed_by = fields.String(required=True)
