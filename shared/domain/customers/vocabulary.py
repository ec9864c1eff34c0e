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
