"""The tree of an organisation leaves nobody out, whatever arrives."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from shared.domain.organisation.tree import build_tree, path


@dataclass(frozen=True)
class Dept:
    id: str
    parent_id: str | None = None
    position: int = 0
    retired_at: datetime | None = None

    @property
    def name(self):
        return self.id

    code = name


@dataclass(frozen=True)
class Someone:
    id: str
    department_id: str | None

    @property
    def name(self):
        return self.id


IDS = st.sampled_from("abcdefgh")


@given(st.dictionaries(IDS, st.none() | IDS), st.dictionaries(st.integers(0, 9), st.none() | IDS))
def test_every_department_and_every_person_stands_in_the_tree_once(above, people):
    departments: Any = [Dept(one, parent) for one, parent in above.items()]
    someone = [Someone(f"p{number}", department) for number, department in people.items()]

    tree = build_tree(departments, someone)

    walked = [node for _depth, node in tree.walk()]
    assert sorted(node.department.id for node in walked) == sorted(above)
    shown = [one for node in walked for one in node.people] + list(tree.unassigned)
    assert sorted(one.id for one in shown) == sorted(one.id for one in someone)
    assert sum(node.count for node in tree.roots) + len(tree.unassigned) == len(someone)


def test_neighbours_stand_in_their_order_and_retired_ones_last():
    old = datetime(2026, 1, 1, tzinfo=UTC)
    departments: Any = [Dept("a", position=2), Dept("b", position=1), Dept("c", None, 0, old)]
    nobody: list[Someone] = []
    tree = build_tree(departments, nobody)

    assert [node.department.id for node in tree.roots] == ["b", "a", "c"]


def test_a_path_names_the_departments_from_the_top():
    known: Any = {one.id: one for one in (Dept("a"), Dept("b", "a"), Dept("c", "b"))}

    assert path("c", known) == ["a", "b", "c"]
    assert path(None, known) == []
    assert path("x", known) == []
