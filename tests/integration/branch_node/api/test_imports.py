"""Programs take files in as people do: checked first, told of each row, taken in, taken back."""

from sqlalchemy import func, select

from branch_node.customers.models import Customer
from branch_node.duplicates.jobs import find_duplicates
from branch_node.imports import wizard
from branch_node.imports.models import Import, ImportState
from shared.audit.models import AuditEntry
from shared.jobs.job import Progress
from shared.rights.vocabulary import Action, Resource, StaffKind
from tests.support.branch import ANA
from tests.support.interfaces import Program, token_for

HEAD = "customer_no,kind,name,status,mobile,grade\n"
GOOD = "C-1,individual,李雷,active,13900010001,A\n"
BAD = "C-2,individual,韩梅梅,active,12,Z\n"


def send(program, text, kind="customers", name="list.csv"):
    return program.client.post(
        f"/api/v1/imports?kind={kind}&name={name}",
        data=text.encode(),
        content_type="application/octet-stream",
        headers={"Authorization": f"Bearer {program.token}"},
    )


def sent(program, text, **which):
    answer = send(program, text, **which)
    assert answer.status_code == 201, answer.text
    return f"/api/v1/imports/{answer.json['id']}"


def numbers(database):
    with database.reads() as session:
        return session.scalars(select(Customer.customer_no).order_by(Customer.customer_no)).all()


def test_a_file_is_sent_checked_taken_in_and_taken_back(program, database):
    at = sent(program, HEAD + GOOD + BAD)

    checked = program.post(f"{at}/check").json
    before = numbers(database)
    taken = program.post(f"{at}/commit").json
    held = numbers(database)
    undone = program.post(f"{at}/undo").json

    assert (checked["state"], checked["created"], checked["refused"]) == ("checked", 1, 1)
    assert checked["columns"]["mobile"] == ["mobile"]
    assert (before, held, numbers(database)) == ([], ["C-1"], [])
    assert (taken["state"], undone["state"]) == ("done", "undone")
    with database.reads() as session:
        told = session.scalars(select(AuditEntry.event).where(AuditEntry.via == "api")).all()
    assert {"import.finished", "import.undone"} <= set(told)


def test_what_is_wrong_with_a_row_names_its_line_its_column_and_the_cure(program):
    at = sent(program, HEAD + GOOD + BAD)
    program.post(f"{at}/check")

    found = program.get(f"{at}/problems").json["items"]
    chinese = program.get(f"{at}/problems", accept_language="zh-CN").json["items"]

    assert {(one["row"], one["field"], one["given"]) for one in found} == {
        (3, "mobile", "12"),
        (3, "grade", "Z"),
    }
    assert all(one["cure"] and one["code"] for one in found)
    assert chinese[0]["cure"] != found[0]["cure"]


def test_refused_rows_are_mended_and_the_file_checked_again(program, database):
    at = sent(program, HEAD + GOOD + BAD)
    program.post(f"{at}/check")

    mended = program.post(
        f"{at}/mend", {"rows": [{"row": 3, "cells": {"mobile": "13900010002", "grade": "B"}}]}
    ).json
    program.post(f"{at}/commit")

    assert (mended["created"], mended["refused"]) == (2, 0)
    assert numbers(database) == ["C-1", "C-2"]
    unknown = program.post(f"{at}/mend", {"rows": [{"row": 3, "cells": {"shoe": "43"}}]})
    assert (unknown.status_code, set(unknown.json["fields"])) == (400, {"rows"})


