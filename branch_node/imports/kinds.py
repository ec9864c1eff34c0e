"""The declaration of what can be taken in: each kind of file, its columns, and the rules of a whole row."""

from collections.abc import Mapping
from typing import Final

from sqlalchemy import Table

from branch_node.billing.models import BillLine
from branch_node.customers.models import Contact, Customer
from branch_node.imports import parsers
from branch_node.imports.columns import (
    ATTRIBUTE,
    SINCE,
    Column,
    ColumnError,
    Context,
    Kind,
    Values,
    any_instant,
    coded_text,
    created_columns,
    fixed,
    instant,
    past_day,
    text_of,
    updated_columns,
)
from branch_node.imports.parsers import CellError
from branch_node.managers.models import Manager
from branch_node.units.models import Unit
from branch_node.worklogs.models import WorkLog
from shared.domain.billing.vocabulary import BillKind
from shared.domain.contacts.vocabulary import ContactRole, ContactStanding, ContactStatus
from shared.domain.customers.rules import document_problem, misfit_problem
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
from shared.domain.units.rules import day_problem
from shared.domain.units.vocabulary import ReadingUnit, UnitStatus
from shared.domain.worklogs.vocabulary import WorkLogKind
from shared.errors import N_


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


def _check_document(values: Values) -> None:
    """Refuse the number of a document that its own check digit contradicts."""
    if problem := document_problem(values["id_type"], values["id_no"]):
        raise ColumnError(problem, "not-a-document-number", column="id_no")


def _check_fit(values: Values) -> None:
    """Refuse a person's paper for an organisation and the other way round."""
    if problem := misfit_problem(values["kind"], values["id_type"]):
        raise ColumnError(problem, "not-their-document", column="id_type")


def _unit_rule(values: Values, context: Context) -> None:
    """Say since when a unit is its owner's: the day given, else the one it was sold on, else today."""
    today = context.now.astimezone(context.zone).date()
    given = values.pop(SINCE, None)
    if values["owner_id"] is None:
        if given is not None:
            raise ColumnError(
                N_("Write the number of the customer whose it is since then."),
                "since-nobody",
                column="customer_no",
            )
        return
    since = given or values["sold_on"] or today
    if since > today:
        raise ColumnError(
            N_("It is sold on a day still to come. Write since when it is its owner's."),
            "in-future",
            column="sold_on",
        )
    values[SINCE] = since


def _check_unit_days(values: Values) -> None:
    """Refuse days of a unit that cannot stand together."""
    if found := day_problem(*(values[name] for name in _UNIT_DAYS)):
        column, why = found
        raise ColumnError(why, "days-contradict", column=column)


