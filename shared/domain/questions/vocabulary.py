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
