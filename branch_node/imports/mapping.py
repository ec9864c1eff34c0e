"""Which heading of a file means which column, and how the words of the file are to be read."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from branch_node.imports.columns import ATTRIBUTE, Column, Context, Kind
from branch_node.imports.kinds import KINDS
from branch_node.imports.parsers import Parser
from shared.errors import N_, BranchlineError
from shared.errors import Kind as ErrorKind
from shared.files.tables import normalise_heading
from shared.i18n import current_language

# What our own error files add, in either language; such a file can be mended and taken in as it is.
REASON_HEADINGS: Final = ("row", "column", "code", "message")
REASON_HEADINGS_ZH: Final = ("行号", "列名", "代码", "原因")
REASON_PREFIX: Final = "refused_"
REASON_PREFIX_ZH: Final = "退回"


class ImportFileError(BranchlineError):
    """The file, or the way it is to be read, does not fit its kind; nothing was taken in."""

    code = "import-file"


class UnknownKindError(ImportFileError):
    """There is no such kind of file."""

    code = "unknown-kind"
    kind = ErrorKind.NOT_FOUND
    message = N_("%(kind)s is not a kind of file that can be taken in.")


class UnrecognisedKindError(ImportFileError):
    """The headings fit several kinds of file alike, or none."""

    code = "unrecognised-kind"
    message = N_("The headings do not say what this file holds. Choose it.")


class UnknownTargetError(ImportFileError):
    """The mapping names a column that this kind does not have."""

    code = "unknown-target"
    message = N_("The mapping names %(column)s, which %(kind)s does not have. It has: %(known)s.")


class UnknownHeadingError(ImportFileError):
    """The mapping names a heading that the file does not have."""

    code = "unknown-heading"
    message = N_("The mapping names the heading %(heading)s, which the file does not have.")


class MappedTwiceError(ImportFileError):
    """Two headings are to fill one column."""

    code = "mapped-twice"
    message = N_("More than one column of the file means %(column)s. Map one of them, or rename it.")


class MissingColumnsError(ImportFileError):
    """Columns without which no row can be taken are missing."""

    code = "columns-missing"
    message = N_("The file lacks columns that %(kind)s need: %(columns)s. Add them, or map headings to them.")


class UpdateByError(ImportFileError):
    """Records of this kind cannot be found by that column."""

    code = "update-by"
    message = N_("%(kind)s cannot be updated by %(column)s. Possible: %(allowed)s.")


class FactsAreFinalError(ImportFileError):
    """Facts are never updated."""

    code = "facts-final"
    message = N_(
        "Entries of %(kind)s are never changed. Take in a new entry that corrects the old one (corrects_no)."
    )


@dataclass(frozen=True, slots=True)
class ColumnMap:
    """How a person says a file is to be read.

    `columns` maps headings to one or more columns, `constants` gives a column one value for all rows,
    `defaults` the value of blank cells, `values` the meaning of the file's own words, column by column.
    Headings that say what they mean need no entry.
    """

    columns: Mapping[str, Sequence[str]] = field(default_factory=dict)
    constants: Mapping[str, str] = field(default_factory=dict)
    defaults: Mapping[str, str] = field(default_factory=dict)
    values: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    ignore: Sequence[str] = ()

    def as_json(self) -> dict[str, Any]:
        """Return it as plain JSON, to be remembered with the import."""
        return {
            "columns": {heading: list(names) for heading, names in self.columns.items()},
            "constants": dict(self.constants),
            "defaults": dict(self.defaults),
            "values": {name: dict(words) for name, words in self.values.items()},
            "ignore": list(self.ignore),
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "ColumnMap":
        """Return what `as_json` gave."""
        return cls(**data)


class Field(NamedTuple):
    """One column as this file fills it: from the cell at `position`, or from `constant`.

    `target` is the column of the table, or an attribute's name; `refers` names the table looked up.
    """

    name: str
    required: bool
    parse: Parser
    position: int | None
    constant: str
    default: str
    words: Mapping[str, str] | None
    target: str
    is_attribute: bool
    refers: str | None
    column: Column


@dataclass(frozen=True, slots=True)
class Plan:
    """A kind, a file's headings and a mapping put together: everything needed to read a row."""

    kind: Kind
    context: Context
    headings: tuple[str, ...]
    fields: tuple[Field, ...]
    unknown_columns: tuple[str, ...]
    update_by: str | None

    @property
    def present(self) -> frozenset[str]:
        """The columns that the file or the mapping fills."""
        return frozenset(field.name for field in self.fields)


def get_kind(name: str) -> Kind:
    """Return the kind of file called `name`; raises UnknownKindError."""
    kind = KINDS.get(name)
    if kind is None:
        raise UnknownKindError(kind=name)
    return kind


def heading_key(headings: Iterable[str]) -> str:
    """Return what tells one set of headings from another, so that its mapping can be remembered."""
    normal = sorted(normalise_heading(heading) for heading in headings)
    return hashlib.sha256("\n".join(normal).encode()).hexdigest()


def recognise(headings: Sequence[str]) -> Kind:
    """Return the kind of file these headings are of; raises UnrecognisedKindError.

    It is the one that knows most of them, where it has the columns it cannot do without; two alike are none.
    """
    known = {name: set(suggest(kind, headings).values()) for name, kind in KINDS.items()}
    fits = {
        name: ({column.name for column in kind.columns if column.required} <= known[name], len(known[name]))
        for name, kind in KINDS.items()
    }
    best = [name for name, fit in fits.items() if fit == max(fits.values())]
    if len(best) > 1 or not known[best[0]]:
        raise UnrecognisedKindError
    return KINDS[best[0]]


