"""The declaration of what can be taken in: each kind of file, its columns, and the rules of a whole row."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from sqlalchemy import Table

from branch_node.billing.models import BillLine
from branch_node.customers.models import Customer
from branch_node.imports import parsers
from branch_node.imports.coded import Known, coded, coded_list
from branch_node.imports.parsers import CellError, Parser
from branch_node.managers.models import Manager
from branch_node.worklogs.models import WorkLog
from shared.domain.billing.vocabulary import BillKind
from shared.domain.customers.vocabulary import (
    CustomerKind,
    CustomerStatus,
    Grade,
    IdentityDocument,
    LifecycleStage,
    PreferredChannel,
    ServiceLevel,
    ValueTier,
)
from shared.domain.managers.vocabulary import ManagerStatus
from shared.domain.published.vocabulary import CodeTable
from shared.domain.worklogs.vocabulary import WorkLogKind
from shared.errors import N_

ATTRIBUTE: Final = "attributes."
MAX_ATTRIBUTE: Final = 200


@dataclass(frozen=True, slots=True)
class Context:
    """What parsers need to know of the node and the moment."""

    zone: ZoneInfo
    now: datetime
    currency: str
    codes: Known = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a file: its headings, how a cell is read, and where the value goes.

    `refers` names the table in which the cell's number is looked up; `target` then takes the id found.
    `template` columns stand in the template, in this order; the others may be added.
    """

    name: str
    chinese: str
    help: str
    parser: Callable[[Context], Parser]
    required: bool = False
    template: bool = True
    aliases: tuple[str, ...] = ()
    target: str = ""
    refers: Table | None = field(default=None, compare=False)

    @property
    def stored_as(self) -> str:
        """The column of the table that takes the value."""
        return self.target or self.name


Values = dict[str, Any]
# Completes and checks a new record: (values to be stored, context) -> nothing; raises ColumnError.
Rule = Callable[[Values, Context], None]


