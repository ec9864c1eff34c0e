"""Pure decisions about a customer's identity and numbers."""

import re
import unicodedata
from datetime import date
from typing import Final

import phonenumbers

from shared.domain.customers.vocabulary import CustomerKind, IdentityDocument
from shared.errors import N_

NOT_AN_ID_CARD: Final = N_(
    "This identity number cannot be right: 18 digits with a birthday and a check digit."
)
NOT_A_CREDIT_CODE: Final = N_(
    "This is not a unified social credit code: 18 characters with a check character."
)
NOT_OF_A_GROUP: Final = N_(
    "This is the paper of one person, and a group customer is none. Choose the business licence or another document."
)
NOT_OF_A_PERSON: Final = N_(
    "A business licence is an organisation's. Choose the person's own document, or make this a group customer."
)
HOME_REGION: Final = "CN"
_MOBILE = re.compile(r"1[3-9][0-9]{9}")
_ID_CARD = re.compile(r"[0-9]{17}[0-9X]")
_CREDIT_CODE = re.compile(r"[0-9A-HJ-NP-RT-UW-Y]{18}")
_ID_CARD_WEIGHTS: Final = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_ID_CARD_CHECKS: Final = "10X98765432"
_CREDIT_ALPHABET: Final = "0123456789ABCDEFGHJKLMNPQRTUWXY"
_CREDIT_MODULUS: Final = 31


def is_id_card(number: str) -> bool:
    """Tell whether `number` is a resident identity number by form, birthday and check digit (GB 11643)."""
    if not _ID_CARD.fullmatch(number):
        return False
    try:
        date(int(number[6:10]), int(number[10:12]), int(number[12:14]))
    except ValueError:
        return False
    total = sum(int(digit) * weight for digit, weight in zip(number, _ID_CARD_WEIGHTS, strict=False))
    return _ID_CARD_CHECKS[total % 11] == number[17]


def is_credit_code(code: str) -> bool:
    """Tell whether `code` is a unified social credit code by form and check character (GB 32100)."""
    if not _CREDIT_CODE.fullmatch(code):
        return False
    total = sum(
        _CREDIT_ALPHABET.index(each) * pow(3, at, _CREDIT_MODULUS) for at, each in enumerate(code[:17])
    )
    return _CREDIT_ALPHABET[-total % _CREDIT_MODULUS] == code[17]


def normal_document_no(number: str) -> str:
    """Return the number of a document as we keep it: without spaces, with capitals."""
    return "".join(unicodedata.normalize("NFKC", number).split()).upper()


def document_problem(document: IdentityDocument | None, number: str | None) -> str | None:
    """Return what is wrong with the number of a document that has a check digit, or None."""
    if not number:
        return None
    if document is IdentityDocument.ID_CARD and not is_id_card(number):
        return NOT_AN_ID_CARD
    if document is IdentityDocument.BUSINESS_LICENCE and not is_credit_code(number):
        return NOT_A_CREDIT_CODE
    return None


def misfit_problem(kind: CustomerKind | None, document: IdentityDocument | None) -> str | None:
    """Return why a customer of this kind cannot have such a document, or None."""
    if kind is CustomerKind.GROUP and document in {IdentityDocument.ID_CARD, IdentityDocument.PASSPORT}:
        return NOT_OF_A_GROUP
    if kind is CustomerKind.INDIVIDUAL and document is IdentityDocument.BUSINESS_LICENCE:
        return NOT_OF_A_PERSON
    return None


def normal_mobile(text: str) -> str | None:
    """Return a mobile number as we keep it (11 digits; abroad +...), or None when it cannot be one."""
    plain = text.strip()
    if _MOBILE.fullmatch(plain):
        return plain
    number = _parse(text)
    if number is None:
        return None
    national = phonenumbers.national_significant_number(number)
    if phonenumbers.region_code_for_country_code(number.country_code or 0) != HOME_REGION:
        return _abroad(number)
    return national if _MOBILE.fullmatch(national) else None


def normal_phone(text: str) -> str | None:
    """Return any telephone number as we keep it (0571-88880000, +852 ...), or None when it cannot be one."""
    number = _parse(text)
    if number is None or not phonenumbers.is_possible_number(number):
        return None
    if phonenumbers.region_code_for_country_code(number.country_code or 0) != HOME_REGION:
        return _abroad(number)
    return re.sub(r"\s+", " ", text.strip())


def _abroad(number: phonenumbers.PhoneNumber) -> str | None:
    if not phonenumbers.is_possible_number(number):
        return None
    return str(phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.INTERNATIONAL))


def _parse(text: str) -> phonenumbers.PhoneNumber | None:
    try:
        return phonenumbers.parse(text, HOME_REGION)
    except phonenumbers.NumberParseException:
        return None
