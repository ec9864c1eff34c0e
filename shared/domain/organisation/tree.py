"""The organisation as a tree: decided over plain values, so that both tiers draw it alike."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar

from shared.domain.organisation.fields import DepartmentFields


class PersonRow(Protocol):
    """What a tree needs of a person, whichever table they come from."""

    @property
    def id(self) -> str: ...  # noqa: D102 - a column
    @property
    def name(self) -> str: ...  # noqa: D102 - a column
    @property
    def department_id(self) -> str | None: ...  # noqa: D102 - a column


Department = TypeVar("Department", bound=DepartmentFields)
Person = TypeVar("Person", bound=PersonRow)


@dataclass(frozen=True)
class TreeNode(Generic[Department, Person]):
    """A department with what stands under it."""

    department: Department
    people: Sequence[Person]
    children: list["TreeNode[Department, Person]"] = field(default_factory=list)

    @property
    def count(self) -> int:
        """How many people there are in it and below."""
        return len(self.people) + sum(child.count for child in self.children)


@dataclass(frozen=True)
class Tree(Generic[Department, Person]):
    """The departments of one node from the top down, and the people who belong to none."""

    roots: Sequence[TreeNode[Department, Person]]
    unassigned: Sequence[Person]

    def walk(self) -> Iterator[tuple[int, TreeNode[Department, Person]]]:
        """Return every department with its depth, in the order in which people read a tree."""
        waiting = [(0, node) for node in reversed(self.roots)]
        while waiting:
            depth, node = waiting.pop()
            yield depth, node
            waiting += [(depth + 1, child) for child in reversed(node.children)]


def build_tree(departments: Sequence[Department], people: Sequence[Person]) -> Tree[Department, Person]:
    """Put departments and people into their tree; none is ever left out.

    A department whose superior is not there, or that would stand under itself, is shown at the top.
    """
    ordered = sorted(
        departments, key=lambda one: (one.retired_at is not None, one.position, one.name, one.id)
    )
    members: dict[str | None, list[Person]] = {}
    known = {one.id for one in ordered}
    for person in sorted(people, key=lambda one: (one.name, one.id)):
        at = person.department_id if person.department_id in known else None
        members.setdefault(at, []).append(person)
    nodes = {one.id: TreeNode(one, members.get(one.id, [])) for one in ordered}
    above = {one.id: one.parent_id if one.parent_id in known else None for one in ordered}
    roots = []
    for one in ordered:
        parent = above[one.id]
        if parent is None or one.id in lineage(parent, above):
            above[one.id] = None
            roots.append(nodes[one.id])
        else:
            nodes[parent].children.append(nodes[one.id])
    return Tree(roots, members.get(None, []))


def lineage(department_id: str, above: Mapping[str, str | None]) -> list[str]:
    """Return a department and those above it up to the top; a circle is gone round once."""
    found: list[str] = []
    at: str | None = department_id
    while at is not None and at not in found:
        found.append(at)
        at = above.get(at)
    return found


def path(department_id: str | None, departments: Mapping[str, Department]) -> list[str]:
    """Return the names from the top down to a department; empty for none."""
    if department_id is None:
        return []
    above = {one.id: one.parent_id for one in departments.values()}
    return [departments[one].name for one in reversed(lineage(department_id, above)) if one in departments]
