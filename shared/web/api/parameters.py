"""What may stand behind the question mark: what an address does not know is refused, for it would filter nothing."""

from collections.abc import Mapping, Sequence
from typing import Final

from flask import current_app, request

from shared.errors import N_, BranchlineError
from shared.i18n import gettext as _
from shared.web.api.document import Described, Query

LONGEST: Final = 40


class UnknownParameterError(BranchlineError):
    """The address has no such parameter; answering would pass a filter over."""

    code = "unknown-parameter"
    message = N_("This address has no parameter %(names)s. It has: %(known)s.")


class UnknownValueError(BranchlineError):
    """The parameter has no such value; answering would pass a filter over."""

    code = "unknown-value"
    message = N_("The parameter %(field)s has no such value. It has: %(known)s.")


def check_parameters() -> None:
    """Compare what was asked with what the view says of itself; raises UnknownParameterError, UnknownValueError."""
    view = current_app.view_functions.get(request.endpoint or "")
    said = getattr(view, "__branchline_described__", None)
    if isinstance(said, Described):
        _check({name: request.args.getlist(name) for name in request.args}, said.query)


def _check(given: Mapping[str, Sequence[str]], known: Sequence[Query]) -> None:
    by_name = {one.name: one for one in known}
    unknown = [name for name in given if name not in by_name]
    if unknown:
        names = ", ".join(name[:LONGEST] for name in unknown)
        raise UnknownParameterError(
            field=unknown[0][:LONGEST], names=names, known=", ".join(by_name) or _("none")
        )
    for name, values in given.items():
        said = by_name[name].values
        if said and not {value.strip() for value in values} <= {"", *said}:
            raise UnknownValueError(field=name, known=", ".join(said))
