"""Offers over the wire: what customers said at branches is counted at head office, by offer and branch."""

import random
from datetime import date, timedelta

from sqlalchemy import func, select

from branch_node.erasure.operations import Known, carry_out
from branch_node.identity.queries import survivor_of
from branch_node.merging import operations as merging
from branch_node.offers import operations
from branch_node.offers import queries as at_branch
from branch_node.offers.models import OfferAnswer
from hq_server.feed import operations as feed
from hq_server.feed.operations import Draft
from hq_server.offers.queries import Answers, count_answers, list_offers, select_answers
from hq_server.replica.models import ReplicaOfferAnswer
from shared.domain.erasure.vocabulary import ErasureReason
from shared.domain.offers.vocabulary import OfferStep
from shared.domain.published.vocabulary import ItemKind

TODAY = date(2026, 11, 20)
BODY = {"title": "千兆", "text": "免费升级", "from": "2026-01-01", "until": None}
CODES = ("FIBRE", "ROAM")


def publish(world):
    with world.hq.database.sessions.begin() as session:
        for code in CODES:
            item = feed.make_item(session, ItemKind.OFFER, code, Draft(BODY), by=world.by())
            feed.publish(session, item.id, by=world.by())


def act(world, branch, customers, chance):
    """Something that may be written about an offer, of a file that was not merged into another."""
    values = {
        "step": chance.choice([OfferStep.MADE, OfferStep.ACCEPTED, OfferStep.DECLINED]),
        "happened_on": TODAY - timedelta(days=chance.randrange(9)),
        "reason": "x",
    }
    with branch.runtime.database.sessions.begin() as session:
        who = chance.choice([one for one in customers if survivor_of(session, one) is None])
        standing = [one.answer.id for one in at_branch.told(session, who) if one.counts]
        kind = chance.choice(["new", "new", "correct", "void"]) if standing else "new"
        if kind == "new":
            code = chance.choice(CODES)
            operations.record_answer(session, who, code, values, today=TODAY, by=world.by())
        elif kind == "correct":
            operations.correct_answer(session, chance.choice(standing), values, today=TODAY, by=world.by())
        else:
            operations.take_back(session, chance.choice(standing), "x", by=world.by())


def counted(branch, customers):
    """What the branch knows, by offer: of each person the last word."""
    found: dict[str, Answers] = {}
    with branch.runtime.database.reads() as session:
        for one in customers:
            if survivor_of(session, one) is None:
                for code, answer in at_branch.latest(session, one).items():
                    found[code] = found.get(code, Answers()) + Answers(**{answer.step.value: 1})
    return found


def test_head_office_counts_what_each_branch_knows_whatever_was_corrected_and_merged(world):
    publish(world)
    chance = random.Random(16)
    known: dict[tuple[str, int], Answers] = {}
    for number, code in enumerate(("B001", "B002"), start=1):
        branch = world.make_branch(code)
        customers = [branch.add_customer() for _each in range(5)]
        branch.push()
        for _turn in range(25):
            act(world, branch, customers, chance)
        with branch.runtime.database.sessions.begin() as session:
            merge = merging.propose(session, customers[0], customers[1], [], by=world.by())
            merging.carry_out(session, merge.id, by=world.by("li"))
        for _turn in range(5):
            act(world, branch, customers, chance)
        branch.push()
        known |= {(offer, number): each for offer, each in counted(branch, customers).items()}

    with world.hq.database.reads() as session:
        assert count_answers(session) == known
        for code in CODES:
            of_it = {at: each for at, each in known.items() if at[0] == code}
            assert count_answers(session, code) == of_it
            rows = session.execute(select_answers(code, (), ())).all()
            assert len(rows) == sum(each.offered for each in of_it.values())
            accepted = session.execute(select_answers(code, (2,), ("accepted",))).all()
            assert len(accepted) == known.get((code, 2), Answers()).accepted
        assert {one.code for one in list_offers(session, world.clock.now())} == set(CODES)
    world.assert_equal()


def test_why_an_erased_customer_declined_goes_at_both_tiers_and_the_figure_stays(world):
    publish(world)
    branch = world.make_branch("B001")
    customer, by = branch.add_customer(), world.by()
    branch.add_offer_answer(customer, step="declined", reason="canary 家里困难")
    branch.push()
    with branch.runtime.database.sessions.begin() as session:
        carry_out(session, Known.now(customer, ErasureReason.REQUEST, by), by=by)
    branch.push()
    with branch.runtime.database.reads() as session, world.hq.database.reads() as hq:
        for one, model in ((session, OfferAnswer), (hq, ReplicaOfferAnswer)):
            kept = one.scalars(select(model)).one()
            assert (kept.reason, kept.step) == (None, OfferStep.DECLINED)
        assert count_answers(hq) == {("FIBRE", 1): Answers(declined=1)}
        assert hq.scalar(select(func.count()).select_from(ReplicaOfferAnswer)) == 1
