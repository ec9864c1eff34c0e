"""What a draft of the rules would change: it and the rules in force judge what branches have sent, nothing is written.

Only a share of each branch's customers is judged, drawn by their ids, so that a page answers at once; branches judge
for themselves once the draft is published, and each judgement there is approved by a person.
"""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from sqlalchemy import ColumnElement, Select, String, cast, func, select
from sqlalchemy.orm import Session

from hq_server.replica.models import (
    ReplicaBillLine,
    ReplicaContact,
    ReplicaCustomer,
    ReplicaCustomerIdentity,
    ReplicaErasure,
    ReplicaWorkLog,
)
from shared.domain.documents.vocabulary import kind_of
from shared.domain.qualification.collecting import Frame, Sources, collect_facts
from shared.domain.qualification.rules import Judgement, Rule, RuleSet, judge
from shared.domain.qualification.vocabulary import JudgedAs

# So many customers of a branch are judged at most.
SHARE: Final = 500
FAILED: Final = "failed"
STANDS: Final = ("A", "B", "C", "D", FAILED)
PASSES: Final = "passes"
FAILS: Final = "fails"
UP: Final = "up"
DOWN: Final = "down"
KIND: Final = "kind"
SAME: Final = "same"
# What the draft does to a customer; the first that is true counts.
EFFECTS: Final = (PASSES, FAILS, KIND, UP, DOWN, SAME)


@dataclass(slots=True)
class Trial:
    """What the draft does to the customers of a branch who were judged; `held` is how many there are in all."""

    held: int = 0
    judged: int = 0
    effects: Counter[str] = field(default_factory=Counter)
    before: Counter[str] = field(default_factory=Counter)
    after: Counter[str] = field(default_factory=Counter)

    def add(self, other: "Trial") -> None:
        """Count another branch's customers as well."""
        self.held += other.held
        self.judged += other.judged
        for own, more in (
            (self.effects, other.effects),
            (self.before, other.before),
            (self.after, other.after),
        ):
            own.update(more)


def try_rules(
    session: Session, draft: RuleSet, in_force: RuleSet, branches: Collection[int], frame: Frame
) -> Mapping[int, Trial]:
    """Return by branch what `draft` would do; the session must see customers unmasked, or no document is valid."""
    return {number: _of_branch(session, draft, in_force, number, frame) for number in sorted(branches)}


def without_papers(rules: RuleSet) -> tuple[RuleSet, list[Rule]]:
    """Return the rules that can be tried here, and those about papers, which stay at branches and so cannot be."""
    left = [rule for rule in rules.rules if kind_of(rule.fact)]
    return replace(rules, rules=tuple(rule for rule in rules.rules if rule not in left)), left


def effect_of(before: Judgement, after: Judgement) -> str:
    """Return what becomes of a customer who was judged so and would be judged otherwise."""
    if before.outcome is not after.outcome:
        return PASSES if after.outcome is JudgedAs.PASSED else FAILS
    if before.kind is not after.kind:
        return KIND
    if before.grade is None or after.grade is None or before.grade is after.grade:
        return SAME
    return UP if after.grade.value < before.grade.value else DOWN


def _of_branch(session: Session, draft: RuleSet, in_force: RuleSet, number: int, frame: Frame) -> Trial:
    held = session.scalar(_customers(number).with_only_columns(func.count())) or 0
    trial = Trial(held=held)
    for known in collect_facts(session, _sources(number), _drawn(session, number), frame).values():
        old, new = (judge(rules, known, frame.today) for rules in (in_force, draft))
        trial.judged += 1
        trial.effects[effect_of(old, new)] += 1
        trial.before[_stand(old)] += 1
        trial.after[_stand(new)] += 1
    return trial


def _drawn(session: Session, number: int) -> Sequence[str]:
    # The last digits of an id are drawn by chance when it is made: their order is no order of time.
    by_chance = func.substr(cast(ReplicaCustomer.id, String), 25)
    wanted = _customers(number).order_by(by_chance, ReplicaCustomer.id).limit(SHARE)
    return session.scalars(wanted).all()


def _customers(number: int) -> Select[str]:
    gone = select(ReplicaErasure.customer_id).where(ReplicaErasure.branch_number == number)
    merged = select(ReplicaCustomerIdentity.customer_id).where(
        ReplicaCustomerIdentity.branch_number == number
    )
    return select(ReplicaCustomer.id).where(
        ReplicaCustomer.branch_number == number,
        ReplicaCustomer.id.not_in(gone),
        ReplicaCustomer.id.not_in(merged),
    )


def _sources(number: int) -> Sources:
    def only(entity: Any) -> ColumnElement[bool]:  # noqa: ANN401 - a mapped class
        condition: ColumnElement[bool] = entity.branch_number == number
        return condition

    return Sources(
        ReplicaCustomer,
        ReplicaContact,
        ReplicaBillLine,
        ReplicaWorkLog,
        only,
        identities=ReplicaCustomerIdentity,
    )


def _stand(judged: Judgement) -> str:
    return judged.grade.value if judged.grade is not None else FAILED
