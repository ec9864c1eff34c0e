"""Beginning a contact with HQ as the one node of this branch; told apart from its copies by the contacts it knows."""

from branch_node.outbound import hq_log, queries
from branch_node.outbound.alarms import COPY_REFUSED
from branch_node.outbound.client import HqClient, HqRefusedError, Vitals
from branch_node.outbound.contacts import Contact, ContactBook
from branch_node.runtime import BranchRuntime
from shared.alarms.operations import raise_alarm
from sync_protocol.contract.codes import Problem
from sync_protocol.contract.messages import StateAnswer


def begin_contact(runtime: BranchRuntime, client: HqClient, vitals: Vitals) -> StateAnswer:
    """Ask HQ for its state under a new contact; raises HqRefusedError when HQ takes this node for a copy.

    A restored HQ may name a contact of long ago; when this node knows it, nobody else has spoken since.
    """
    book = ContactBook(runtime.settings.home, runtime.receiver)
    client.contact = book.begin()
    client.hq_log = hq_log.to_bring(runtime)
    try:
        state = _ask(client, book, vitals)
    except HqRefusedError as error:
        if error.problem == Problem.DUPLICATE.value.code:
            _tell(runtime)
        raise
    book.accepted()
    hq_log.keep(runtime, state)
    return state


def _ask(client: HqClient, book: ContactBook, vitals: Vitals) -> StateAnswer:
    contact = client.contact
    assert contact is not None
    try:
        return client.state(vitals)
    except HqRefusedError as error:
        last = str(error.members.get("last_contact"))
        if error.problem != Problem.DUPLICATE.value.code or not book.knows(last):
            raise
    client.contact = Contact(contact.id, (*contact.before, last))
    return client.state(vitals)


def _tell(runtime: BranchRuntime) -> None:
    with runtime.database.sessions.begin() as session:
        raise_alarm(session, COPY_REFUSED, queries.alarm_subject(session), at=runtime.clock.now())
