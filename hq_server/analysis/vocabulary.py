"""What can be asked of the consolidated analysis: measures, and what to break them down by."""

from typing import Final

from shared.domain.vocabulary import Vocabulary
from shared.errors import N_


class Measure(Vocabulary):
    """A figure that can be broken down."""

    CHARGES = ("charges", N_("Charges"), "应收")
    PAYMENTS = ("payments", N_("Payments"), "实收")
    ADJUSTMENTS = ("adjustments", N_("Adjustments"), "调整")
    BILL_LINES = ("bill_lines", N_("Bill lines"), "账单明细数")
    CUSTOMERS = ("customers", N_("Customers"), "客户数")
    NEW_CUSTOMERS = ("new_customers", N_("New customers"), "新增客户数")
    FILES = ("customer_files", N_("Customer files"), "客户档案数")
    NEW_FILES = ("new_customer_files", N_("New customer files"), "新增客户档案数")

    @property
    def is_money(self) -> bool:
        """Whether the figure is an amount of one currency."""
        return self in _MONEY

    @property
    def of_people(self) -> bool:
        """Whether the figure counts customers or their files rather than bill lines."""
        return self in _COUNTED

    @property
    def is_stock(self) -> bool:
        """Whether the figure says how many there are at a month's end, and does not add up over months."""
        return self in {Measure.CUSTOMERS, Measure.FILES}

    @property
    def by_file(self) -> bool:
        """Whether files merged into another count as well."""
        return self in {Measure.FILES, Measure.NEW_FILES}


class Dimension(Vocabulary):
    """What a figure can be broken down by."""

    BRANCH = ("branch", N_("Branch"), "分公司")
    MONTH = ("month", N_("Month"), "月份")
    PRODUCT = ("product", N_("Product"), "产品")
    KIND = ("kind", N_("Kind"), "客户类型")
    GRADE = ("grade", N_("Grade"), "等级")


_MONEY: Final = frozenset({Measure.CHARGES, Measure.PAYMENTS, Measure.ADJUSTMENTS})
_COUNTED: Final = frozenset({Measure.CUSTOMERS, Measure.NEW_CUSTOMERS, Measure.FILES, Measure.NEW_FILES})
NOT_KNOWN: Final = ""
