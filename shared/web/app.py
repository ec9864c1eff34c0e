"""Building a Flask app of either tier: everything that must hold for every page is wired here, once."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Final, Literal

from babel import Locale
from flask import Blueprint, Flask, current_app, g, redirect, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_babel import Babel
from sqlalchemy.orm import Session
from werkzeug.routing import BaseConverter, BuildError, IntegerConverter, Map

from shared import i18n
from shared.errors import SetupError
from shared.rights.policy import Person, ceiling
from shared.rights.ranges import Ranged
from shared.rights.vocabulary import KINDS_OF, Action, Duty, Resource, StaffKind
from shared.runtime import NodeRuntime
from shared.web import assets, context, errors, filters, gate, noting, sessions
from shared.web.access import check_every_view, is_for_programs, public, requires
from shared.web.accounts import pages as accounts
from shared.web.accounts import rights_pages, second_step_pages, session_pages
from shared.web.api import bounds
from shared.web.api import pages as interfaces
from shared.web.context import EXTENSION, RANGED, link_allowed, may, reading, sees_whole, viewer
from shared.web.kinds import KIND_WORDS, KindWords, read_kinds
from shared.web.menu import LinkState, MenuEntry, MenuLine, menu_lines
from shared.web.paging import link, link_to
from shared.web.proxy import TrustedProxy
from shared.web.running import watch
from shared.web.security import pages as security

MOST_BYTES: Final = 2 * 1024 * 1024
MOST_FORM_BYTES: Final = 1024 * 1024
GREATEST: Final = 2**63 - 1
LONGEST_MENU: Final = 9
# The search box's suggestions, where an app has them (shared.web.finding).
OFFERS: Final = "finding.offers"


class IdConverter(BaseConverter):
    """`<id:customer_id>` in a route: whatever is not spelled like an id is not found, before any query."""

    regex = "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"


class NumberConverter(IntegerConverter):
    """`<int:batch_id>` in a route: a number that no column holds is not found either, whichever database is asked."""

    def __init__(self, url_map: Map, **given: Any) -> None:  # noqa: ANN401 - what a route says of its numbers
        super().__init__(url_map, **{"max": GREATEST, **given})


@dataclass(frozen=True)
class Frame:
    """What one app puts into the frame of its pages."""

    product: Literal["hq", "branch"]
    menu: tuple[MenuEntry, ...]
    home: str
    homes: Mapping[StaffKind, str]
    search: str | None
    node_name: Callable[[Session], str] | None
    link_state: Callable[[Session], LinkState | None] | None
    ask_ahead: Callable[[Session], None]


@dataclass(frozen=True, slots=True)
class Around:
    """What one page shows around itself: the menu, and how the line to the other tier stands."""

    lines: Sequence[MenuLine]
    link_state: LinkState | None


def create_flask(
    import_name: str,
    runtime: NodeRuntime,
    *,
    product: Literal["hq", "branch"],
    home: str,
    homes: Mapping[StaffKind, str] | None = None,
    menu: Sequence[MenuEntry] = (),
    blueprints: Sequence[Blueprint] = (),
    ranged: Sequence[Ranged] = (),
    search: str | None = None,
    node_name: Callable[[Session], str] | None = None,
    link_state: Callable[[Session], LinkState | None] | None = None,
    ask_ahead: Callable[[Session], None] = lambda _session: None,
    account_rules: sessions.AskRules | None = None,
    kind_words: KindWords | None = None,
    config: Mapping[str, Any] | None = None,
) -> Flask:
    """Return the app with sign-in, languages, error pages and the page frame; refuses one that is not safe.

    `ranged` says whose rows are whose. `home` is the endpoint of the first page, `homes` of that of a kind of staff
    whose day begins elsewhere, `search` of the page that answers the search box (it gets ?q=). `node_name` and
    `link_state` are asked once a page, after `ask_ahead`, which may find out together what they and the menu ask;
    `account_rules` is asked at each request of somebody who is signed in, and `kind_words` for the names that kinds of
    staff were given. Raises SetupError when a view does not say who may call
    it, or a menu entry leads nowhere.
    """
    app = Flask(import_name, static_folder=None)
    app.extensions[EXTENSION] = runtime
    app.extensions[RANGED] = tuple(ranged)
    app.extensions[KIND_WORDS] = kind_words
    app.config.update(
        MAX_CONTENT_LENGTH=MOST_BYTES,
        MAX_FORM_MEMORY_SIZE=MOST_FORM_BYTES,
        MAX_FORM_PARTS=2_000,
        BRANCHLINE_HOME=home,
        BRANCHLINE_HOMES=dict(homes or {}),
        BRANCHLINE_PRODUCT=product,
        **(config or {}),
    )
    if runtime.settings.behind_proxy:
        app.wsgi_app = TrustedProxy(app.wsgi_app, runtime.settings.proxies)  # type: ignore[method-assign]
    app.url_map.converters.update(id=IdConverter, int=NumberConverter)
    frame = Frame(product, tuple(menu), home, homes or {}, search, node_name, link_state, ask_ahead)
    _install_languages(app, runtime.settings.language)
    context.install(app)
    sessions.install(app, runtime.settings, account_rules)
    noting.install(app)
    bounds.install(app)
    gate.install(app)
    errors.install(app)
    filters.install(app)
    _install_templates(app, frame)
    _register(app, blueprints)
    check_every_view(app)
    _check_frame(app, frame)
    return app


def _register(app: Flask, blueprints: Sequence[Blueprint]) -> None:
    ui = Blueprint("ui", assets.UI_PACKAGE, static_folder="static", template_folder="templates")
    own = (accounts, second_step_pages, session_pages, rights_pages, security, interfaces)
    for blueprint in (ui, *(pages.blueprint for pages in own), interfaces.described, *blueprints):
        app.register_blueprint(blueprint)
    app.add_url_rule("/healthz", "healthz", _healthz)
    app.add_url_rule(watch.ADDRESS, "healthz_jobs", watch.tell)
    app.add_url_rule("/home", errors.HOME, _own_home)
    if not any(rule.rule == "/" for rule in app.url_map.iter_rules()):
        app.add_url_rule("/", "first_page", _first_page)


@public
def _healthz() -> dict[str, str]:
    return {"status": "ok"}


@public
def _first_page() -> ResponseReturnValue:
    return redirect(errors.home_url(), code=303)


@requires(Resource.OWN_ACCOUNT, Action.READ)
def _own_home() -> ResponseReturnValue:
    return redirect(errors.home_url(), code=303)


def _install_languages(app: Flask, default: str) -> None:
    def choose() -> Locale:
        return _locale(spoken())

    def spoken() -> str:
        if is_for_programs(request.path) and (heard := _heard()):
            return heard
        asked = session.get(sessions.LANGUAGE)
        if asked in i18n.LANGUAGES:
            return str(asked)
        person = viewer()
        if person is not None and person.language in i18n.LANGUAGES:
            return str(person.language)
        return default if default in i18n.LANGUAGES else i18n.SOURCE_LANGUAGE

    Babel(app, locale_selector=choose)
    # Our own catalogues instead of flask-babel's: one a package, and read from the .po while developing.
    app.jinja_env.install_gettext_callables(  # type: ignore[attr-defined]
        i18n.gettext, i18n.plain_ngettext, newstyle=True
    )


@cache
def _locale(language: str) -> Locale:
    """Return a language's locale; read once, since finding it among all there are takes longer than a short page."""
    return Locale.parse(language)


