"""Interfaces: one's own, everybody's for who keeps them, and what programs may ask of this node."""

from typing import Any, Final

from flask import Blueprint, Response, current_app, jsonify, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from shared.auth import tokens
from shared.auth.tokens import MOST_TOKENS, Scope, is_open, read_scopes, scope_code
from shared.errors import BranchlineError
from shared.i18n import gettext as _
from shared.i18n import lazy_gettext as _l
from shared.rights import policy
from shared.rights.vocabulary import ACTION_WORDS, Action, Resource
from shared.web import sessions
from shared.web.access import public, requires
from shared.web.api.document import PARTS, document, scopes_used
from shared.web.context import person, reading, rights_of, stamp, writing
from shared.web.errors import STATUS
from shared.web.exports.handing import rules_in_force
from shared.web.forms import field_errors, notice

blueprint = Blueprint("interfaces", __name__, template_folder="templates", url_prefix="/interfaces")
described = Blueprint("interface_document", __name__, url_prefix="/api/v1")

LIVES: Final = (
    ("7", _l("a week")),
    ("30", _l("30 days")),
    ("90", _l("90 days")),
    ("180", _l("half a year")),
    ("365", _l("a year")),
)
USUAL_LIFE: Final = "90"


@described.get("/openapi.json")
@public
def openapi() -> Response:
    """Answer with the document that programs and their makers read; it tells of no row."""
    return jsonify(document())


@blueprint.get("")
@requires(Resource.OWN_ACCOUNT, Action.READ)
def index() -> str:
    """List one's own interfaces."""
    with reading() as session:
        rows = tokens.list_tokens(session, user_id=person().id)
        a_day = rules_in_force(session).a_day
    return render_template("interfaces/index.html", rows=_shown(rows), part=rows, a_day=a_day)


@blueprint.get("/new")
@requires(Resource.OWN_ACCOUNT, Action.UPDATE)
def new() -> str:
    """Ask which program it is for, what it may do, and for how long; who makes one proves the second step first."""
    sessions.check_fresh()
    return _form({})


@blueprint.post("")
@requires(Resource.OWN_ACCOUNT, Action.UPDATE)
def make() -> ResponseReturnValue:
    """Make an interface and show its token, this once."""
    sessions.check_fresh()
    form = request.form
    try:
        with writing() as session:
            token, secret = tokens.make_token(
                session,
                person(),
                name=form.get("name", ""),
                scopes=read_scopes(form.getlist("scopes")) & set(_offered()),
                person=rights_of(person()),
                days=form.get("days", 0, type=int),
                by=stamp(),
            )
            name = token.name
    except BranchlineError as refused:
        return _form(field_errors(refused)), STATUS[refused.kind]
    return render_template("interfaces/made.html", name=name, secret=secret)


@blueprint.post("/<id:token_id>/revoke")
@requires(Resource.OWN_ACCOUNT, Action.UPDATE)
def revoke(token_id: str) -> ResponseReturnValue:
    """End one of one's own interfaces."""
    with writing(on_reserve=True) as session:
        name = tokens.revoke(session, token_id, by=stamp(), owner=person()).name
    notice(_("%(name)s is revoked: the program is refused from now on.", name=name))
    return redirect(url_for("interfaces.index"), code=303)


@blueprint.get("/all")
@requires(Resource.INTERFACE, Action.READ)
def every() -> str:
    """List the interfaces of everybody, for who keeps them."""
    with reading() as session:
        rows = tokens.list_tokens(session)
    return render_template("interfaces/all.html", rows=_shown(rows), part=rows)


@blueprint.post("/all/<id:token_id>/revoke")
@requires(Resource.INTERFACE, Action.MANAGE)
def revoke_any(token_id: str) -> ResponseReturnValue:
    """End somebody's interface."""
    with writing(on_reserve=True) as session:
        name = tokens.revoke(session, token_id, by=stamp()).name
    notice(_("%(name)s is revoked: the program is refused from now on.", name=name))
    return redirect(url_for("interfaces.every"), code=303)


@blueprint.get("/reference")
@requires(Resource.OWN_ACCOUNT, Action.READ)
def reference() -> str:
    """Show what programs may ask of this node, from the document they read."""
    made = document()
    groups: dict[str, list[dict[str, Any]]] = {}
    for path, methods in made["paths"].items():
        for method, operation in methods.items():
            line = {"path": path, "method": method.upper(), **operation, "fields": _fields(made, operation)}
            groups.setdefault(operation["tags"][0], []).append(line)
    schemas = {name: _properties(one) for name, one in made["components"]["schemas"].items()}
    return render_template("interfaces/reference.html", groups=groups, schemas=schemas)


def _form(errors: dict[str, str]) -> str:
    return render_template(
        "interfaces/new.html",
        offered=_by_resource(_offered()),
        lives=[(code, str(text)) for code, text in LIVES],
        usual=USUAL_LIFE,
        values=request.form,
        chosen=request.form.getlist("scopes"),
        errors=errors,
        most=MOST_TOKENS,
    )


def _offered() -> list[Scope]:
    """Return the rights an interface of who asks could use: what addresses ask for and the person has."""
    rights = rights_of(person())
    return [one for one in scopes_used(current_app) if policy.may(rights, *one)]


def _by_resource(scopes: list[Scope]) -> list[tuple[Resource, list[tuple[str, str]]]]:
    found: dict[Resource, list[tuple[str, str]]] = {}
    for resource, action in scopes:
        found.setdefault(resource, []).append((scope_code(resource, action), _(ACTION_WORDS[action])))
    return list(found.items())


def _shown(rows: Any) -> list[dict[str, Any]]:  # noqa: ANN401 - rows of list_tokens
    order = list(Resource)
    return [
        {
            "token": row.AccessToken,
            "owner": f"{row.owner} ({row.username})",
            "open": is_open(row.AccessToken, stamp().at),
            "rights": _by_resource(
                sorted(read_scopes(row.AccessToken.scopes), key=lambda one: (order.index(one[0]), one[1]))
            ),
        }
        for row in rows
    ]


def _fields(made: dict[str, Any], operation: dict[str, Any]) -> list[tuple[str, str, bool, str]]:
    """Return (where, name, needed, what) of everything a request takes."""
    words = {"path": _("address"), "query": _("after ?"), "header": _("header")}
    found = [
        (words[one["in"]], one["name"], bool(one.get("required")), one.get("description", ""))
        for one in operation["parameters"]
    ]
    contents = operation.get("requestBody", {}).get("content", {})
    content = contents.get("application/json") or contents.get(PARTS, {})
    name = str(content.get("schema", {}).get("$ref", "")).rpartition("/")[2]
    schema = made["components"]["schemas"].get(name, {})
    needed = set(schema.get("required", ()))
    return found + [(_("body"), one, one in needed, said) for one, said, _needed in _properties(schema)]


def _properties(schema: dict[str, Any]) -> list[tuple[str, str, bool]]:
    """Return (name, of what kind, always there) of a schema's properties."""
    needed = set(schema.get("required", ()))
    return [(name, _kind(one), name in needed) for name, one in schema.get("properties", {}).items()]


def _kind(schema: dict[str, Any]) -> str:
    if "$ref" in schema:
        return str(schema["$ref"]).rpartition("/")[2]
    if "enum" in schema:
        return " | ".join(str(one) for one in schema["enum"] if one is not None)
    kind = schema.get("type", "")
    words = [one for one in kind if one != "null"] if isinstance(kind, list) else [kind]
    text = " | ".join([*words, *filter(None, [schema.get("format")])])
    return f"{text}: {_kind(schema['items'])}" if "items" in schema else text
