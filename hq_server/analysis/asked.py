"""A question to the consolidated analysis as it stands in an address, read and written."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from flask import request
from sqlalchemy.orm import Session

from hq_server.analysis import queries
from hq_server.analysis.grid import Question
from hq_server.analysis.months import month_of, parse_month, shift
from hq_server.analysis.vocabulary import Dimension, Measure
from hq_server.branches import web
from hq_server.feed.web import words_of
from shared.domain.customers.vocabulary import CustomerKind, Grade
from shared.domain.published.vocabulary import CodeTable
from shared.domain.vocabulary import Vocabulary
from shared.errors import N_, FieldError
from shared.i18n import gettext as _
from shared.i18n import in_zone
from shared.i18n import label as word_of
from shared.web.context import runtime, stamp

Code = TypeVar("Code", bound=Vocabulary)
MONTHS_SHOWN = 12
MOST_MONTHS = 120


class MonthsTurnedError(FieldError):
    """The months of a question are in the wrong order, or far too many."""

    code = "months-invalid"
    message = N_("The last month must not be before the first, and at most 120 months are shown.")


@dataclass(frozen=True)
class Asked:
    """A question, the branches it is about, and what there is to choose from."""

    question: Question
    scope: web.Scope
    currencies: Sequence[str]
    products: Sequence[str]
    product_words: Mapping[str, str]

    @property
    def product_options(self) -> list[tuple[str, str]]:
        """Return (code, word) of every product that occurs, for a filter."""
        return [(code, self.product_words.get(code, code)) for code in self.products]

    def name(self, dimension: Dimension | None, key: str) -> str:
        """Return what people call a row or a column."""
        if dimension is Dimension.BRANCH:
            return self.scope.name(int(key))
        if dimension is Dimension.PRODUCT:
            return self.product_words.get(key, key) or _("Not known")
        vocabulary = (
            {Dimension.KIND: CustomerKind, Dimension.GRADE: Grade}.get(dimension) if dimension else None
        )
        if vocabulary is None:
            return key or _("Not known")
        member = vocabulary.meant_by(key) if key else None
        return word_of(member) if member else _("Not known")

    def chips(self) -> list[tuple[str, str, str]]:
        """Return the filters as (name, words, name in the address)."""
        question = self.question
        return [
            (_("Branch"), ", ".join(self.scope.codes), "branch"),
            (
                _("Product"),
                ", ".join(self.name(Dimension.PRODUCT, one) for one in sorted(question.products)),
                "product",
            ),
            (_("Kind"), web.words(question.kinds, web.choices(CustomerKind, unknown=True)), "kind"),
            (_("Grade"), web.words(question.grades, web.choices(Grade, unknown=True)), "grade"),
        ]

    def about(self) -> web.About:
        """Return what an export's second sheet says."""
        question = self.question
        filters = [(name, words) for name, words, _ignored in self.chips()]
        dimensions = [question.rows, question.columns] if question.columns else [question.rows]
        asked = {
            _("Figure"): word_of(question.measure),
            _("By"): " × ".join(word_of(one) for one in dimensions),
            _("Months"): " – ".join(question.months),
            **({_("Currency"): question.currency} if question.measure.is_money else {}),
        }
        rest = web.about(self.scope.coverage, filters)
        return web.About({**asked, **rest.lines}, {**asked, **rest.conditions})


def read(session: Session) -> Asked:
    """Return the question of this request's address; what is absent is the usual. Raises FieldError."""
    scope = web.scope(session)
    measure = _member(Measure, "measure", Measure.CHARGES)
    rows = _member(Dimension, "rows", Dimension.BRANCH)
    columns = _member(Dimension, "cols", None if request.args.get("cols") == "" else Dimension.MONTH)
    currencies, products = queries.occurring(session)
    question = Question(
        measure=measure,
        rows=rows,
        columns=columns if columns is not rows else None,
        months=_months(),
        currency=_currency(currencies),
        branches=scope.chosen,
        products=frozenset(request.args.getlist("product")),
        kinds=web.codes("kind", CustomerKind, unknown=True),
        grades=web.codes("grade", Grade, unknown=True),
    )
    return Asked(question, scope, currencies, products, words_of(session, CodeTable.PRODUCT))


def address(question: Question, scope: web.Scope) -> dict[str, Any]:
    """Return the question as the query of an address."""
    return {
        "measure": question.measure.value,
        "rows": question.rows.value,
        "cols": question.columns.value if question.columns else "",
        "start": question.months[0],
        "end": question.months[1],
        "currency": question.currency,
        "branch": [scope.code(number) for number in sorted(question.branches)],
        "product": sorted(question.products),
        "kind": [code or "-" for code in sorted(question.kinds)],
        "grade": [code or "-" for code in sorted(question.grades)],
    }


def _member(vocabulary: type[Code], name: str, usual: Any) -> Any:  # noqa: ANN401 - a member or None
    asked = request.args.get(name, "")
    return next((member for member in vocabulary if member.value == asked), usual)


def _months() -> tuple[str, str]:
    this_month = month_of(in_zone(stamp().at, runtime().settings.timezone).date())
    end = request.args.get("end", "")
    last = parse_month(end, field=_("Until month")) if end else this_month
    start = request.args.get("start", "")
    first = parse_month(start, field=_("First month")) if start else shift(last, 1 - MONTHS_SHOWN)
    if first > last or shift(first, MOST_MONTHS) <= last:
        raise MonthsTurnedError(field=_("Until month"))
    return first, last


def _currency(currencies: Sequence[str]) -> str:
    asked = request.args.get("currency", "")
    usual = runtime().settings.currency
    if asked in currencies:
        return asked
    return usual if usual in currencies or not currencies else currencies[0]
