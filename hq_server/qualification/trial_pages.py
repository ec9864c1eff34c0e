"""Trying a draft of the rules before it is published: how many customers of each branch it would change."""

from typing import Final

from flask import Blueprint, render_template

from hq_server.branches import web
from hq_server.feed.models import FeedVersion
from hq_server.feed.queries import get_item, standing_of
from hq_server.feed.web import paper_words
from hq_server.qualification import trial
from hq_server.qualification.queries import STANDS
from hq_server.qualification.trial import DOWN, FAILS, KIND, PASSES, SAME, UP, Trial
from shared.domain.calendar import local_day
from shared.domain.published.vocabulary import ItemKind
from shared.domain.qualification.checks import NAME, problem_of
from shared.domain.qualification.collecting import Frame
from shared.domain.qualification.rules import RuleSet, read_rules
from shared.domain.qualification.standard import STANDARD
from shared.domain.qualification.words import rule_word
from shared.errors import N_, BranchlineError, Kind
from shared.i18n import gettext as _
from shared.rights.vocabulary import Action, Resource
from shared.web.access import requires
from shared.web.context import reading, runtime, stamp

blueprint = Blueprint(
    "rules_trial", __name__, template_folder="templates", url_prefix="/qualifications/trial"
)
EFFECT_WORDS: Final = {
    PASSES: N_("Would pass now"),
    FAILS: N_("Would pass no more"),
    KIND: N_("Of another kind"),
    UP: N_("Better grade"),
    DOWN: N_("Lower grade"),
    SAME: N_("As before"),
}


class NothingToTryError(BranchlineError):
    """The item is no rule set, or has no draft that can be judged by."""

    code = "nothing-to-try"
    kind = Kind.NOT_FOUND
    message = N_("There is no draft of rules here that could be tried.")


@blueprint.get("/<id:item_id>")
@requires(Resource.PUBLISHED, Action.UPDATE)
def one(item_id: str) -> str:
    """Show by branch what a draft would change, over the customers that have arrived."""
    now, settings = stamp().at, runtime().settings
    with reading() as session:
        found = standing_of(session, get_item(session, item_id))
        scope = web.scope(session)
    ours = found.item.kind is ItemKind.RULES and found.item.name == NAME
    draft = _rules(found.draft) if ours else None
    if draft is None or found.draft is None:
        raise NothingToTryError
    in_force, _also = trial.without_papers(_rules(found.current) or STANDARD)
    draft, left_out = trial.without_papers(draft)
    shown = [
        number
        for number in scope.branches
        if (not scope.chosen or number in scope.chosen) and found.draft.addresses(scope.code(number))
    ]
    frame = Frame(local_day(now, settings.timezone), settings.timezone, settings.currency)
    # A document that is masked is none that can be checked; what leaves here are counts alone.
    with reading(as_node=True) as session:
        trials = trial.try_rules(session, draft, in_force, shown, frame)
    total = Trial()
    for each in trials.values():
        total.add(each)
    return render_template(
        "hq_qualification/trial.html",
        item=found.item,
        draft=found.draft,
        in_force=found.current,
        scope=scope,
        coverage=scope.coverage.only(shown),
        rows=list(trials.items()),
        total=total,
        effects={code: _(text) for code, text in EFFECT_WORDS.items()},
        stands={code: _(STANDS[code]) for code in trial.STANDS},
        share=trial.SHARE,
        left_out=[rule_word(rule, paper_words()) for rule in left_out],
    )


def _rules(version: FeedVersion | None) -> RuleSet | None:
    if version is None or version.withdrawn or problem_of(NAME, version.body):
        return None
    return read_rules(version.body, version.version)