_UNIT_DAYS: Final = ("made_on", "sold_on", "warranty_until")
_M: Final = Manager.__table__
_C: Final = Customer.__table__
_K: Final = Contact.__table__
_B: Final = BillLine.__table__
_W: Final = WorkLog.__table__
_U: Final = Unit.__table__
assert isinstance(_M, Table)
assert isinstance(_C, Table)
assert isinstance(_K, Table)
assert isinstance(_B, Table)
assert isinstance(_W, Table)
assert isinstance(_U, Table)

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
        Column("manager_no", "工号", N_("Staff number, unique in the branch"), text_of(_M, "manager_no"),
               required=True,
               aliases=("客户经理工号", "客户经理编号")),
        Column("name", "姓名", N_("Name"), text_of(_M, "name"), required=True,
               aliases=("客户经理姓名", "客户经理")),
        Column("post", "岗位", N_("Post"), coded_text(_M, "post", CodeTable.MANAGER_POST)),
        Column("level", "级别", N_("Level"), coded_text(_M, "level", CodeTable.MANAGER_LEVEL)),
        Column("department", "部门", N_("Department"), text_of(_M, "department")),
        Column("mobile", "手机", N_("Mobile number"), fixed(parsers.mobile), aliases=("手机号码", "手机号")),
        Column("status", "状态", N_("active, on_leave or left; active when blank"),
               fixed(parsers.word(ManagerStatus))),
        *created_columns(),
        *updated_columns(),
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
    checks=((("id_type", "id_no"), _check_document), (("kind", "id_type"), _check_fit)),
    columns=(
        Column("customer_no", "客户编号", N_("Customer number, unique in the branch"),
               text_of(_C, "customer_no"),
               required=True, aliases=("客户号", "编号", "number")),
        Column("kind", "客户类型", N_("individual or group"), fixed(parsers.word(CustomerKind)),
               required=True,
               aliases=("客户类别", "类别", "类型")),
        Column("name", "客户名称", N_("Full name"), text_of(_C, "name"), required=True,
               aliases=("姓名", "名称", "客户姓名")),
        Column("short_name", "简称", N_("Short name"), text_of(_C, "short_name"), aliases=("客户简称",)),
        Column("id_type", "证件类型", N_("id_card, passport, business_licence or other"),
               fixed(parsers.word(IdentityDocument))),
        Column("id_no", "证件号码", N_("Number of the document"),
               fixed(parsers.document_no(_C.c.id_no.type.length)),
               aliases=("证件号", "document_number")),
        Column("mobile", "手机", N_("Mobile number"), fixed(parsers.mobile), aliases=("手机号码", "手机号")),
        Column("phone", "电话", N_("Other phone number"), fixed(parsers.phone),
               aliases=("固定电话", "联系电话")),
        Column("email", "电子邮箱", N_("E-mail address"), fixed(parsers.email),
               aliases=("邮箱", "电子邮件", "e_mail")),
        Column("wechat", "微信号", N_("WeChat account"), text_of(_C, "wechat"), aliases=("微信", "微信账号")),
        Column("region_code", "地区编码", N_("Region code, digits as in GB/T 2260, or the name of one"),
               fixed(parsers.region), aliases=("行政区划代码", "地区代码", "地区", "region")),
        Column("address", "地址", N_("Address"), text_of(_C, "address")),
        Column("grade", "等级", N_("A, B, C or D"), fixed(parsers.word(Grade)), aliases=("客户等级",)),
        Column("status", "状态", N_("prospect, active, suspended or closed; active when blank"),
               fixed(parsers.word(CustomerStatus)), aliases=("客户状态",)),
        Column("opened_on", "入网日期", N_("Day on which the customer joined"), past_day,
               aliases=("开户日期",)),
        Column("manager_no", "客户经理工号", N_("Staff number of the account manager"),
               text_of(_M, "manager_no"),
               target="manager_id", refers=_M, aliases=("客户经理编号", "工号")),
        Column("preferred_channel", "首选联系方式", N_("phone, sms, wechat, email, visit or none"),
               fixed(parsers.word(PreferredChannel)), aliases=("联系偏好",)),
        Column("tags", "标签", N_("Tags parted by ;"),
               coded_text(_C, "tags", CodeTable.CUSTOMER_TAG, several=parsers.tags)),
        Column("service_level", "服务等级", N_("standard, priority or dedicated"),
               fixed(parsers.word(ServiceLevel)), template=False, aliases=("服务级别",)),
        Column("do_not_contact", "免打扰方式",
               N_("Closed channels parted by ;: all, phone, sms, wechat, email, visit"),
               fixed(parsers.channels), template=False, aliases=("勿联系方式",)),
        Column("do_not_contact_until", "免打扰至", N_("Last day of the closed channels; for good when blank"),
               fixed(parsers.day), template=False),
        Column("lifecycle_stage", "生命周期阶段", N_("acquisition, growth, maturity, decline or lost"),
               fixed(parsers.word(LifecycleStage)), template=False, aliases=("生命周期",)),
        Column("value_tier", "价值等级", N_("strategic, high, middle or low"),
               fixed(parsers.word(ValueTier)), template=False, aliases=("客户价值",)),
        Column("group_no", "集团编号", N_("Number of the group in the whole company, as a credit code"),
               text_of(_C, "group_no"), template=False, aliases=("集团编码",)),
        Column("legacy_no", "原客户编号", N_("Number in an earlier system"), text_of(_C, "legacy_no"),
               template=False, aliases=("旧编号", "原编号")),
        Column("remark", "备注", N_("Remark"), text_of(_C, "remark", multiline=True)),
        Column("tenure_months", "在网月数", N_("Months with us, 0 or more"), fixed(parsers.months),
               template=False,
               aliases=("tenure", "在网时长"), target=ATTRIBUTE + "tenure_months"),
        *created_columns(),
        *updated_columns(),
    ),
)  # fmt: skip

