"""Closed lists of what head office publishes."""

from typing import Final

from shared.domain.vocabulary import Vocabulary
from shared.errors import N_


class ItemKind(Vocabulary):
    """What a published item is."""

    CODE_TABLE = ("code_table", N_("Code table"), "代码表")
    POLICY = ("policy", N_("Policy"), "规定")
    ANNOUNCEMENT = ("announcement", N_("Announcement"), "公告")
    RULES = ("rules", N_("Rules"), "规则")
    RECALL = ("recall", N_("Recall"), "召回")
    OFFER = ("offer", N_("Offer"), "优惠")
    QUESTION = ("question", N_("Question"), "问题")
    PERSONAL_ORDER = ("personal_order", N_("Order about personal data"), "个人信息指令")


# What people publish, read and withdraw on the pages of published items; orders have a page of their own.
PUBLISHED_KINDS: Final = (
    ItemKind.CODE_TABLE,
    ItemKind.POLICY,
    ItemKind.RULES,
    ItemKind.RECALL,
    ItemKind.OFFER,
    ItemKind.QUESTION,
    ItemKind.ANNOUNCEMENT,
)
# What people write with a title of its own.
TITLED: Final = (ItemKind.ANNOUNCEMENT, ItemKind.RECALL, ItemKind.OFFER, ItemKind.QUESTION)


class CodeTable(Vocabulary):
    """The lists of codes that head office may keep for everybody; until it does, branches write freely."""

    PRODUCT = ("product", N_("Products"), "产品")
    CUSTOMER_TAG = ("customer-tag", N_("Customer tags"), "客户标签")
    CORRECTION_REASON = ("correction-reason", N_("Reasons for corrections"), "更正原因")
    MANAGER_POST = ("manager-post", N_("Posts of account managers"), "客户经理岗位")
    MANAGER_LEVEL = ("manager-level", N_("Levels of account managers"), "客户经理级别")
    DOCUMENT_KIND = ("document-kind", N_("Kinds of documents"), "文件类别")
    UNIT_PRODUCT = ("unit-product", N_("Products of tracked units"), "设备产品")
    STAFF_KIND = ("staff-kind", N_("Names of the kinds of staff"), "人员类别名称")
