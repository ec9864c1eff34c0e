"""What leaves here of files out of sight: that one exists and who serves it, so many a day and in the operation log."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from flask import current_app
from sqlalchemy.orm import Session

from branch_node.customers import elsewhere, queries
from branch_node.managers import queries as managers
from shared.i18n import gettext as _
from shared.web.context import reading, stamp
from shared.web.noting import noted

FINDER: Final = "branchline-finder"
# By what somebody who is entered is looked for among all customers of the branch.
ASKED_BY: Final = ("id_no", "mobile", "phone")


@dataclass(frozen=True, slots=True)
class Told:
    """The files that whole numbers or names are of: ids of those that who asks may see, a sentence about the others."""

    seen: Sequence[str] = ()
    sentences: Sequence[str] = ()
    # Whether one of the sentences says that a file exists, and not only that no more are told today.
    exists: bool = False


def tell(*asked: str | None, besides: str | None = None, on_form: bool = False) -> Told:
    """Look for the files that just these words name, each by itself, and note what is told of those out of sight.

    On a form, which asks again and again, a file told of a moment ago is told again without another entry. Who has
    been told of a day's work of files reads that, whether there is another or not.
    """
    words = [one for one in asked if one and elsewhere.is_whole(one)]
    if not words:
        return Told()
    # With the node's eyes: of what is found, only what `_sentence` says leaves this function.
    with reading(as_node=True) as session:
        may = elsewhere.may_be_told(session, by=stamp())
        hits = {hit.customer_id: hit for word in words for hit in elsewhere.find_elsewhere(session, word)}
        lately = elsewhere.told_lately(session, list(hits), by=stamp()) if on_form and hits else set()
    hits.pop(besides or "", None)
    with reading() as session:
        seen = queries.ids_seen(session, hits) if hits else []
    hidden = [hit for at, hit in hits.items() if at not in seen][: elsewhere.MOST_TOLD]
    told = [hit for hit in hidden if may or hit.customer_id in lately]
    for hit in told:
        if hit.customer_id not in lately:
            noted(elsewhere.EVENT, ("customer", hit.customer_id))
    sentences = list(dict.fromkeys(_sentence(hit.served_by) for hit in told))
    if not may:
        sentences.append(_no_more(on_form=on_form))
    return Told(seen, sentences, exists=bool(told))


def tell_served(customer_ids: Collection[str]) -> Mapping[str, str | None]:
    """Return who serves files out of sight that rows of an import look like, 王*, as far as it is told today.

    That one exists the row says by standing there, so each is in the log, once a day; who serves it is said of as many
    a day as on entry forms.
    """
    with reading(as_node=True) as session:
        left = elsewhere.left_to_tell(session, by=stamp())
        before = elsewhere.told_within_a_day(session, customer_ids, by=stamp())
        people = {one.id: one.name for one in managers.list_managers(session)}
        hidden = queries.find_by_ids(session, [*customer_ids])
    served: dict[str, str | None] = {}
    for at in dict.fromkeys(one for one in customer_ids if one in hidden):
        named = before.get(at, left > 0)
        if at not in before:
            left -= 1
            noted(elsewhere.EVENT, ("customer", at), **({} if named else {elsewhere.UNNAMED: True}))
        if named:
            served[at] = elsewhere.masked_name(people.get(hidden[at].manager_id or ""))
    return served


def taken_for(entered: Mapping[str, Any]) -> Sequence[str]:
    """Return whom the finder takes somebody who is entered for, the likeliest first: ids to be looked for in sight.

    The finder's own table is the node's, and its slice stands above this one: the app names it.
    """
    find: Callable[[Session, Mapping[str, Any]], Sequence[str]] | None = current_app.extensions.get(FINDER)
    if find is None:
        return ()
    with reading(as_node=True) as session:
        return find(session, entered)


def _sentence(served_by: str | None) -> str:
    if served_by is None:
        return _("A customer of just this name or number exists already and has no account manager.")
    return _(
        "A customer of just this name or number exists already, served by %(manager)s. Ask for the file to be shared.",
        manager=served_by,
    )


def _no_more(*, on_form: bool) -> str:
    said = _(
        "You have been told of %(most)s files of others within a day. More are not told today.",
        most=elsewhere.MOST_A_DAY,
    )
    at_night = _(
        "At night all files are compared, and the branch manager decides on those that look the same."
    )
    return f"{said} {at_night}" if on_form else said
