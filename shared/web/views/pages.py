"""Keeping, changing, removing and bringing back views of one list."""

from collections.abc import Callable
from functools import wraps
from typing import Final

from flask import Blueprint, redirect, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from shared.i18n import gettext as _
from shared.i18n import translate_error
from shared.rights.vocabulary import Action, Resource
from shared.web.access import requires
from shared.web.context import may, person, stamp, writing
from shared.web.forms import notice
from shared.web.views import operations
from shared.web.views.models import ListView
from shared.web.views.standing import ALL

LONGEST_CODE: Final = 36


def views_blueprint(of: str, endpoint: str, resource: Resource, sharing: Action) -> Blueprint:
    """Return the acts on the views of the list `of` at `endpoint`; for all they are kept by who may do `sharing`."""
    blueprint = Blueprint(
        f"{of}_views", __name__, template_folder="templates", url_prefix=f"/views/{of.replace('_', '-')}"
    )
    pages = _Pages(of, endpoint, lambda: may(resource, sharing))
    views = (
        ("", pages.keep),
        ("/start", pages.start),
        ("/<id:view_id>", pages.change),
        ("/<id:view_id>/removal", pages.remove),
        ("/<id:view_id>/return", pages.restore),
    )
    for rule, view in views:
        blueprint.add_url_rule(rule, view.__name__, _guarded(view, resource), methods=["POST"])
    return blueprint


def _guarded(
    view: Callable[..., ResponseReturnValue], resource: Resource
) -> Callable[..., ResponseReturnValue]:
    @wraps(view)
    def called(**values: object) -> ResponseReturnValue:
        return view(**values)

    return requires(resource, Action.READ)(called)


class _Pages:
    """The acts on the views of one list."""

    def __init__(self, of: str, endpoint: str, may_share: Callable[[], bool]) -> None:
        self._of = of
        self._endpoint = endpoint
        self._may_share = may_share

    def keep(self) -> ResponseReturnValue:
        """Keep what the list shows under a name."""
        name, query, shared = _given("name"), _given("query"), self._shared()
        return self._acting(
            lambda session: operations.keep_view(
                session, self._of, person().id, name, query, shared=shared, by=stamp()
            ),
            _("The view is kept."),
        )

    def change(self, view_id: str) -> ResponseReturnValue:
        """Give a view another name, or have it show what the list shows now."""
        query = _given("query") if "take" in request.form else None
        name, shared = _given("name"), self._shared()
        return self._acting(
            lambda session: operations.change_view(
                session, person().id, view_id, name=name, shared=shared, query=query, by=stamp()
            ),
            _("Saved."),
        )

    def remove(self, view_id: str) -> ResponseReturnValue:
        """Remove a view; the list then offers to bring it back."""
        with writing() as session:
            view = operations.remove_view(session, person().id, view_id, by=stamp())
            name = view.name
        notice(_("The view %(name)s is removed.", name=name))
        return redirect(url_for(self._endpoint, view=ALL, removed=view_id), code=303)

    def restore(self, view_id: str) -> ResponseReturnValue:
        """Bring a removed view back."""
        return self._acting(
            lambda session: operations.restore_view(session, person().id, view_id, by=stamp()),
            _("The view is back."),
        )

    def start(self) -> ResponseReturnValue:
        """Have the list open with a view from now on."""
        chosen = _given("view")[:LONGEST_CODE]
        with writing() as session:
            operations.start_with(session, self._of, person().id, "" if chosen == ALL else chosen)
        notice(_("The list opens with this view from now on."))
        return redirect(self._back(_given("view") or ALL, _given("query")), code=303)

    def _acting(self, act: Callable[[Session], ListView], said: str) -> ResponseReturnValue:
        try:
            with writing() as session:
                view = act(session)
                back = self._back(view.id, view.query)
        except (operations.ListViewNameError, operations.TooManyListViewsError) as refused:
            notice(translate_error(refused), kind="problem")
            back = self._back(_given("view") or ALL, operations.kept_query(_given("query")))
        else:
            notice(said)
        return redirect(back, code=303)

    def _back(self, code: str, query: str) -> str:
        return url_for(self._endpoint, view=code) + (f"&{query}" if query else "")

    def _shared(self) -> bool:
        return "shared" in request.form and self._may_share()


def _given(name: str) -> str:
    return request.form.get(name, "").strip()
