import contextlib
from datetime import timedelta

import pytest
from argon2 import PasswordHasher
from hypothesis import given
from hypothesis import strategies as st

from shared.auth import passwords
from shared.auth.errors import WeakPasswordError
from shared.auth.throttle import ACCOUNT, ADDRESS, throttle_keys
from tests.support import quick

# Four terabytes: no machine gives them.
HUGE = "$argon2id$v=19$m=4294967295,t=1,p=1$c29tZXNhbHRzb21lc2FsdA$" + "A" * 43
PAIR = next(policy for policy in throttle_keys("wang", "10.0.0.1").values() if policy.counts == "pair")


def test_a_password_is_kept_as_argon2id_with_64_mib_and_its_own_salt(monkeypatch):
    monkeypatch.setattr(passwords, "_HASHER", quick.HASHER_IN_EARNEST)
    first, second = passwords.hash_password("correct horse"), passwords.hash_password("correct horse")
    assert first.startswith("$argon2id$v=19$m=65536,t=3,p=4$")
    assert first != second
    assert passwords.password_matches(first, "correct horse")
    assert not passwords.password_matches(first, "correct horsf")


def test_no_password_opens_an_account_that_has_none():
    assert not passwords.password_matches(None, "")
    assert not passwords.password_matches(None, "correct horse")
    assert not passwords.password_matches("not a hash", "correct horse")


def test_a_password_typed_in_full_width_is_the_same_password():
    kept = passwords.hash_password(passwords.check_password("Ｃｏｒｒｅｃｔ－１２３"))
    assert passwords.password_matches(kept, "Correct-123")


def test_hashing_is_not_a_way_to_keep_us_busy():
    kept = passwords.hash_password("correct horse")
    assert not passwords.password_matches(kept, "x" * 1_000_000)


@given(st.text(min_size=8, max_size=128))
def test_a_long_enough_password_is_taken_or_refused_but_never_breaks_us(password):
    with contextlib.suppress(WeakPasswordError):
        normal = passwords.check_password(password)
        assert passwords.SHORTEST <= len(normal) <= passwords.LONGEST


@pytest.mark.parametrize(
    "password",
    [
        *("", "1234567", "x" * 129, "12345678", "ADMIN123456", "abababab", "zhangsan.li"),
        *("trustno1", "Zhangsan.Li2026!", "Branchline#1", "2026-headoffice", "!!administrator!!"),
    ],
)
def test_what_anybody_would_try_first_is_refused(password):
    with pytest.raises(WeakPasswordError):
        passwords.check_password(password, username="zhangsan.li")


@pytest.mark.parametrize("password", ["83920174", "zhangsan.lisi", "branch of a tree", "a" * 60 + "bcde"])
def test_any_other_password_is_taken_whatever_signs_it_is_made_of(password):
    assert passwords.check_password(password, username="1001") == password


def test_the_list_of_common_passwords_has_thousands_that_would_pass_otherwise():
    found = passwords.common_passwords()
    assert len(found) > 10_000
    assert all(len(password) >= passwords.SHORTEST for password in found)


def test_a_one_time_code_has_125_bits_and_can_be_read_out():
    codes = {passwords.new_code() for _ in range(200)}
    assert len(codes) == 200
    assert all(len(code) == 29 and code.count("-") == 4 for code in codes)
    assert not set("".join(codes)) & set("ILOU")
    assert len(passwords.CODE_ALPHABET) ** 25 >= 2**112


def test_a_code_may_be_typed_as_people_type():
    code = "01ABC-DEFGH-JKMNP-QRSTV-WXYZ0"
    for typed in (
        code.lower(),
        code.replace("-", " "),
        code.replace("-", ""),
        "oiabc-defgh-jkmnp-qrstv-wxyzO",
    ):
        assert passwords.hash_code(typed) == passwords.hash_code(code)
    assert passwords.hash_code("11ABC-DEFGH-JKMNP-QRSTV-WXYZ0") != passwords.hash_code(code)


@pytest.mark.parametrize("policy", [PAIR, ADDRESS, ACCOUNT])
@given(failures=st.integers(0, 10**9))
def test_waiting_grows_and_never_beyond_its_longest(policy, failures):
    assert policy.wait(failures) <= policy.wait(failures + 1) <= policy.longest


def test_the_first_tries_are_free():
    assert [PAIR.wait(number).total_seconds() for number in range(8)] == [0, 0, 0, 0, 0, 1, 2, 4]
    assert ACCOUNT.longest < timedelta(minutes=1)


def test_counters_keep_neither_names_nor_addresses():
    keys = throttle_keys("wang", "10.0.0.1")
    assert len(keys) == 3
    assert all(len(key) == 64 and "wang" not in key for key in keys)
    assert not set(keys) & set(throttle_keys("wan", "g10.0.0.1"))


@pytest.mark.parametrize("hashed", [HUGE, None])
def test_without_memory_to_find_out_no_password_is_called_wrong(monkeypatch, hashed):
    """Asked for more memory than any machine has, the system refuses it as a small one does when it is full."""
    monkeypatch.setattr(passwords, "nobodys_hash", lambda: HUGE)
    monkeypatch.setattr(passwords, "_HASHER", PasswordHasher(memory_cost=2**32 - 1))

    with pytest.raises(MemoryError):
        passwords.password_matches(hashed, "correct horse battery")
    with pytest.raises(MemoryError):
        passwords.hash_password("correct horse battery")