def suggest(kind: Kind, headings: Sequence[str]) -> dict[str, str]:
    """Return the column each heading says it means; headings that say nothing are left out."""
    names: dict[str, str] = {}
    for column in kind.columns:
        for spelling in (column.name, column.chinese, *column.aliases):
            names.setdefault(normalise_heading(spelling), column.name)
    found: dict[str, str] = {}
    for heading in headings:
        name = names.get(normalise_heading(heading))
        if name is None and kind.column(normalise_heading(heading)) is not None:
            name = normalise_heading(heading)
        if name is not None and name not in found.values():
            found[heading] = name
    return found


def make_plan(
    kind: Kind, headings: Sequence[str], column_map: ColumnMap, context: Context, *, update_by: str | None
) -> Plan:
    """Put everything together; raises ImportFileError when the file cannot be read that way."""
    _check_update_by(kind, update_by)
    _check_targets(kind, column_map)
    chosen = _chosen(kind, headings, column_map)
    fields = [
        _field(kind, name, column_map, context, index=headings.index(heading))
        for heading, names in chosen.items()
        for name in names
    ]
    filled = {field.name for field in fields}
    fields += [
        _field(kind, name, column_map, context, index=None)
        for name in column_map.constants
        if name not in filled
    ]
    plan = Plan(
        kind, context, tuple(headings), tuple(fields), _unknown(headings, chosen, column_map), update_by
    )
    _check_complete(plan)
    return plan


def reason_columns(headings: Sequence[str]) -> tuple[str, ...]:
    """Return what an error file of a file with these headings calls its four columns, in the reader's language."""
    taken = {normalise_heading(heading) for heading in headings}
    plain, prefixed = _spellings()[current_language() == "zh_CN"]
    return plain if taken.isdisjoint(plain) else prefixed


def _spellings() -> tuple[tuple[tuple[str, ...], tuple[str, ...]], ...]:
    return tuple(
        (plain, tuple(prefix + heading for heading in plain))
        for plain, prefix in ((REASON_HEADINGS, REASON_PREFIX), (REASON_HEADINGS_ZH, REASON_PREFIX_ZH))
    )


def own_columns(headings: Sequence[str]) -> int:
    """Return how many of the headings are the file's own: an error file ends in four of ours."""
    last = tuple(normalise_heading(heading) for heading in headings[-4:])
    ours = {each for spelt in _spellings() for each in spelt}
    return len(headings) - 4 if last in ours else len(headings)


def _chosen(kind: Kind, headings: Sequence[str], column_map: ColumnMap) -> dict[str, list[str]]:
    """Return the columns that each heading fills: as mapped, else as the heading itself says."""
    by_normal = {normalise_heading(heading): heading for heading in headings}
    chosen: dict[str, list[str]] = {}
    taken: set[str] = set(column_map.constants)
    for given, names in column_map.columns.items():
        heading = by_normal.get(normalise_heading(given))
        if heading is None:
            raise UnknownHeadingError(heading=given)
        for name in names:
            if name in taken:
                raise MappedTwiceError(column=name)
            taken.add(name)
        chosen[heading] = list(names)
    left_out = {normalise_heading(heading) for heading in column_map.ignore}
    for heading, name in suggest(kind, headings[: own_columns(headings)]).items():
        if heading not in chosen and name not in taken and normalise_heading(heading) not in left_out:
            chosen[heading] = [name]
            taken.add(name)
    return {heading: chosen[heading] for heading in headings if chosen.get(heading)}


def _unknown(
    headings: Sequence[str], chosen: Mapping[str, Sequence[str]], column_map: ColumnMap
) -> tuple[str, ...]:
    left_out = {normalise_heading(heading) for heading in column_map.ignore}
    return tuple(
        heading
        for heading in headings[: own_columns(headings)]
        if heading not in chosen and normalise_heading(heading) not in left_out
    )


def _field(kind: Kind, name: str, column_map: ColumnMap, context: Context, *, index: int | None) -> Field:
    column = kind.column(name)
    assert column is not None, name
    words = column_map.values.get(name)
    return Field(
        name=column.name,
        required=column.required,
        parse=column.parser(context),
        position=index,
        constant=column_map.constants.get(name, "").strip() if index is None else "",
        default=column_map.defaults.get(name, "").strip(),
        words={given.strip().casefold(): meaning for given, meaning in words.items()} if words else None,
        target=column.stored_as.removeprefix(ATTRIBUTE),
        is_attribute=column.stored_as.startswith(ATTRIBUTE),
        refers=column.refers.name if column.refers is not None else None,
        column=column,
    )


def _check_update_by(kind: Kind, update_by: str | None) -> None:
    if update_by is None:
        return
    if kind.is_fact:
        raise FactsAreFinalError(kind=kind.label)
    if update_by not in kind.update_by:
        raise UpdateByError(kind=kind.label, column=update_by, allowed=", ".join(kind.update_by))


def _check_targets(kind: Kind, column_map: ColumnMap) -> None:
    named = [name for names in column_map.columns.values() for name in names]
    for name in (*named, *column_map.constants, *column_map.defaults, *column_map.values):
        if kind.column(name) is None:
            known = ", ".join(column.name for column in kind.columns)
            raise UnknownTargetError(column=name, kind=kind.label, known=known)


def _check_complete(plan: Plan) -> None:
    """Ask for the column that finds the record; without an update, for what every row must have."""
    needed = (
        [plan.update_by]
        if plan.update_by
        else [column.name for column in plan.kind.columns if column.required]
    )
    missing = [name for name in needed if name not in plan.present]
    if missing:
        raise MissingColumnsError(kind=plan.kind.label, columns=", ".join(missing))
