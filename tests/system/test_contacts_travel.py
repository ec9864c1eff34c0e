"""Contact people reach head office with their customers and are found by there."""

from hq_server.analysis.jobs import take_in
from hq_server.customers.queries import find_by_words
from shared.jobs.job import Progress


def found(world, words):
    with world.hq.database.reads() as session:
        return find_by_words(session, words)[0]


def test_head_office_finds_a_customer_by_its_contact_people_at_once_and_once_indexed(world):
    branch = world.make_branch("B001")
    customer = branch.add_customer(name="东湖大学")
    branch.push()
    take_in(world.hq, world.by(), Progress())
    branch.add_contact(customer, name="韩梅梅", mobile="13700000000")

    branch.push()

    world.assert_equal()
    assert [one for _number, one in found(world, "韩梅梅")] == [customer]
    take_in(world.hq, world.by(), Progress())
    assert [one for _number, one in found(world, "韩梅梅")] == [customer]
    assert [one for _number, one in found(world, "13700000000")] == [customer]
    assert [one for _number, one in found(world, "东湖")] == [customer]
