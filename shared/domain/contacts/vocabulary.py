"""Closed lists of contact people."""

from shared.domain.vocabulary import Vocabulary
from shared.errors import N_


class ContactRole(Vocabulary):
    """What part a person has in the customer's decisions."""

    DECIDER = ("decider", N_("Decision maker"), "决策人")
    INFLUENCER = ("influencer", N_("Influencer"), "影响人")
    USER = ("user", N_("User of the service"), "使用人")
    FINANCE = ("finance", N_("Finance"), "财务")
    TECHNICAL = ("technical", N_("Technical"), "技术")
    LEGAL = ("legal", N_("Legal representative"), "法定代表人")
    OTHER = ("other", N_("Other role"), "其他角色")


class ContactStanding(Vocabulary):
    """Whether much depends on this person."""

    KEY = ("key", N_("Key person"), "关键人")
    ORDINARY = ("ordinary", N_("Ordinary contact person"), "一般联系人")


class ContactStatus(Vocabulary):
    """Whether the person is still to be spoken to at this customer."""

    ACTIVE = ("active", N_("In post"), "在职")
    LEFT = ("left", N_("Left the customer"), "已离职")


class WhyNot(Vocabulary):
    """Why somebody is not to be reached."""

    NEVER = ("never", N_("wants no contact at all"), "不愿被联系")
    EVERY = ("every", N_("has closed every channel"), "已关闭全部方式")
    CHANNEL = ("channel", N_("has closed this channel"), "已关闭此方式")
    LEFT = ("left", N_("has left the customer"), "已离开该客户")


class Channel(Vocabulary):
    """A way to reach somebody that may be closed; ALL closes every one."""

    ALL = ("all", N_("Every channel"), "全部方式")
    PHONE = ("phone", N_("Phone call"), "电话")
    SMS = ("sms", N_("Text message"), "短信")
    WECHAT = ("wechat", N_("WeChat"), "微信")
    EMAIL = ("email", N_("E-mail"), "邮件")
    VISIT = ("visit", N_("Visit in person"), "上门")