CONTACTS: Final = Kind(
    name="contacts",
    label=N_("Contact people"),
    record_type="contact",
    table=_K,
    key="contact_no",
    update_by=("contact_no",),
    defaults={
        "standing": ContactStanding.ORDINARY,
        "status": ContactStatus.ACTIVE,
        "do_not_contact": (),
    },
    rule=_no_rule,
    columns=(
        Column("contact_no", "联系人编号", N_("Number of the contact person, unique in the branch"),
               text_of(_K, "contact_no"),
               required=True),
        Column("customer_no", "客户编号", N_("Number of a customer who is here already"),
               text_of(_C, "customer_no"),
               required=True, target="customer_id", refers=_C, aliases=("客户号",)),
        Column("name", "姓名", N_("Name"), text_of(_K, "name"), required=True,
               aliases=("联系人", "联系人姓名")),
        Column("title", "职务", N_("Job title"), text_of(_K, "title"), aliases=("职位",)),
        Column("department", "部门", N_("Department"), text_of(_K, "department")),
        Column("role", "角色", N_("decider, influencer, user, finance, technical, legal or other"),
               fixed(parsers.word(ContactRole))),
        Column("standing", "重要程度", N_("key or ordinary; ordinary when blank"),
               fixed(parsers.word(ContactStanding)), aliases=("关键人",)),
        Column("mobile", "手机", N_("Mobile number"), fixed(parsers.mobile), aliases=("手机号码", "手机号")),
        Column("phone", "电话", N_("Other phone number"), fixed(parsers.phone),
               aliases=("固定电话", "联系电话")),
        Column("email", "电子邮箱", N_("E-mail address"), fixed(parsers.email),
               aliases=("邮箱", "电子邮件", "e_mail")),
        Column("wechat", "微信号", N_("WeChat account"), text_of(_K, "wechat"), aliases=("微信", "微信账号")),
        Column("preferred_channel", "首选联系方式", N_("phone, sms, wechat, email, visit or none"),
               fixed(parsers.word(PreferredChannel)), aliases=("联系偏好",)),
        Column("do_not_contact", "免打扰方式",
               N_("Closed channels parted by ;: all, phone, sms, wechat, email, visit"),
               fixed(parsers.channels), template=False, aliases=("勿联系方式",)),
        Column("birthday", "生日", N_("Birthday as 03-09, or with the year as 1980-03-09"),
               fixed(parsers.birthday)),
        Column("status", "状态", N_("active or left; active when blank"),
               fixed(parsers.word(ContactStatus))),
        Column("remark", "备注", N_("Remark"), text_of(_K, "remark", multiline=True)),
        *created_columns(),
        *updated_columns(),
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
               text_of(_B, "bill_no"),
               required=True, aliases=("帐单编号", "流水号")),
        Column("customer_no", "客户编号", N_("Number of a customer who is here already"),
               text_of(_C, "customer_no"),
               required=True, target="customer_id", refers=_C, aliases=("客户号",)),
        Column("product", "产品", N_("Product"), coded_text(_B, "product", CodeTable.PRODUCT), required=True,
               aliases=("产品名称",)),
        Column("period", "账期", N_("Month, as 2026-03"), fixed(parsers.period), required=True,
               aliases=("帐期",)),
        Column("kind", "类型", N_("charge, payment or adjustment"), fixed(parsers.word(BillKind)),
               required=True,
               aliases=("费用类型", "账单类型")),
        Column("amount", "金额", N_("Amount with at most two decimals"), fixed(parsers.amount),
               required=True,
               target="amount_minor"),
        Column("currency", "币种", N_("Currency code such as CNY; the branch's own when blank"),
               fixed(parsers.currency)),
        Column("booked_on", "记账日期", N_("Day of booking"), fixed(parsers.day), required=True,
               aliases=("记帐日期", "入账日期")),
        Column("remark", "备注", N_("Remark"), text_of(_B, "remark", multiline=True)),
        Column("corrects_no", "更正账单编号", N_("Number of the bill line that this one corrects"),
               text_of(_B, "bill_no"),
               template=False, target="corrects_id", refers=_B),
        *created_columns(),
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
        Column("log_no", "日志编号", N_("Number of the entry, unique in the branch"), text_of(_W, "log_no"),
               required=True),
        Column("manager_no", "客户经理工号", N_("Staff number of an account manager who is here already"),
               text_of(_M, "manager_no"), required=True, target="manager_id", refers=_M,
               aliases=("工号", "客户经理编号")),
        Column("kind", "类型", N_("visit, call, message, service, meeting, training or other"),
               fixed(parsers.word(WorkLogKind)), required=True, aliases=("工作类型",)),
        Column("customer_no", "客户编号", N_("Number of a customer who is here already, if any"),
               text_of(_C, "customer_no"), target="customer_id", refers=_C, aliases=("客户号",)),
        Column("started_at", "开始时间", N_("Date and time"), instant, required=True),
        Column("ended_at", "结束时间", N_("Date and time"), instant),
        Column("place", "地点", N_("Place"), text_of(_W, "place")),
        Column("text", "内容", N_("What was done"), text_of(_W, "text", multiline=True), required=True,
               aliases=("工作内容", "日志内容")),
        Column("entered_at", "录入时间", N_("When it was entered; now when blank"), any_instant),
        Column("corrects_no", "更正日志编号", N_("Number of the entry that this one corrects"),
               text_of(_W, "log_no"),
               template=False, target="corrects_id", refers=_W),
        *created_columns(),
    ),
)  # fmt: skip

