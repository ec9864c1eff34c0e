"""The search box for programs: what it finds by kind, and the hits of one kind a page at a time."""

from collections.abc import Callable, Sequence
from typing import Any, Final

from flask import Blueprint, Response, request
from marshmallow import Schema, ValidationError, fields, validate

from shared.domain.form_fields import REQUIRED, TOO_LONG
from shared.i18n import lazy_gettext as _l
from shared.rights.vocabulary import Action, Resource
from shared.web.access import requires
from shared.web.api import asking
from shared.web.api.bounds import take_rows
from shared.web.api.document import Query, describe
from shared.web.context import may, reading
from shared.web.finding.finder import Finder, Found
from shared.web.finding.pages import LONGEST, Box
from shared.web.gate import ForbiddenError

ASKED: Final = Query("q", _l("What to look for: words, a name, a number or the end of one"))
SIZE: Final = Query("size", _l("How many at once: 25, 50, 100 or 200"), kind="integer")
AFTER: Final = Query("after", _l("What the answer before called next"))
NOUN: Final = "search"


class FoundRecord(Schema):
    """A record that was found, in the words of the box; `text` tells it from others. A region's id is its code."""

    id = fields.String(required=True)
    title = fields.String(required=True)
    text = fields.String(required=True)
    state = fields.String(required=True)


def _schemas(kinds: Sequence[str]) -> tuple[type[Schema], type[Schema]]:
    """Return the shapes of the answers over the kinds of records an app names."""

    class FoundOfKind(Schema):
        """What is found of one kind, the best hits first; there are `total`, or `more` where counting ended there.

        With `next` there are more to read than `items`: it is for the address of this kind.
        """

        kind = fields.String(required=True, validate=validate.OneOf(kinds))
        total = fields.Integer(required=True)
        more = fields.Boolean(required=True)
        items = fields.List(fields.Nested(FoundRecord), required=True)
        next = fields.String(required=True, allow_none=True)

    class FoundRecords(Schema):
        """What is found by kind, and in sentences what exists out of sight: a whole number or name, who serves it."""

        kinds = fields.List(fields.Nested(FoundOfKind), required=True)
        beyond = fields.List(fields.String(), required=True)

    return FoundOfKind, FoundRecords


def finding_api(box: Box) -> Blueprint:
    """Return the addresses of the search box over the kinds of records an app names."""
    blueprint = Blueprint("api_search", __name__, url_prefix="/api/v1/search")
    views = _Views(box)
    of_kind, every = _schemas([one.code for one in box.finders])
    also = [(one, Action.READ) for one in dict.fromkeys(each.resource for each in box.finders)]
    said: tuple[tuple[str, Callable[..., Response], Callable[..., Any]], ...] = (
        (
            "",
            views.index,
            describe(_l("Find records of every kind"), answer=every, query=(ASKED, SIZE), also=also),
        ),
        (
            f"/<any({', '.join(repr(one.code) for one in box.finders)}):kind>",
            views.kind,
            describe(_l("Find records of one kind"), answer=of_kind, query=(ASKED, SIZE, AFTER), also=also),
        ),
    )
    for rule, view, described in said:
        blueprint.add_url_rule(rule, view.__name__, described(_guarded(view)))
    return blueprint


def _guarded(view: Callable[..., Response]) -> Callable[..., Response]:
    def called(**values: object) -> Response:
        return view(**values)

    called.__doc__ = view.__doc__
    return requires(Resource.CUSTOMER, Action.READ)(called)


class _Views:
    """The views, over what the app says of its records."""

    def __init__(self, box: Box) -> None:
        self._box = box

    def index(self) -> Response:
        """Find records of every kind that may be read, as the page does, and say what exists out of sight."""
        asked, size = _asked(), asking.size()
        with reading() as session:
            sure = self._box.named(session, asked)
            found = [_shown(one, hits, 0) for one, hits in self._box.search(session, asked, size)]
        take_rows(sum(len(one["items"]) for one in found), NOUN)
        # As on the page: who names a record of their own beyond doubt is not told of others.
        return asking.one({"kinds": found, "beyond": [*self._box.beyond(asked)] if sure is None else []})

    def kind(self, kind: str) -> Response:
        """Find records of one kind, a page at a time; of what is out of sight nothing is told here."""
        finder = next(one for one in self._box.finders if one.code == kind)
        if not may(finder.resource, Action.READ):
            raise ForbiddenError
        asked, size, begin = _asked(), asking.size(), asking.offset()
        with reading() as session:
            found = _shown(finder, finder.find(session, asked, size, begin), begin)
        take_rows(len(found["items"]), NOUN)
        return asking.one(found)


def _shown(finder: Finder, found: Found, begin: int) -> dict[str, Any]:
    end = begin + len(found.hits)
    further = bool(found.hits) and (end < found.total or found.more)
    return {
        "kind": finder.code,
        "total": found.total,
        "more": found.more,
        "items": [asking.dumped(FoundRecord(), one) for one in found.hits],
        "next": asking.cursor(str(end)) if further else None,
    }


def _asked() -> str:
    given = request.args.get("q", "").strip()
    if not given or len(given) > LONGEST:
        raise ValidationError({"q": [TOO_LONG if given else REQUIRED]})
    return given
