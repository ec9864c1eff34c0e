"""The OpenAPI document of a node's interface, made from what each view says of itself."""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from apispec import APISpec
from apispec.ext.marshmallow import MarshmallowPlugin
from flask import Flask, current_app
from marshmallow import Schema, fields
from werkzeug.routing import Rule

from shared.i18n import gettext as _
from shared.i18n import lazy_gettext as _l
from shared.rights.vocabulary import Action, Resource
from shared.web.access import API, Access, Audience, access_of
from shared.web.api.once import KEPT, LONGEST

View = TypeVar("View", bound=Callable[..., Any])
VERSION: Final = "1"
# A file, whatever it is: what it says of itself proves nothing.
FILE: Final = "application/octet-stream"
# A file and what is said of it.
PARTS: Final = "multipart/form-data"
BYTES: Final = {"type": "string", "format": "binary"}
_PART: Final = re.compile(r"<(?:(?P<kind>[^:<>]+):)?(?P<name>[^<>]+)>")
# One of a few words, as werkzeug's converter `any` has it.
_WORDS: Final = re.compile(r"'([^']+)'")
_TYPES: Final[dict[str, dict[str, str]]] = {
    "id": {"type": "string", "format": "uuid"},
    "int": {"type": "integer"},
}
REFUSALS: Final = {
    "400": _l("Not understood: fields names what and why"),
    "401": _l("No token, or one that is over"),
    "403": _l("Beyond the rights of the token or its owner"),
    "404": _l("Not there, or not yours to see"),
    "409": _l("Does not fit what is there; nothing was written"),
    "412": _l("Changed since it was read"),
    "413": _l("Larger than this node takes"),
    "428": _l("If-Match is missing"),
    "429": _l("Too many requests or rows; Retry-After says when to ask again"),
    "503": _l("The node cannot do this now; Retry-After says when to ask again"),
}


@dataclass(frozen=True, slots=True)
class Query:
    """One thing that may stand behind the question mark of an address."""

    name: str
    text: Any
    values: Sequence[str] = ()
    several: bool = False
    kind: str = "string"

    def parameter(self) -> dict[str, Any]:
        """Return it as OpenAPI has it."""
        one: dict[str, Any] = {"type": self.kind} | ({"enum": list(self.values)} if self.values else {})
        schema = {"type": "array", "items": one} if self.several else one
        return {"name": self.name, "in": "query", "description": str(self.text), "schema": schema}


@dataclass(frozen=True, slots=True)
class Described:
    """What a view says of itself for the document."""

    summary: Any
    answer: type[Schema] | None
    body: type[Schema] | None
    query: tuple[Query, ...]
    many: bool
    status: int
    versioned: bool
    once: bool
    also: tuple[tuple[Resource, Action], ...] = ()
    takes_file: bool = False
    gives_file: bool = False
    parts: type[Schema] | None = None
    kept: bool = False


class Problem(Schema):
    """What is answered to a request that was not done (RFC 9457)."""

    type = fields.String(required=True)
    title = fields.String(required=True)
    status = fields.Integer(required=True)
    code = fields.String(required=True, metadata={"description": "Stable: programs decide by it."})
    detail = fields.String(required=True)
    cure = fields.String(required=True)
    retryable = fields.Boolean(required=True)
    request_id = fields.String(required=True)
    fields_ = fields.Dict(data_key="fields")


def describe(
    summary: Any,  # noqa: ANN401 - a lazy string
    *,
    answer: type[Schema] | None = None,
    body: type[Schema] | None = None,
    query: Sequence[Query] = (),
    many: bool = False,
    status: int = 200,
    versioned: bool = False,
    once: bool = False,
    also: Sequence[tuple[Resource, Action]] = (),
    needs: Sequence[tuple[Resource, Action]] = (),
    takes_file: bool = False,
    gives_file: bool = False,
    parts: type[Schema] | None = None,
    kept: bool = False,
) -> Callable[[View], View]:
    """Say for the document what a view takes and answers; `versioned` takes If-Match, `once` an Idempotency-Key.

    `also` are rights that open more of it than the one it asks for; `needs` are what it looks up besides, as far as the
    owner of the token may. `takes_file` and `gives_file` say that the body, or the answer, is a file and no JSON;
    `parts` that the body is a form with a file in it; `kept` that it answers 200 where what it would make is there.
    """

    def mark(view: View) -> View:
        said = Described(
            summary,
            answer,
            body,
            tuple(query),
            many,
            status,
            versioned,
            once,
            tuple(also),
            takes_file,
            gives_file,
            parts,
            kept,
        )
        view.__branchline_described__ = said  # type: ignore[attr-defined]
        view.__branchline_needs__ = frozenset(needs)  # type: ignore[attr-defined]
        return view

    return mark


def described(app: Flask) -> Iterator[tuple[Rule, str, Described, Access]]:
    """Yield every address for programs with its method and what its view says of itself."""
    for rule in sorted(app.url_map.iter_rules(), key=lambda one: one.rule):
        said = getattr(app.view_functions[rule.endpoint], "__branchline_described__", None)
        access = access_of(app, rule.endpoint)
        if rule.rule.startswith(API) and isinstance(said, Described) and access is not None:
            for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}):
                yield rule, method, said, access


