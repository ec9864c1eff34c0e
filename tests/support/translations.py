"""What there is to translate, and how the catalogues differ from it.

`python -m tests.support.translations` lists what is missing; with `update` it adds new texts to the
catalogues, empty, and drops those no longer used. A text that a package below translates is not repeated.
"""

import re
import sys
from pathlib import Path
from typing import Final

from babel.messages.catalog import Catalog, Message
from babel.messages.extract import DEFAULT_KEYWORDS, extract_from_dir
from babel.messages.pofile import read_po, write_po

ROOT: Final = Path(__file__).parents[2]
# Each package with those below it, in the order in which a text's translation is looked for.
BELOW: Final[dict[str, tuple[str, ...]]] = {
    "shared": (),
    "sync_protocol": ("shared",),
    "hq_server": ("sync_protocol", "shared"),
    "branch_node": ("sync_protocol", "shared"),
}
LANGUAGE: Final = "zh_CN"
METHODS: Final = [("**/templates/**.html", "jinja2"), ("**/templates/**.txt", "jinja2"), ("**.py", "python")]
OPTIONS: Final = {"**/templates/**.html": {"trimmed": "true", "silent": "false", "newstyle_gettext": "true"}}
KEYWORDS: Final = {
    **DEFAULT_KEYWORDS,
    "_l": None,
    "_n": (1, 2),
    "lazy_gettext": None,
    "lazy_ngettext": (1, 2),
    "lazy_pgettext": ((1, "c"), 2),
}
Key = tuple[str, str | None]
# What stands between the names of a list is no word, yet not the same in every language.
SEPARATOR: Final = ", "
PLACEHOLDER: Final = re.compile(r"%(?:\(\w+\))?[sdf%]|\{\w*\}")


def catalogue_path(package: str) -> Path:
    """Return where a package's translations are."""
    return ROOT / package / "translations" / LANGUAGE / "LC_MESSAGES" / "messages.po"


def extract(package: str) -> Catalog:
    """Return every text of a package that a person may see."""
    found = Catalog(locale=LANGUAGE, fuzzy=False)
    for name, line, message, comments, context in extract_from_dir(
        ROOT / package, method_map=METHODS, options_map=OPTIONS, keywords=KEYWORDS, comment_tags=("NOTE:",)
    ):
        words = PLACEHOLDER.sub("", message if isinstance(message, str) else str(message[0]))
        frame = not any(letter.isalpha() for letter in words)  # such as "%(reason)s"
        if frame and message != SEPARATOR:
            continue
        found.add(message, locations=[(f"{package}/{name}", line)], auto_comments=comments, context=context)
    return found


def read(path: Path) -> Catalog:
    """Return a catalogue as it is on disk; an empty one where there is none."""
    if not path.exists():
        return Catalog(locale=LANGUAGE, fuzzy=False)
    with path.open("rb") as file:
        return read_po(file, locale=LANGUAGE, abort_invalid=True)


def shortcomings(package: str) -> list[str]:
    """Tell, one sentence each, where a package is not completely translated."""
    known, inherited = entries(read(catalogue_path(package))), inherited_entries(package)
    used = entries(extract(package))
    problems = [
        f"not in a catalogue: {message.id!r} ({place(message)})"
        for key, message in used.items()
        if key not in known and key not in inherited
    ]
    problems += [f"{flaw(message)}: {message.id!r}" for message in known.values() if flaw(message)]
    problems += [f"no longer used: {known[key].id!r}" for key in known.keys() - used_here_or_above(package)]
    problems += [
        f"translated otherwise in a package below, which wins: {message.id!r}"
        for key, message in known.items()
        if key in inherited and inherited[key].string != message.string
    ]
    return sorted(problems)


def entries(catalogue: Catalog) -> dict[Key, Message]:
    """Return a catalogue's texts without its header."""
    return {(str(message.id), message.context): message for message in catalogue if message.id}


def inherited_entries(package: str) -> dict[Key, Message]:
    """Return what the packages below translate already: one catalogue serves all above it."""
    found: dict[Key, Message] = {}
    for below in BELOW[package]:
        found |= entries(read(catalogue_path(below)))
    return found


def used_here_or_above(package: str) -> set[Key]:
    """Return the texts that a package and those that stand on it use."""
    above = [other for other, below in BELOW.items() if package in below]
    return {key for other in (package, *above) for key in entries(extract(other))}


def place(message: Message) -> str:
    """Return where a text stands in the code."""
    return ", ".join(f"{path}:{line}" for path, line in message.locations[:2])


def placeholders(text: str) -> frozenset[str]:
    """Return what a text leaves open for values."""
    return frozenset(PLACEHOLDER.findall(text))


def flaw(message: Message) -> str | None:
    """Return what is wrong with one translation, or None."""
    texts = [message.string] if isinstance(message.string, str) else list(message.string or [""])
    if not all(text and text.strip() for text in texts):
        return "not translated"
    if message.fuzzy:
        return "fuzzy"
    ids = [message.id] if isinstance(message.id, str) else list(message.id)
    wanted = {placeholders(text) for text in ids}
    if any(placeholders(text) not in wanted for text in texts):
        return f"other placeholders in {texts!r}"
    return None


def update(package: str) -> int:
    """Bring a package's catalogue up to date with its code; returns how many texts lack a translation."""
    path, used, inherited = catalogue_path(package), extract(package), inherited_entries(package)
    catalogue = read(path)
    known, needed = entries(catalogue), used_here_or_above(package)
    for key in known.keys() - needed:
        catalogue.delete(known[key].id, known[key].context)
    for key, message in entries(used).items():
        if key not in known and key not in inherited:
            catalogue.add(message.id, "", flags=message.flags, context=message.context)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        write_po(file, catalogue, no_location=True, width=100)
    return sum(1 for message in entries(catalogue).values() if flaw(message))


def main() -> int:
    """Update the catalogues, or tell what is wrong with them; returns 1 when something is left."""
    left = 0
    for package in BELOW:
        if sys.argv[1:] == ["update"]:
            missing = update(package)
            print(f"{package}: {missing} to translate in {catalogue_path(package).relative_to(ROOT)}")
        else:
            problems = shortcomings(package)
            missing = len(problems)
            print("\n".join([f"{package}: {missing} to mend", *problems]))
        left += missing
    return 1 if left else 0


if __name__ == "__main__":
    raise SystemExit(main())