def test_a_row_that_is_very_likely_a_customer_waits_for_a_word(program, rows, database):
    same = {"id_no": "440103199001011234", "mobile": "13812345678"}
    known = rows.customer(customer_no="C-9", name="李晓明", **same)
    find_duplicates(type("Runtime", (), {"database": database})(), ANA, Progress())
    head = "customer_no,kind,name,id_no,mobile\n"
    at = sent(program, head + "C-1,individual,李小明,440103199001011234,13812345678\n")
    program.post(f"{at}/check")

    (alike,) = program.get(f"{at}/alike").json["items"]
    refused = program.post(f"{at}/commit")
    chosen = program.ask("PUT", f"{at}/choices", {"rows": [{"row": alike["row"], "choice": "leave"}]})
    taken = program.post(f"{at}/commit").json

    assert (alike["other_id"], alike["certain"], alike["choice"]) == (known, True, None)
    assert (refused.status_code, refused.json["code"]) == (409, "import-undecided")
    assert chosen.json["undecided"] == 0
    assert taken["state"] == "done"
    assert numbers(database) == ["C-9"]


def test_an_undo_that_later_work_forbids_names_every_obstacle_and_undoes_nothing(program, rows, database):
    at = sent(program, HEAD + GOOD)
    program.post(f"{at}/check")
    program.post(f"{at}/commit")
    with database.reads() as session:
        rows.bill_line(session.scalars(select(Customer.id)).one())

    refused = program.post(f"{at}/undo")

    assert (refused.status_code, refused.json["code"]) == (409, "undo-refused")
    assert "bill_lines" in refused.json["fields"]["obstacles"][0]
    assert numbers(database) == ["C-1"]


def test_a_token_of_imports_alone_takes_a_file_in_and_opens_no_customer(app, make_user, database):
    make_user("boss", StaffKind.BRANCH_MANAGER)
    rights = [(Resource.IMPORT, Action.READ), (Resource.IMPORT, Action.CREATE)]
    narrow = Program(app, token_for(app, "boss", rights))
    at = sent(narrow, HEAD + GOOD)
    narrow.post(f"{at}/check")

    taken = narrow.post(f"{at}/commit")

    assert taken.json["state"] == "done", taken.text
    assert numbers(database) == ["C-1"]
    assert narrow.get("/api/v1/customers").status_code == 403
    assert narrow.post(f"{at}/undo").status_code == 403
    assert numbers(database) == ["C-1"]


def test_what_is_no_table_of_a_known_kind_is_refused_and_nothing_of_it_is_kept(app, program, sessions):
    unknown = send(program, HEAD, kind="shoes")
    empty = send(program, "")
    garbage = program.client.post(
        "/api/v1/imports?kind=customers",
        data=b"\x00\xff\xfe\x00PK\x03\x04",
        headers={"Authorization": f"Bearer {program.token}"},
    )

    assert (unknown.status_code, set(unknown.json["fields"])) == (400, {"kind"})
    assert (empty.status_code, set(empty.json["fields"])) == (400, {"file"})
    assert 400 <= garbage.status_code < 500
    with sessions() as session:
        assert session.scalar(select(func.count()).select_from(Import)) == 0
    folder = wizard.stored_file(app.extensions["branchline"], "x").parent
    assert [*folder.glob("*")] == []


def test_an_upload_is_forgotten_and_people_without_the_right_send_none(app, program, make_user, sessions):
    at = sent(program, HEAD + GOOD)
    make_user("seller", StaffKind.ACCOUNT_MANAGER)
    seller = Program(app, token_for(app, "seller"))

    forgotten = program.ask("DELETE", at, {})

    assert (forgotten.status_code, forgotten.json["state"]) == (200, ImportState.UPLOADED.value)
    assert program.get(at).status_code == 404
    assert send(seller, HEAD + GOOD).status_code == 403
    assert seller.get("/api/v1/imports").status_code == 403
    with sessions() as session:
        assert session.scalars(select(Import)).all() == []


def test_the_kinds_of_files_say_their_columns(program):
    kinds = {one["name"]: one for one in program.get("/api/v1/import-kinds").json["items"]}

    assert {"customers", "contacts", "billing", "worklogs", "managers"} <= set(kinds)
    assert [one["name"] for one in kinds["customers"]["columns"] if one["required"]] == [
        "customer_no",
        "kind",
        "name",
    ]
