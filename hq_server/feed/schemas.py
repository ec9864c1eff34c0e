"""What a person may write into the form of a published item."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from marshmallow import ValidationError
from werkzeug.datastructures import MultiDict

from hq_server.feed import offer_form, question_form, recall_form
from hq_server.feed.models import FeedVersion
from hq_server.feed.operations import Draft
from hq_server.feed.rule_form import form_rows, given_rows, read_form
from shared.db.base import instant_text
from shared.domain.form_fields import REQUIRED, local_instant, text
from shared.domain.offers.rules import LIMITS
from shared.domain.published import announcements
from shared.domain.published.announcements import TEXT_LENGTH, TITLE_LENGTH
from shared.domain.published.codes import (
    Code,
    CodeAsksError,
    CodeLineError,
    lines_of,
    parse_lines,
    read_codes,
    write_codes,
)
from shared.domain.published.policies import POLICIES, Several
from shared.domain.published.rules import problem_of
from shared.domain.published.vocabulary import CodeTable, ItemKind
from shared.errors import N_
from shared.i18n import in_zone, translate_error

NOT_LATER: Final = N_("This must be later than now.")
NOT_AFTER: Final = N_("This must be later than the beginning.")
LATER: Final = "schedule"
KINDS: Final = CodeTable.DOCUMENT_KIND.value
Form = MultiDict[str, str]


def read_draft(
    kind: ItemKind, name: str, form: Form, before: FeedVersion | None, *, timezone: str, now: datetime
) -> Draft:
    """Return what the form says; `before` is the version before, whose codes are withdrawn when they are left out.

    Raises ValidationError with a msgid for each field.
    """
    errors: dict[str, list[str]] = {}
    expires_at = _instant(form, "expires_at", timezone, errors)
    publish_at = _instant(form, "publish_at", timezone, errors) if form.get("do") == LATER else None
    if form.get("do") == LATER and "publish_at" not in errors and (publish_at is None or publish_at <= now):
        errors["publish_at"] = [NOT_LATER if publish_at else REQUIRED]
    if expires_at is not None and expires_at <= max(now, publish_at or now):
        errors["expires_at"] = [NOT_LATER]
    body = _BODIES[kind](name, form, before, timezone, errors)
    begins = body.get("from") if kind is ItemKind.ANNOUNCEMENT else None
    if expires_at is not None and begins and instant_text(expires_at) <= begins:
        errors["expires_at"] = [NOT_AFTER]
    field = {ItemKind.CODE_TABLE: "codes", ItemKind.POLICY: "value"}.get(kind, "")
    problem = problem_of(kind.value, name, body)
    if problem is not None and not errors:
        errors[field] = [problem]
    branches = form.getlist("branches") if form.get("to") == "some" else []
    if form.get("to") == "some" and not branches:
        errors["branches"] = [N_("Choose at least one branch, or all of them.")]
    if errors:
        raise ValidationError(errors)
    return Draft(body=body, branches=branches, expires_at=expires_at, publish_at=publish_at)


def form_values(kind: ItemKind, version: FeedVersion | None, *, timezone: str) -> dict[str, Any]:
    """Return a version as the form shows it."""
    rules = form_rows(version.body if version else None) if kind is ItemKind.RULES else {}
    recall = recall_form.form_values(version.body if version else None) if kind is ItemKind.RECALL else {}
    offer = offer_form.form_values(version.body if version else None) if kind is ItemKind.OFFER else {}
    question = (
        question_form.form_values(version.body if version else None) if kind is ItemKind.QUESTION else {}
    )
    if version is None:
        return {
            "to": "all",
            "do": "draft",
            "branches": [],
            "for": [],
            "values": [],
            **rules,
            **recall,
            **offer,
            **question,
        }
    body = version.body
    value = body.get("value")
    return {
        "to": "some" if version.branches else "all",
        "branches": version.branches,
        "expires_at": _wall(version.expires_at, timezone),
        "publish_at": _wall(version.publish_at, timezone),
        "do": LATER if version.publish_at else "draft",
        "codes": lines_of(_codes_of(version)) if kind is ItemKind.CODE_TABLE else "",
        "value": ", ".join(map(str, value)) if isinstance(value, list) else value,
        "values": value if isinstance(value, list) else [],
        "title": body.get("title", ""),
        "text": body.get("text", ""),
        "from": _wall(_begins(body.get("from")), timezone) if kind is ItemKind.ANNOUNCEMENT else "",
        "for": body.get("for", []),
        **rules,
        **recall,
        **offer,
        **question,
    }


def given_values(form: Form) -> dict[str, Any]:
    """Return a form that was refused as it was filled in."""
    lists = {
        "branches": form.getlist("branches"),
        "for": form.getlist("for"),
        "values": form.getlist("value"),
        "rows": given_rows(form),
        **{limit: form.getlist(limit) for limit in LIMITS},
    }
    return {**form.to_dict(), **lists}


def _codes_of(version: FeedVersion) -> list[Code]:
    """Return the codes of a version; of one that cannot be read, none: the form then begins anew."""
    try:
        return read_codes(version.body)
    except (AttributeError, KeyError, TypeError):
        return []


def _begins(stored: object) -> datetime | None:
    """Return from when an announcement is shown, where that can be read."""
    try:
        return datetime.fromisoformat(stored) if isinstance(stored, str) else None
    except ValueError:
        return None


def _codes(
    name: str, form: Form, before: FeedVersion | None, _timezone: str, errors: dict[str, list[str]]
) -> dict[str, Any]:
    try:
        return write_codes(
            parse_lines(form.get("codes", ""), _codes_of(before) if before else (), asking=name == KINDS)
        )
    except (CodeLineError, CodeAsksError) as error:
        errors["codes"] = [translate_error(error)]
        return {"codes": []}


def _policy(
    name: str, form: Form, _before: FeedVersion | None, _timezone: str, _errors: dict[str, list[str]]
) -> dict[str, Any]:
    policy = POLICIES.get(name)
    given: Sequence[str] = form.getlist("value")
    if policy is None:
        return {}
    return {"value": policy.type.parse(given if isinstance(policy.type, Several) else given[:1])}


def _announcement(
    _name: str, form: Form, _before: FeedVersion | None, timezone: str, errors: dict[str, list[str]]
) -> dict[str, Any]:
    begins = _instant(form, "from", timezone, errors)
    body: dict[str, Any] = {
        "title": _text(form, "title", TITLE_LENGTH, errors),
        "text": _text(form, "text", TEXT_LENGTH, errors, lines=True),
        "from": instant_text(begins) if begins else None,
        "for": form.getlist("for"),
    }
    for key, problem in (("title", announcements.NO_TITLE), ("text", announcements.NO_TEXT)):
        if not body[key]:
            errors.setdefault(key, [problem])
    return body


def _rules(
    _name: str, form: Form, _before: FeedVersion | None, _timezone: str, errors: dict[str, list[str]]
) -> dict[str, Any]:
    return read_form(form, errors)


def _recall(
    name: str, form: Form, _before: FeedVersion | None, _timezone: str, errors: dict[str, list[str]]
) -> dict[str, Any]:
    return recall_form.read_form(name, form, errors)


def _offer(
    name: str, form: Form, _before: FeedVersion | None, _timezone: str, errors: dict[str, list[str]]
) -> dict[str, Any]:
    return offer_form.read_form(name, form, errors)


def _question(
    name: str, form: Form, before: FeedVersion | None, _timezone: str, errors: dict[str, list[str]]
) -> dict[str, Any]:
    return question_form.read_form(name, form, before.body if before else None, errors)


_BODIES: Final[Mapping[ItemKind, Any]] = {
    ItemKind.CODE_TABLE: _codes,
    ItemKind.POLICY: _policy,
    ItemKind.RULES: _rules,
    ItemKind.RECALL: _recall,
    ItemKind.OFFER: _offer,
    ItemKind.QUESTION: _question,
    ItemKind.ANNOUNCEMENT: _announcement,
}


def _text(form: Form, name: str, most: int, errors: dict[str, list[str]], *, lines: bool = False) -> str:
    try:
        return text(most, lines=lines)(form.get(name, ""))
    except ValidationError as error:
        errors[name] = [str(one) for one in error.messages]
        return ""


def _instant(form: Form, name: str, timezone: str, errors: dict[str, list[str]]) -> datetime | None:
    given = form.get(name, "").strip()
    if not given:
        return None
    try:
        return local_instant(timezone)(given)
    except ValidationError as error:
        errors[name] = [str(one) for one in error.messages]
        return None


def _wall(value: datetime | None, timezone: str) -> str:
    return in_zone(value, timezone).strftime("%Y-%m-%dT%H:%M") if value else ""
