"""The file that tells a node from its copy."""

import errno
import os
from pathlib import Path

import pytest

from branch_node.outbound import contacts
from branch_node.outbound.contacts import FILE, KEPT, SENT, TRIM_AT, ContactBook
from shared.config import Home, HomeNotWrittenError
from shared.ids import new_id
from sync_protocol.contract.signing import REPLACES


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


def test_a_contact_is_on_disk_before_it_is_sent_and_known_afterwards(home):
    begun = ContactBook(home).begin()

    assert home.read_lines(FILE) == [begun.id]
    assert ContactBook(home).knows(begun.id)


def test_a_disk_that_does_not_take_a_contact_is_said_and_the_next_one_goes_on(home, monkeypatch):
    def broken(descriptor: int) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(os, "fsync", broken)
    with pytest.raises(
        HomeNotWrittenError, match=r"contacts in the node's home .*Input/output error"
    ) as refused:
        ContactBook(home).begin()
    monkeypatch.undo()

    assert refused.value.retryable
    assert ContactBook(home).knows(ContactBook(home).begin().id)


def test_each_contact_names_the_last_ones_before_it(home):
    ids = [ContactBook(home).begin().id for _ in range(SENT + 5)]

    assert list(ContactBook(home).begin().before) == ids[-SENT:]


def test_a_line_cut_off_by_a_power_cut_neither_counts_nor_swallows_the_next(home):
    first = ContactBook(home).begin()
    with (home.path / FILE).open("a") as file:
        file.write(new_id()[:10])

    second = ContactBook(home).begin()

    assert list(second.before) == [first.id]
    assert list(ContactBook(home).begin().before) == [first.id, second.id]


def test_what_is_no_text_at_all_is_passed_over(home):
    (home.path / FILE).write_bytes(b"\xff\xfe\x00" * 100)

    assert list(ContactBook(home).begin().before) == []


def test_a_replacement_is_declared_until_head_office_has_accepted_it(home):
    ContactBook(home).replace()

    first, second = ContactBook(home).begin(), ContactBook(home).begin()
    ContactBook(home).accepted()

    assert REPLACES in first.before
    assert REPLACES in second.before
    assert list(ContactBook(home).begin().before) == [first.id, second.id]


def test_the_file_does_not_grow_for_ever_and_keeps_the_newest(home):
    ids = [new_id() for _ in range(TRIM_AT + 1)]
    home.write_lines(FILE, ids)

    ContactBook(home).accepted()

    assert home.read_lines(FILE) == ids[-KEPT:]
    assert contacts.KEPT < TRIM_AT