def _heard() -> str | None:
    """Return the language that a program asks for by its header; nothing where it names none of ours."""
    known = {code.replace("_", "-"): code for code in i18n.LANGUAGES}
    best = request.accept_languages.best_match([*known, "zh"]) if request.accept_languages else None
    return known.get(best, "zh_CN" if best == "zh" else None) if best else None


def _install_templates(app: Flask, frame: Frame) -> None:
    app.jinja_env.trim_blocks = True
    app.jinja_env.lstrip_blocks = True
    app.jinja_env.globals.update(
        asset=assets.asset,
        icon=assets.icon,
        link=link,
        link_to=link_to,
        languages=i18n.LANGUAGES,
        current_language=i18n.current_language,
        settings=app.extensions[EXTENSION].settings,
        frame=frame,
        viewer=viewer,
        may=lambda resource, action: may(Resource(resource), Action[action.upper()]),
        menu_lines=lambda: _around(frame).lines,
        link_state=lambda: _around(frame).link_state,
        home_url=errors.home_url,
        search_url=lambda: _search_url(frame),
        offers_url=_offers_url,
        link_allowed=link_allowed,
        sees_whole=lambda resource: sees_whole(Resource(resource)),
        errors={},  # a form that was not refused has none
        values={},
        node_name=lambda: _node_name(frame),
    )


def _around(frame: Frame) -> Around:
    """Return what stands around a page, read in one session and once a request."""
    if "around" not in g:
        with reading() as database:
            frame.ask_ahead(database)
            g.node_name = frame.node_name(database) if frame.node_name else ""
            person = viewer()
            if person:
                read_kinds(database)
            lines = menu_lines(database, frame.menu, person) if person else ()
            g.around = Around(lines, frame.link_state(database) if frame.link_state else None)
    return g.around  # type: ignore[no-any-return]


def _node_name(frame: Frame) -> str:
    if "node_name" not in g:  # a page without the frame
        with reading() as database:
            g.node_name = frame.node_name(database) if frame.node_name else ""
    return str(g.node_name)


def _search_url(frame: Frame) -> str | None:
    return url_for(frame.search) if frame.search and link_allowed(frame.search) else None


def _offers_url() -> str | None:
    return url_for(OFFERS) if OFFERS in current_app.view_functions and link_allowed(OFFERS) else None


def _check_frame(app: Flask, frame: Frame) -> None:
    for kind in KINDS_OF[frame.product]:
        person = Person(kind, frozenset(Duty), ceiling(kind))
        entries = sum(entry.is_for(person) and not entry.foot for entry in frame.menu)
        if entries > LONGEST_MENU:
            raise SetupError(
                problem=f"the menu has {entries} entries for {kind}; nobody finds anything among more than nine"
            )
    homes = (frame.home, *frame.homes.values())
    with app.test_request_context():
        for endpoint in (*homes, frame.search, *(entry.endpoint for entry in frame.menu)):
            try:
                url_for(endpoint) if endpoint else None
            except BuildError as error:
                raise SetupError(problem=f"{endpoint}: no such page") from error
