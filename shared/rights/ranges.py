"""Rows by data range: a session that looks with somebody's eyes finds the rows of their range and no others.

Each app declares once, per mapped class, which rows a range holds (`Ranged`). Every ORM statement of a session with a
`Sight` is narrowed as it is executed, whatever its author thought of: lists, searches, counts, sums, exports,
updates. On PostgreSQL the same declarations are policies of row-level security (`shared.rights.rowsecurity`), the
second wall. A statement over the tables themselves would pass beside the first one, so it is refused.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any, Final, NamedTuple
from uuid import UUID

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    Integer,
    String,
    Table,
    bindparam,
    event,
    false,
    inspect,
)
from sqlalchemy.orm import LoaderCriteriaOption, ORMExecuteState, Session
from sqlalchemy.orm.interfaces import CriteriaOption
from sqlalchemy.sql import visitors

from shared.db.base import Id, Instant
from shared.db.scope import ScopedSession
from shared.rights import policy
from shared.rights.policy import Person
from shared.rights.vocabulary import Action, DataRange, Resource

SIGHT: Final = "branchline_sight"
# As execution options of a statement over tables themselves, whose author has added `rows_seen`.
BY_HAND: Final = {"branchline_rows_by_hand": True}
# Compared with where nobody is: an absent value would ask for IS NULL, and so hold the rows that nobody holds.
NOBODY: Final = str(UUID(int=0))


class UnrangedStatementError(Exception):
    """A statement of a person's request named a table of ranged rows instead of its mapped class: a mistake of ours."""


@dataclass(frozen=True, slots=True)
class Seer:
    """Who looks and when: values in a statement, settings of the transaction in a policy of the database.

    A policy `compares_rows` that a statement has come upon; a statement may be led to its rows by what it asks for.
    """

    user_id: Any
    manager_id: Any
    at: Any
    compares_rows: bool = False


@dataclass(frozen=True, eq=False)
class Ranged:
    """The rows of one mapped class that each range holds; a range that `rows` does not name holds them all.

    `branch` is the column with the branch's number, where people may be limited to some branches. Rows that have none,
    as accounts and entries of the log, say by `limited` which of them such people see, given a JSON array of the
    branches. Without `rows` everybody else sees them all.
    """

    entity: type[Any]
    resource: Resource
    rows: Mapping[DataRange, Callable[[Seer], ColumnElement[bool]]] = field(default_factory=dict)
    branch: Any = None
    limited: Callable[[Seer, ColumnElement[str]], ColumnElement[bool]] | None = None

    @cached_property
    def table(self) -> Table:
        """The table behind the class."""
        found = inspect(self.entity).local_table
        assert isinstance(found, Table)
        return found


class _Narrowed(LoaderCriteriaOption):
    """The criterion of a class, turned to its alias also where one is joined.

    SQLAlchemy turns it where an alias is selected from, and leaves it with the class where one is joined: then the
    database knows no such column, or narrows the wrong one of two.
    """

    _traverse_internals = LoaderCriteriaOption._traverse_internals  # part of the key of compiled statements

    def _resolve_where_criteria(self, ext_info: Any) -> ColumnElement[bool]:  # noqa: ANN401 - SQLAlchemy's own
        found = super()._resolve_where_criteria(ext_info)
        return ext_info._adapter.traverse(found) if ext_info.is_aliased_class else found


