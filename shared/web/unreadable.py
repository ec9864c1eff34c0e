"""A filter of a list that cannot be read: told with its cure, for a list without it would show more than was asked."""

from typing import Final

from flask import request

from shared.errors import N_, BranchlineError
from shared.i18n import gettext as _
from shared.web.paging import link

LONGEST: Final = 40
# What people call the filters that lists have in common; others are called by their name in the address.
CALLED: Final = {
    "manager": N_("Account manager"),
    "customer": N_("Customer"),
    "kind": N_("Kind"),
    "grade": N_("Grade"),
    "status": N_("Status"),
    "state": N_("State"),
    "lifecycle_stage": N_("Life-cycle stage"),
    "value_tier": N_("Value tier"),
    "service_level": N_("Service level"),
    "preferred_channel": N_("Preferred channel"),
    "opened_from": N_("Opened from"),
    "opened_to": N_("Opened to"),
    "period_from": N_("Period from"),
    "period_to": N_("Period to"),
    "from": N_("From"),
    "to": N_("To"),
    "month": N_("Month"),
    "birthday": N_("Birthday in month"),
    "no_contact": N_("Do not contact"),
    "department": N_("Department"),
    "outcome": N_("Outcome"),
    "channel": N_("Channel"),
}
A_DAY: Final = N_("It takes a day, like 2026-03-31.")
A_MONTH: Final = N_("It takes a month, like 2026-03.")
AN_HOUR: Final = N_("It takes an hour, like 2026-03-31T08.")
AN_ID: Final = N_("It takes the id of a record; choose it from the list again.")
A_CHOICE: Final = N_("It has no such choice (any more); choose from its list again.")


class UnreadableFilterError(BranchlineError):
    """A filter's value means nothing; answering would pass it over and show what nobody asked for."""

    code = "filter-unreadable"
    message = N_("The filter “%(name)s” cannot be “%(given)s”. %(cure)s")


def unreadable(field: str, given: str, cure: str) -> UnreadableFilterError:
    """Return the error about a filter; `instead` is the address of the page without it."""
    called = _(CALLED[field]) if field in CALLED else field
    without = link(**{field: None, "page": None}) if request.method == "GET" else ""
    return UnreadableFilterError(
        field=field, name=called, given=given[:LONGEST], cure=_(cure), instead=without
    )
