"""Closed lists of the customer file."""

from shared.domain.vocabulary import Vocabulary
from shared.errors import N_


class CustomerKind(Vocabulary):
    """Whether the customer is a person or an organisation."""

    INDIVIDUAL = ("individual", N_("Individual customer"), "个人客户")
    GROUP = ("group", N_("Group customer"), "集团客户")


class IdentityDocument(Vocabulary):
    """The document that proves who the customer is."""

    ID_CARD = ("id_card", N_("Identity card"), "身份证")
    PASSPORT = ("passport", N_("Passport"), "护照")
    BUSINESS_LICENCE = ("business_licence", N_("Business licence"), "营业执照")
    OTHER = ("other", N_("Other document"), "其他证件")


class Grade(Vocabulary):
    """Value of the customer; A is highest."""

    A = ("A", N_("Grade A"), "A级")
    B = ("B", N_("Grade B"), "B级")
    C = ("C", N_("Grade C"), "C级")
    D = ("D", N_("Grade D"), "D级")


class CustomerStatus(Vocabulary):
    """Where the customer stands with us."""

    PROSPECT = ("prospect", N_("Prospect"), "潜在")
    ACTIVE = ("active", N_("Active"), "在网")
    SUSPENDED = ("suspended", N_("Suspended"), "停机")
    CLOSED = ("closed", N_("Closed"), "销户")


class PreferredChannel(Vocabulary):
    """How the customer likes to be reached; NONE means do not contact."""

    PHONE = ("phone", N_("Phone call"), "电话")
    SMS = ("sms", N_("Text message"), "短信")
    WECHAT = ("wechat", N_("WeChat"), "微信")
    EMAIL = ("email", N_("E-mail"), "邮件")
    VISIT = ("visit", N_("Visit in person"), "上门")
    NONE = ("none", N_("Do not contact"), "免打扰")


class ParentKind(Vocabulary):
    """What a customer is to the group customer above it."""

    MEMBER = ("member", N_("Member"), "成员")
    SUBSIDIARY = ("subsidiary", N_("Subsidiary"), "子公司")


class ServiceLevel(Vocabulary):
    """How a customer is served."""

    STANDARD = ("standard", N_("Standard service"), "标准服务")
    PRIORITY = ("priority", N_("Priority service"), "优先服务")
    DEDICATED = ("dedicated", N_("Dedicated service"), "专属服务")


class LifecycleStage(Vocabulary):
    """Where the relation with a customer stands."""

    ACQUISITION = ("acquisition", N_("Acquisition"), "考察期")
    GROWTH = ("growth", N_("Growth"), "成长期")
    MATURITY = ("maturity", N_("Maturity"), "成熟期")
    DECLINE = ("decline", N_("Decline"), "衰退期")
    LOST = ("lost", N_("Lost"), "流失期")


class ValueTier(Vocabulary):
    """What a customer is worth to us; it says how often they are visited."""

    STRATEGIC = ("strategic", N_("Strategic"), "战略客户")
    HIGH = ("high", N_("High value"), "高价值")
    MIDDLE = ("middle", N_("Middle value"), "中价值")
    LOW = ("low", N_("Low value"), "低价值")


class MoveOf(Vocabulary):
    """What a customer moved in."""

    STAGE = ("stage", N_("Life-cycle stage"), "生命周期阶段")
    TIER = ("tier", N_("Value tier"), "价值等级")