class _Narrowing(CriteriaOption):
    """What one person's statements are narrowed by, as one option for all classes there are.

    SQLAlchemy knows a statement again by the shape of this, which is whose rows of what are seen; who looks and when
    are values that go with each statement. So conditions are made for a statement that was never met in this shape,
    and neither made nor compared for any other.
    """

    propagate_to_loaders = True

    def __init__(self, sight: "Sight") -> None:
        self._sight = sight
        self._shape = (_Narrowing, *sight.ranged, *sight.shape)

    def _gen_cache_key(self, _anon_map: Any, bindparams: list[BindParameter[Any]]) -> tuple[Any, ...]:  # noqa: ANN401 - SQLAlchemy's own
        bindparams.extend(self._sight.compared)
        return self._shape

    def process_compile_state(self, compile_state: Any) -> None:  # noqa: ANN401 - SQLAlchemy's own
        """Narrow a statement that is being put together."""
        self.get_global_criteria(compile_state.global_attributes)

    def process_compile_state_replaced_entities(self, compile_state: Any, mapper_entities: Any) -> None:  # noqa: ANN401, ARG002 - SQLAlchemy's own
        """Narrow one whose columns took the place of others."""
        self.process_compile_state(compile_state)

    def get_global_criteria(self, attributes: Any) -> None:  # noqa: ANN401 - SQLAlchemy's own
        """Add what each class is narrowed by to what is known of a statement."""
        for one in self._criteria:
            one.get_global_criteria(attributes)

    @cached_property
    def _criteria(self) -> Sequence[LoaderCriteriaOption]:
        found = ((one.entity, self._sight.condition(one)) for one in self._sight.ranged)
        return [
            _Narrowed(entity, condition, include_aliases=True)
            for entity, condition in found
            if condition is not None
        ]


class Compared(NamedTuple):
    """What rows are compared with: the values of who looks, by names that no statement has besides."""

    user: BindParameter[str]
    manager: BindParameter[str]
    at: BindParameter[datetime]
    branches: BindParameter[Any]
    listed: BindParameter[str]


@dataclass(frozen=True)
class Sight:
    """With whose eyes a session looks: the range they have in each resource, `branches` None for all of them.

    Where somebody may see sums only, rows count in sessions that are said to make `sums`. Contact data of what is
    `masked` comes back masked (shared.rights.masking).
    """

    seer: Seer
    reach: Mapping[Resource, DataRange]
    ranged: Sequence[Ranged]
    branches: tuple[int, ...] | None = None
    sums: bool = False
    person: Person | None = None
    masked: frozenset[Resource] = frozenset()

    def may(self, resource: Resource, action: Action) -> bool:
        """Tell whether who looks may do this to any row; for operations that ask more than a range."""
        return self.person is not None and policy.may(self.person, resource, action)

    def range_of(self, resource: Resource) -> DataRange:
        """Return whose rows of `resource` are seen."""
        found = self.reach.get(resource, DataRange.NONE)
        if found is DataRange.AGGREGATE:
            return DataRange.GROUP if self.sums else DataRange.NONE
        return found

    @cached_property
    def criteria(self) -> tuple[CriteriaOption, ...]:
        """What every statement is narrowed by; nothing for those who see all."""
        return () if self.sees_all else (_Narrowing(self),)

    @cached_property
    def tables(self) -> frozenset[Table]:
        """The tables of which not every row is seen."""
        return frozenset(one.table for one in self.ranged if self._narrows(one))

    @cached_property
    def sees_all(self) -> bool:
        """Whether no row of anything is kept back."""
        return not any(self._narrows(one) for one in self.ranged)

    @property
    def shape(self) -> tuple[Any, ...]:
        """What conditions are made of, besides values: two sights of one shape ask the same of other values."""
        return (self.branches is None, *(self.range_of(one.resource).value for one in self.ranged))

    @cached_property
    def compared(self) -> Compared:
        """What conditions compare with."""
        branches = self.branches or ()
        return Compared(
            bindparam("branchline_user", self.seer.user_id or NOBODY, Id()),
            bindparam("branchline_manager", self.seer.manager_id or NOBODY, Id()),
            bindparam("branchline_at", self.seer.at, Instant()),
            bindparam("branchline_branches", branches, Integer(), expanding=True),
            bindparam("branchline_listed", json.dumps(branches), String()),
        )

    def rows_of(self, table: Table) -> list[ColumnElement[bool]]:
        """Return what a statement over the table itself has to ask for besides; nothing where all rows are seen."""
        found = [self.condition(one) for one in self.ranged if one.table is table]
        return [condition for condition in found if condition is not None]

    def condition(self, one: Ranged) -> ColumnElement[bool] | None:
        """Return which rows are seen; None for all of them."""
        within = self._within(one)
        if one.limited is not None and not one.rows:
            return within
        reach = self.range_of(one.resource)
        if reach is DataRange.NONE:
            return false()
        condition = one.rows[reach](self._compared_seer) if reach in one.rows else None
        if condition is None or within is None:
            return condition if within is None else within
        return condition & within

    def _narrows(self, one: Ranged) -> bool:
        """Tell whether there is a condition, without making it."""
        if self.branches is not None and (one.limited is not None or one.branch is not None):
            return True
        if one.limited is not None and not one.rows:
            return False
        reach = self.range_of(one.resource)
        return reach is DataRange.NONE or reach in one.rows

    def _within(self, one: Ranged) -> ColumnElement[bool] | None:
        """Return which rows somebody limited to some branches sees; None for everybody else."""
        if self.branches is None:
            return None
        if one.limited is not None:
            return one.limited(self._compared_seer, self.compared.listed)
        within: ColumnElement[bool] | None = (
            None if one.branch is None else one.branch.in_(self.compared.branches)
        )
        return within

    @property
    def _compared_seer(self) -> Seer:
        return Seer(self.compared.user, self.compared.manager, self.compared.at)