UNITS: Final = Kind(
    name="units",
    label=N_("Tracked units"),
    record_type="unit",
    table=_U,
    key="serial_no",
    update_by=("serial_no",),
    defaults={"status": UnitStatus.IN_USE},
    rule=_unit_rule,
    checks=((_UNIT_DAYS, _check_unit_days),),
    columns=(
        Column("serial_no", "序列号", N_("Serial or chassis number; no two units in use bear the same"),
               fixed(parsers.serial), required=True, aliases=("底盘号", "车架号", "设备编号", "chassis_no")),
        Column("product", "产品", N_("Product"), coded_text(_U, "product", CodeTable.UNIT_PRODUCT),
               aliases=("产品名称", "设备类型")),
        Column("model", "型号", N_("Model"), text_of(_U, "model")),
        Column("customer_no", "客户编号", N_("Number of the customer whose it is; nobody's when blank"),
               text_of(_C, "customer_no"), target="owner_id", refers=_C, aliases=("客户号", "所有者")),
        Column("since", "归属日期", N_("Since when it is theirs; the day of sale, or today, when blank"),
               past_day, target=SINCE),
        Column("made_on", "生产日期", N_("Day on which it was made"), past_day),
        Column("sold_on", "销售日期", N_("Day on which it was sold"), fixed(parsers.day)),
        Column("warranty_until", "保修期至", N_("Last day of the warranty"), fixed(parsers.day)),
        Column("reading_unit", "计量单位", N_("What its meter counts: km, hour or cycle"),
               fixed(parsers.word(ReadingUnit)), template=False),
        Column("status", "状态", N_("in_use or retired; in_use when blank"), fixed(parsers.word(UnitStatus))),
        *created_columns(),
        *updated_columns(),
    ),
)  # fmt: skip

KINDS: Final[Mapping[str, Kind]] = {
    kind.name: kind for kind in (MANAGERS, CUSTOMERS, CONTACTS, BILLING, WORKLOGS, UNITS)
}