class ColumnError(CellError):
    """A rule over several columns is broken; `column` is the one to look at."""

    def __init__(self, message: str, code: str, *, column: str, **params: object) -> None:
        """Name the column beside the problem."""
        super().__init__(message, code, **params)
        self.column = column


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of file. A fact is never updated; `update_by` lists the columns that may find a state."""

    name: str
    label: str
    record_type: str
    table: Table
    key: str
    columns: tuple[Column, ...]
    defaults: Mapping[str, object]
    rule: Rule
    update_by: tuple[str, ...] = ()

    @property
    def is_fact(self) -> bool:
        """Whether its records are facts, which are only ever added."""
        return not self.update_by

    @property
    def template(self) -> list[str]:
        """The headings of the template, in order."""
        return [column.name for column in self.columns if column.template]

    def column(self, name: str) -> Column | None:
        """Return the column called `name`; `attributes.x` makes one where the table has attributes."""
        for column in self.columns:
            if column.name == name:
                return column
        label = name.removeprefix(ATTRIBUTE)
        if name.startswith(ATTRIBUTE) and 0 < len(label) <= 40 and "attributes" in self.table.c:  # noqa: PLR2004 - a name
            return Column(name, label, N_("Kept as it is"), _plain(MAX_ATTRIBUTE), template=False)
        return None


def _plain(limit: int) -> Callable[[Context], Parser]:
    return lambda _: parsers.text(limit)


def _text(table: Table, name: str, *, multiline: bool = False) -> Callable[[Context], Parser]:
    limit = getattr(table.c[name].type, "length", None) or MAX_ATTRIBUTE
    return lambda _: parsers.text(limit, multiline=multiline)


def _coded(
    table: Table, name: str, codes: CodeTable, *, several: Parser | None = None
) -> Callable[[Context], Parser]:
    one = _text(table, name) if several is None else _fixed(several)
    read = coded if several is None else coded_list
    return lambda context: read(one(context), codes, context.codes)


def _fixed(parser: Parser) -> Callable[[Context], Parser]:
    return lambda _: parser


def _past_day(context: Context) -> Parser:
    return parsers.past_day(context.now.astimezone(context.zone).date())


def _instant(context: Context) -> Parser:
    return parsers.instant(context.zone)


def _any_instant(context: Context) -> Parser:
    return parsers.instant(context.zone, day_alone=True)


def _past_instant(context: Context) -> Parser:
    return parsers.past_instant(context.zone, context.now)


def _created() -> tuple[Column, ...]:
    return (
        Column("created_at", "创建时间", N_("When it was first entered, if known"), _past_instant,
               template=False),
        Column(
            "created_by", "创建人", N_("Who first entered it, if known"), _plain(80), template=False,
            aliases=("entered_by", "录入人"),
        ),
    )  # fmt: skip


def _updated() -> tuple[Column, ...]:
    return (
        Column(
            "updated_at", "更新时间", N_("When it was last changed, if known"), _past_instant, template=False
        ),
        Column("updated_by", "更新人", N_("Who last changed it, if known"), _plain(80), template=False),
    )


def _no_rule(values: Values, context: Context) -> None:
    """Let every row pass."""


def _bill_rule(values: Values, context: Context) -> None:
    """Turn the amount into minor units of its currency, which only the whole row knows."""
    values["currency"] = values["currency"] or context.currency
    try:
        values["amount_minor"] = parsers.to_minor(values["amount_minor"], values["currency"])
    except CellError as error:
        raise ColumnError(error.message, error.code, column="amount", **error.params) from error


def _log_rule(values: Values, context: Context) -> None:
    """Refuse work that ends before it starts; when it was entered is now, unless the file tells."""
    if values["ended_at"] is not None and values["ended_at"] < values["started_at"]:
        raise ColumnError(
            N_("The end lies before the start. Correct one of the two."),
            "ends-before-start",
            column="ended_at",
        )
    values["entered_at"] = values["entered_at"] or context.now


_M: Final = Manager.__table__
_C: Final = Customer.__table__
_B: Final = BillLine.__table__
_W: Final = WorkLog.__table__
assert isinstance(_M, Table)
assert isinstance(_C, Table)
assert isinstance(_B, Table)
assert isinstance(_W, Table)

MANAGERS: Final = Kind(
    name="managers",
    label=N_("Account managers"),
    record_type="manager",
    table=_M,
    key="manager_no",
    update_by=("manager_no", "mobile"),
    defaults={"status": ManagerStatus.ACTIVE},
    rule=_no_rule,
    columns=(
        Column("manager_no", "工号", N_("Staff number, unique in the branch"), _text(_M, "manager_no"),
               required=True,
               aliases=("客户经理工号", "客户经理编号")),
        Column("name", "姓名", N_("Name"), _text(_M, "name"), required=True,
               aliases=("客户经理姓名", "客户经理")),
        Column("post", "岗位", N_("Post"), _coded(_M, "post", CodeTable.MANAGER_POST)),
        Column("level", "级别", N_("Level"), _coded(_M, "level", CodeTable.MANAGER_LEVEL)),
        Column("department", "部门", N_("Department"), _text(_M, "department")),
        Column("mobile", "手机", N_("Mobile number"), _fixed(parsers.phone), aliases=("手机号码", "手机号")),
        Column("status", "状态", N_("active, on_leave or left; active when blank"),
               _fixed(parsers.word(ManagerStatus))),
        *_created(),
        *_updated(),
    ),
)  # fmt: skip

CUSTOMERS: Final = Kind(
    name="customers",
    label=N_("Customers"),
    record_type="customer",
    table=_C,
    key="customer_no",
    update_by=("customer_no", "id_no", "mobile"),
    defaults={"status": CustomerStatus.ACTIVE, "tags": (), "attributes": (), "do_not_contact": ()},
    rule=_no_rule,
    columns=(
        Column("customer_no", "客户编号", N_("Customer number, unique in the branch"),
               _text(_C, "customer_no"),
               required=True, aliases=("客户号",)),
        Column("kind", "客户类型", N_("individual or group"), _fixed(parsers.word(CustomerKind)),
               required=True,
               aliases=("客户类别", "类型")),
        Column("name", "客户名称", N_("Full name"), _text(_C, "name"), required=True,
               aliases=("姓名", "名称", "客户姓名")),
        Column("short_name", "简称", N_("Short name"), _text(_C, "short_name"), aliases=("客户简称",)),
        Column("id_type", "证件类型", N_("id_card, passport, business_licence or other"),
               _fixed(parsers.word(IdentityDocument))),
        Column("id_no", "证件号码", N_("Number of the document"), _text(_C, "id_no"), aliases=("证件号",)),
        Column("mobile", "手机", N_("Mobile number"), _fixed(parsers.phone), aliases=("手机号码", "手机号")),
        Column("phone", "电话", N_("Other phone number"), _fixed(parsers.phone),
               aliases=("固定电话", "联系电话")),
        Column("email", "电子邮箱", N_("E-mail address"), _fixed(parsers.email),
               aliases=("邮箱", "电子邮件", "e_mail")),
        Column("wechat", "微信号", N_("WeChat account"), _text(_C, "wechat"), aliases=("微信", "微信账号")),
        Column("region_code", "地区编码", N_("Region code, digits as in GB/T 2260"), _fixed(parsers.region),
               aliases=("行政区划代码", "地区代码")),
        Column("address", "地址", N_("Address"), _text(_C, "address")),
        Column("grade", "等级", N_("A, B, C or D"), _fixed(parsers.word(Grade)), aliases=("客户等级",)),
        Column("status", "状态", N_("prospect, active, suspended or closed; active when blank"),
               _fixed(parsers.word(CustomerStatus)), aliases=("客户状态",)),
        Column("opened_on", "入网日期", N_("Day on which the customer joined"), _past_day,
               aliases=("开户日期",)),
        Column("manager_no", "客户经理工号", N_("Staff number of the account manager"),
               _text(_M, "manager_no"),
               target="manager_id", refers=_M, aliases=("客户经理编号", "工号")),
        Column("preferred_channel", "首选联系方式", N_("phone, sms, wechat, email, visit or none"),
               _fixed(parsers.word(PreferredChannel)), aliases=("联系偏好",)),
        Column("tags", "标签", N_("Tags parted by ;"),
               _coded(_C, "tags", CodeTable.CUSTOMER_TAG, several=parsers.tags)),
        Column("service_level", "服务等级", N_("standard, priority or dedicated"),
               _fixed(parsers.word(ServiceLevel)), template=False, aliases=("服务级别",)),
        Column("do_not_contact", "免打扰方式",
               N_("Closed channels parted by ;: all, phone, sms, wechat, email, visit"),
               _fixed(parsers.channels), template=False, aliases=("勿联系方式",)),
        Column("do_not_contact_until", "免打扰至", N_("Last day of the closed channels; for good when blank"),
               _fixed(parsers.day), template=False),
        Column("lifecycle_stage", "生命周期阶段", N_("acquisition, growth, maturity, decline or lost"),
               _fixed(parsers.word(LifecycleStage)), template=False, aliases=("生命周期",)),
        Column("value_tier", "价值等级", N_("strategic, high, middle or low"),
               _fixed(parsers.word(ValueTier)), template=False, aliases=("客户价值",)),
        Column("group_no", "集团编号", N_("Number of the group in the whole company, as a credit code"),
               _text(_C, "group_no"), template=False, aliases=("集团编码",)),
        Column("legacy_no", "原客户编号", N_("Number in an earlier system"), _text(_C, "legacy_no"),
               template=False, aliases=("旧编号", "原编号")),
        Column("remark", "备注", N_("Remark"), _text(_C, "remark", multiline=True)),
        Column("tenure_months", "在网月数", N_("Months with us, 0 or more"), _fixed(parsers.months),
               template=False,
               aliases=("tenure", "在网时长"), target=ATTRIBUTE + "tenure_months"),
        *_created(),
        *_updated(),
    ),
)  # fmt: skip

BILLING: Final = Kind(
    name="billing",
    label=N_("Bill lines"),
    record_type="bill_line",
    table=_B,
    key="bill_no",
    defaults={},
    rule=_bill_rule,
    columns=(
        Column("bill_no", "账单编号", N_("Number of the bill line, unique in the branch"),
               _text(_B, "bill_no"),
               required=True, aliases=("帐单编号", "流水号")),
        Column("customer_no", "客户编号", N_("Number of a customer who is here already"),
               _text(_C, "customer_no"),
               required=True, target="customer_id", refers=_C, aliases=("客户号",)),
        Column("product", "产品", N_("Product"), _coded(_B, "product", CodeTable.PRODUCT), required=True,
               aliases=("产品名称",)),
        Column("period", "账期", N_("Month, as 2026-03"), _fixed(parsers.period), required=True,
               aliases=("帐期",)),
        Column("kind", "类型", N_("charge, payment or adjustment"), _fixed(parsers.word(BillKind)),
               required=True,
               aliases=("费用类型", "账单类型")),
        Column("amount", "金额", N_("Amount with at most two decimals"), _fixed(parsers.amount),
               required=True,
               target="amount_minor"),
        Column("currency", "币种", N_("Currency code such as CNY; the branch's own when blank"),
               _fixed(parsers.currency)),
        Column("booked_on", "记账日期", N_("Day of booking"), _fixed(parsers.day), required=True,
               aliases=("记帐日期", "入账日期")),
        Column("remark", "备注", N_("Remark"), _text(_B, "remark", multiline=True)),
        Column("corrects_no", "更正账单编号", N_("Number of the bill line that this one corrects"),
               _text(_B, "bill_no"),
               template=False, target="corrects_id", refers=_B),
        *_created(),
    ),
)  # fmt: skip

WORKLOGS: Final = Kind(
    name="worklogs",
    label=N_("Work logs"),
    record_type="work_log",
    table=_W,
    key="log_no",
    defaults={},
    rule=_log_rule,
    columns=(
        Column("log_no", "日志编号", N_("Number of the entry, unique in the branch"), _text(_W, "log_no"),
               required=True),
        Column("manager_no", "客户经理工号", N_("Staff number of an account manager who is here already"),
               _text(_M, "manager_no"), required=True, target="manager_id", refers=_M,
               aliases=("工号", "客户经理编号")),
        Column("kind", "类型", N_("visit, call, message, service, meeting, training or other"),
               _fixed(parsers.word(WorkLogKind)), required=True, aliases=("工作类型",)),
        Column("customer_no", "客户编号", N_("Number of a customer who is here already, if any"),
               _text(_C, "customer_no"), target="customer_id", refers=_C, aliases=("客户号",)),
        Column("started_at", "开始时间", N_("Date and time"), _instant, required=True),
        Column("ended_at", "结束时间", N_("Date and time"), _instant),
        Column("place", "地点", N_("Place"), _text(_W, "place")),
        Column("text", "内容", N_("What was done"), _text(_W, "text", multiline=True), required=True,
               aliases=("工作内容", "日志内容")),
        Column("entered_at", "录入时间", N_("When it was entered; now when blank"), _any_instant),
        Column("corrects_no", "更正日志编号", N_("Number of the entry that this one corrects"),
               _text(_W, "log_no"),
               template=False, target="corrects_id", refers=_W),
        *_created(),
    ),
)  # fmt: skip

KINDS: Final[Mapping[str, Kind]] = {kind.name: kind for kind in (MANAGERS, CUSTOMERS, BILLING, WORKLOGS)}
