"""Programs read what branches have sent as people at head office do: masked, and with the branch beside each row."""

from datetime import timedelta

from tests.integration.hq_server.conftest import NOON, sign_in
from tests.support.hq_rows import add_branch
from tests.support.interfaces import Program, token_for


def filled(database):
    with database.sessions.begin() as session:
        near, far = (
            add_branch(session, "B001", NOON, name="Near"),
            add_branch(session, "B002", NOON, name="Far"),
        )
        ids = []
        for branch, count in ((near, 20), (far, 15)):
            manager = branch.manager("M1", "Wu")
            ids = [
                branch.customer(
                    manager_id=manager,
                    customer_no=f"C-{number:02}",
                    name=f"Li {number}",
                    mobile="13977130662",
                )
                for number in range(count)
            ]
            branch.deliver()
        return ids[0]


def test_a_program_reads_all_branches_page_by_page_with_contact_data_masked(app, database):
    far = filled(database)
    sign_in(app, database)
    program = Program(app, token_for(app, "zhang"))
    seen: list[tuple[str, str]] = []
    after: str | None = ""
    while after is not None:
        answer = program.get(f"/api/v1/customers?size=25&after={after}").json
        seen += [(one["branch"], one["customer_no"]) for one in answer["items"]]
        after = answer["next"]

    assert seen == sorted(seen)
    assert len(set(seen)) == 35
    one = program.get(f"/api/v1/customers/B002/{far}").json
    assert (one["name"], one["branch"]) == ("Li 0", "B002")
    assert "7713" not in one["mobile"]
    assert program.get(f"/api/v1/customers/B001/{far}").status_code == 404
    assert len(program.get("/api/v1/customers?branch=B002").json["items"]) == 15


def test_standings_say_of_each_branch_as_of_when_they_count(app, database, clock):
    filled(database)
    clock.advance(timedelta(hours=1))
    sign_in(app, database)
    program = Program(app, token_for(app, "zhang"))

    rows = program.get("/api/v1/qualifications/standings?branch=B002").json["items"]

    assert [(row["branch"], row["counts"]) for row in rows] == [("B002", {"none": 15})]
    assert "as_of" in rows[0]
    assert program.get("/api/v1/groups/G-1").json == {"items": [], "next": None}