def scopes_used(app: Flask) -> list[tuple[Resource, Action]]:
    """Return the rights that any address for programs asks for, in the order of the policy table."""
    used: set[tuple[Resource, Action]] = set()
    for _rule, _method, said, access in described(app):
        if access.audience is Audience.PEOPLE and access.resource is not None and access.action is not None:
            used |= {(access.resource, access.action), *said.also}
    order = list(Resource)
    return sorted(used, key=lambda one: (order.index(one[0]), list(Action).index(one[1])))


def document() -> dict[str, Any]:
    """Return the OpenAPI 3.1 document of this node, in the language of who asks."""
    plugin = MarshmallowPlugin(schema_name_resolver=_name_of)
    spec = APISpec(
        title="Branchline",
        version=VERSION,
        openapi_version="3.1.0",
        plugins=[plugin],
        info={"description": _("What programs may ask of this node, with the token of an interface.")},
        security=[{"token": []}],
    )
    spec.components.security_scheme("token", {"type": "http", "scheme": "bearer"})
    spec.components.schema("Problem", schema=Problem)
    for rule, method, said, access in described(current_app):
        spec.path(path=path_of(rule), operations={method.lower(): _operation(rule, method, said, access)})
    return spec.to_dict()


def path_of(rule: Rule) -> str:
    """Return an address as OpenAPI writes it: its parts in braces."""
    return _PART.sub(lambda found: f"{{{found['name']}}}", rule.rule)


def _operation(rule: Rule, method: str, said: Described, access: Access) -> dict[str, Any]:
    made: dict[str, Any] = {
        "operationId": f"{rule.endpoint}.{method.lower()}".replace(".", "_"),
        "summary": str(said.summary),
        "tags": [str(rule.rule).removeprefix("/api/v1/").partition("/")[0]],
        "parameters": [*_parts(rule), *(one.parameter() for one in said.query), *_headers(said)],
        "responses": {
            status: _answer(said) for status in sorted({str(said.status), *(["200"] if said.kept else [])})
        }
        | _refusals(said, method),
    }
    if access.resource is not None and access.action is not None:
        made["x-right"] = f"{access.resource.value}:{access.action.name.lower()}"
    else:
        made["security"] = []
    if said.body is not None:
        made["requestBody"] = {"required": True, "content": {"application/json": {"schema": said.body}}}
    if said.takes_file:
        made["requestBody"] = {"required": True, "content": {FILE: {"schema": BYTES}}}
    if said.parts is not None:
        made["requestBody"] = {"required": True, "content": {PARTS: {"schema": said.parts}}}
    return made


def _parts(rule: Rule) -> list[dict[str, Any]]:
    return [
        {
            "name": found["name"],
            "in": "path",
            "required": True,
            "schema": _type_of(found["kind"] or ""),
        }
        for found in _PART.finditer(rule.rule)
    ]


def _type_of(kind: str) -> dict[str, Any]:
    if kind.startswith("any("):
        return {"type": "string", "enum": _WORDS.findall(kind)}
    return _TYPES.get(kind, {"type": "string"})


def _headers(said: Described) -> list[dict[str, Any]]:
    known = (
        (said.versioned, "If-Match", True, _("The ETag of what was read.")),
        (
            said.once,
            "Idempotency-Key",
            False,
            _(
                "1 to %(most)s characters, kept for %(days)s days. The same request sent again with it is answered "
                "and not done again, also while the first is being done; another request is refused with 409.",
                most=LONGEST,
                days=KEPT.days,
            ),
        ),
    )
    return [
        {"name": name, "in": "header", "required": needed, "description": text, "schema": {"type": "string"}}
        for used, name, needed, text in known
        if used
    ]


def _answer(said: Described) -> dict[str, Any]:
    text = str(said.summary)
    if said.gives_file:
        return {"description": text, "content": {FILE: {"schema": BYTES}}}
    if said.answer is None:
        return {"description": text, "content": {"application/json": {"schema": {"type": "object"}}}}
    schema: Any = said.answer
    if said.many:
        schema = {
            "type": "object",
            "required": ["items", "next"],
            "properties": {
                "items": {"type": "array", "items": said.answer},
                "next": {
                    "type": ["string", "null"],
                    "description": _("Send it as ?after= for what follows."),
                },
            },
        }
    return {"description": text, "content": {"application/json": {"schema": schema}}}


def _refusals(said: Described, method: str) -> dict[str, Any]:
    told = dict(REFUSALS)
    if not said.versioned:
        del told["412"], told["428"]
    if not said.takes_file and said.parts is None:
        del told["413"]
    if method == "GET":
        del told["409"]
    content = {"application/problem+json": {"schema": Problem}}
    return {status: {"description": str(text), "content": content} for status, text in told.items()}


def _name_of(schema: Any) -> str:  # noqa: ANN401 - a schema, its class or its name
    found = schema if isinstance(schema, type) else type(schema)
    return str(found.__name__)
