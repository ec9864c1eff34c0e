"""Every sentence, word, number and instant that people see, in their language; English is the msgid."""

from shared.i18n.catalogues import CATALOGUE_PACKAGES, LANGUAGES, SOURCE_LANGUAGE, load_catalogue
from shared.i18n.formats import (
    format_bytes,
    format_date,
    format_instant,
    format_money,
    format_number,
    format_percent,
    format_relative,
    in_zone,
)
from shared.i18n.language import (
    current_language,
    gettext,
    label,
    lazy_gettext,
    ngettext,
    plain_ngettext,
    set_default_language,
    translate_error,
    use_language,
)

__all__ = [
    "CATALOGUE_PACKAGES",
    "LANGUAGES",
    "SOURCE_LANGUAGE",
    "current_language",
    "format_bytes",
    "format_date",
    "format_instant",
    "format_money",
    "format_number",
    "format_percent",
    "format_relative",
    "gettext",
    "in_zone",
    "label",
    "lazy_gettext",
    "load_catalogue",
    "ngettext",
    "plain_ngettext",
    "set_default_language",
    "translate_error",
    "use_language",
]
