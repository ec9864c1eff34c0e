"""Closed lists of questions to customers."""

from shared.domain.vocabulary import Vocabulary
from shared.errors import N_


class Indicator(Vocabulary):
    """What a question tells of a customer."""

    SATISFACTION = ("satisfaction", N_("Customer satisfaction"), "客户满意度")
    ATTENTION = ("attention", N_("Attention"), "注意力")
    DEMAND = ("demand", N_("Market demand"), "市场需求")
    REQUIREMENT = ("requirement", N_("Group requirements"), "消费群体要求")


class Scale(Vocabulary):
    """How a question is answered."""

    SCORE = ("score", N_("Score from 1 to 5"), "1至5分")
    CHOICE = ("choice", N_("One of named choices"), "单项选择")


class Way(Vocabulary):
    """How a customer was asked: by a channel that they may have closed, or when they came to us."""

    PHONE = ("phone", N_("Phone call"), "电话")
    SMS = ("sms", N_("Text message"), "短信")
    WECHAT = ("wechat", N_("WeChat"), "微信")
    EMAIL = ("email", N_("E-mail"), "邮件")
    VISIT = ("visit", N_("Visit in person"), "上门")
    COUNTER = ("counter", N_("They came to us"), "客户来访")
