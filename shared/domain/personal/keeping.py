"""How long each class of personal data is kept after a customer left, and why we hold it: what head office fixes."""

from collections.abc import Mapping
from datetime import date
from typing import Final

from shared.db.personal import FieldClass
from shared.errors import N_

MOST_MONTHS: Final = 600
# In the order pages show them. Bank accounts are held nowhere yet.
CLASS_WORDS: Final[Mapping[FieldClass, str]] = {
    FieldClass.NAME: N_("Names"),
    FieldClass.IDENTITY_NUMBER: N_("Document numbers"),
    FieldClass.MOBILE: N_("Mobile numbers"),
    FieldClass.PHONE: N_("Telephone numbers"),
    FieldClass.EMAIL: N_("E-mail addresses"),
    FieldClass.WECHAT: N_("WeChat accounts"),
    FieldClass.ADDRESS: N_("Addresses"),
    FieldClass.FREE_TEXT: N_("Remarks and free text"),
}
KEEP_LABELS: Final[Mapping[FieldClass, str]] = {
    FieldClass.NAME: N_("Names of former customers are kept"),
    FieldClass.IDENTITY_NUMBER: N_("Document numbers of former customers are kept"),
    FieldClass.MOBILE: N_("Mobile numbers of former customers are kept"),
    FieldClass.PHONE: N_("Telephone numbers of former customers are kept"),
    FieldClass.EMAIL: N_("E-mail addresses of former customers are kept"),
    FieldClass.WECHAT: N_("WeChat accounts of former customers are kept"),
    FieldClass.ADDRESS: N_("Addresses of former customers are kept"),
    FieldClass.FREE_TEXT: N_("Remarks about former customers are kept"),
}
KEEP_HELP: Final = N_(
    "So many months after a closed customer's last activity the branch blanks it at night; 0 keeps it for ever. "
    "Amounts on bill lines are never erased."
)
# Our own people: how long after an account was closed its person is still named.
KEEP_ACCOUNTS: Final = "keep-closed-accounts-months"
KEEP_ACCOUNTS_HELP: Final = N_(
    "So many months after an account was closed the node blanks the person's name, and the telephone of an account "
    "manager who left; 0 keeps them for ever. The operation log stays, by user name. Nothing goes while a legal hold "
    "is in force there."
)
STAFF_BASIS: Final = N_("to know who did what")
BASIS_LABELS: Final[Mapping[FieldClass, str]] = {
    FieldClass.NAME: N_("Why we hold names"),
    FieldClass.IDENTITY_NUMBER: N_("Why we hold document numbers"),
    FieldClass.MOBILE: N_("Why we hold mobile numbers"),
    FieldClass.PHONE: N_("Why we hold telephone numbers"),
    FieldClass.EMAIL: N_("Why we hold e-mail addresses"),
    FieldClass.WECHAT: N_("Why we hold WeChat accounts"),
    FieldClass.ADDRESS: N_("Why we hold addresses"),
    FieldClass.FREE_TEXT: N_("Why we hold remarks"),
}
BASIS_HELP: Final = N_("Stands on the page of what personal data we hold.")
BASES: Final[Mapping[str, str]] = {
    "contract": N_("needed for the contract"),
    "consent": N_("the person has agreed"),
    "law": N_("a law asks for it"),
    "service": N_("needed to serve the customer"),
}
USUAL_BASES: Final[Mapping[FieldClass, str]] = {
    **dict.fromkeys(CLASS_WORDS, "contract"),
    FieldClass.IDENTITY_NUMBER: "law",
    FieldClass.WECHAT: "consent",
    FieldClass.EMAIL: "service",
    FieldClass.FREE_TEXT: "service",
}


def keep_policy(kind: FieldClass) -> str:
    """Return the name of the policy that says for how many months a class is kept."""
    return f"keep-{kind.value.replace('_', '-')}-months"


def basis_policy(kind: FieldClass) -> str:
    """Return the name of the policy that says why a class is held."""
    return f"basis-{kind.value.replace('_', '-')}"


KEEP_POLICIES: Final[Mapping[str, FieldClass]] = {keep_policy(kind): kind for kind in CLASS_WORDS}
BASIS_POLICIES: Final[Mapping[str, FieldClass]] = {basis_policy(kind): kind for kind in CLASS_WORDS}


def months_before(day: date, months: int) -> date:
    """Return the day so many months earlier; the last of the month where there is no such day."""
    year, month = divmod(day.year * 12 + day.month - 1 - months, 12)
    for last in range(day.day, 27, -1):
        try:
            return date(year, month + 1, last)
        except ValueError:
            continue
    return date(year, month + 1, day.day)
