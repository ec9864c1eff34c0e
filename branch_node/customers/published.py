"""What head office's policies and code tables ask of a customer's form."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from marshmallow import ValidationError
from sqlalchemy.orm import Session

from branch_node.customers.models import Customer
from branch_node.customers.schemas import split_tags
from branch_node.inbound.queries import codes, policy, words_of
from shared.domain.form_fields import NOT_LISTED, REQUIRED
from shared.domain.published.policies import REQUIRED_FIELDS
from shared.domain.published.vocabulary import CodeTable
from shared.domain.published.words import code_word


def needed_fields(session: Session, *, now: datetime) -> Sequence[str]:
    """Return the fields that head office wants filled in; none without a policy."""
    return policy(session, REQUIRED_FIELDS, now=now) or ()


def check_published(
    session: Session, values: Mapping[str, Any], before: Customer | None, *, now: datetime
) -> None:
    """Refuse what head office's policies and codes do not allow; what a customer had before is not judged.

    Raises ValidationError.
    """
    errors: dict[str, list[str]] = {}
    for name in needed_fields(session, now=now):
        if name in values and not values[name]:
            errors[name] = [REQUIRED]
    offered = codes(session, CodeTable.CUSTOMER_TAG, now=now)
    if offered is not None:
        allowed = {one.code for one in offered} | set(before.tags if before else ())
        if set(values.get("tags", ())) - allowed:
            errors["tags"] = [NOT_LISTED]
    if errors:
        raise ValidationError(errors)


def tag_choices(
    session: Session, values: Mapping[str, Any], *, now: datetime
) -> list[tuple[str, str, bool]] | None:
    """Return (tag, word, marked) of the tags that may be chosen, those of the form included; None: any text will do."""
    offered = codes(session, CodeTable.CUSTOMER_TAG, now=now)
    if offered is None:
        return None
    words = {one.code: code_word(one) for one in words_of(session, CodeTable.CUSTOMER_TAG)}
    try:
        marked = split_tags(str(values.get("tags") or ""))
    except ValidationError:
        marked = []
    shown = dict.fromkeys([*(one.code for one in offered), *marked])
    return [(tag, words.get(tag, tag), tag in marked) for tag in shown]
