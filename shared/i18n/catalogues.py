"""Finding the translations: one catalogue a package, merged into one for each language."""

from collections.abc import Iterator
from functools import lru_cache
from importlib.util import find_spec
from io import BytesIO
from pathlib import Path
from typing import Final

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.support import NullTranslations, Translations

SOURCE_LANGUAGE: Final = "en"
# In the order in which people are offered them; each is named in its own language.
LANGUAGES: Final[dict[str, str]] = {"zh_CN": "中文", "en": "English"}
# The first package that translates a msgid wins, so a word that both tiers use belongs into `shared`.
CATALOGUE_PACKAGES: Final = ("shared", "sync_protocol", "hq_server", "branch_node")


@lru_cache(maxsize=len(LANGUAGES))
def load_catalogue(language: str) -> NullTranslations:
    """Return everything translated into `language`; a msgid that nobody translated stays English."""
    if language == SOURCE_LANGUAGE or language not in LANGUAGES:
        return NullTranslations()
    merged: Translations | None = None
    for folder in translation_folders():
        po = folder / language / "LC_MESSAGES" / "messages.po"
        found = _read(po, language)
        if found is not None:
            # One table: through a line of catalogues a word of the last one would be looked up in each.
            merged = found if merged is None else merged.merge(found)
    return merged or NullTranslations()


def translation_folders() -> Iterator[Path]:
    """Yield each package's translations folder, weakest first."""
    for package in reversed(CATALOGUE_PACKAGES):
        spec = find_spec(package)
        for location in (spec.submodule_search_locations or ()) if spec else ():
            yield Path(location) / "translations"


def _read(po: Path, language: str) -> Translations | None:
    mo = po.with_suffix(".mo")
    if mo.is_file() and (not po.is_file() or mo.stat().st_mtime_ns >= po.stat().st_mtime_ns):
        with mo.open("rb") as file:
            return Translations(file)
    if not po.is_file():
        return None
    # A developer has just written the sentence: show it without asking for a build first.
    compiled = BytesIO()
    with po.open("rb") as file:
        write_mo(compiled, read_po(file, locale=language))
    compiled.seek(0)
    return Translations(compiled)