def nobody(ranged: Sequence[Ranged], at: datetime) -> Sight:
    """Return the sight of whoever is not signed in: no row of the business."""
    return Sight(Seer(None, None, at), {}, ranged)


def sight_for(
    person: Person,
    seer: Seer,
    ranged: Sequence[Ranged],
    *,
    doing: tuple[Resource | None, Action | None] = (None, None),
    branches: tuple[int, ...] | None = None,
    sums: bool = False,
    masks: bool = False,
) -> Sight:
    """Return with whose eyes somebody looks who is `doing` something to a resource; with `masks` nothing is whole."""
    reach, masked = {}, set()
    for resource in {one.resource for one in ranged}:
        # What is worked on is seen as far as that action goes, all else as far as reading does.
        action = doing[1] if doing[0] is resource else None
        found = policy.allowed(person, resource, action or Action.READ)
        reach[resource] = found.range if found else DataRange.NONE
        if found is None or found.masked or masks:
            masked.add(resource)
    return Sight(
        seer,
        reach,
        ranged,
        branches=branches,
        sums=sums,
        person=person,
        masked=frozenset(masked),
    )


def sight_of(session: Session) -> Sight | None:
    """Return with whose eyes a session looks; None when the node itself does."""
    found = session.info.get(SIGHT)
    return found if isinstance(found, Sight) else None


def rows_seen(session: Session, table: Table) -> list[ColumnElement[bool]]:
    """Return the conditions for a statement over a table itself, which goes with the options BY_HAND."""
    sight = sight_of(session)
    return sight.rows_of(table) if sight is not None else []


@event.listens_for(ScopedSession, "do_orm_execute")
def _narrow(state: ORMExecuteState) -> None:
    sight = sight_of(state.session)
    if sight is None or state.is_column_load:
        return
    if state.execution_options.get("branchline_rows_by_hand"):
        return
    if not state.is_orm_statement:
        _refuse_tables(state.statement, sight)
    elif sight.criteria and not state.is_insert:
        state.statement = state.statement.options(*sight.criteria)


def _refuse_tables(statement: Any, sight: Sight) -> None:  # noqa: ANN401 - any executable
    # A column of a mapped class stands for its table, which the walk itself does not reach.
    parts = [(part, getattr(part, "table", None)) for part in visitors.iterate(statement)]
    names = {one.name for pair in parts for one in pair if isinstance(one, Table)}
    if named := names & {table.name for table in sight.tables}:
        raise UnrangedStatementError(", ".join(sorted(named)))
