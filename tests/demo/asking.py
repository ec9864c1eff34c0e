"""Two questions of head office, and what customers of the branches answered to them over some months."""

import re
from datetime import date, timedelta
from random import Random
from typing import Final

from tests.demo.person import Person

SCORE: Final = {
    "name": "NPS",
    "indicator": "satisfaction",
    "scale": "score",
    "zh": "您对我们的服务满意吗？",
    "en": "How content are you with our service?",
    "low_zh": "很不满意",
    "low_en": "not at all",
    "high_zh": "非常满意",
    "high_en": "very much",
}
CHOICE: Final = {
    "name": "NEED",
    "indicator": "demand",
    "scale": "choice",
    "zh": "您目前最需要什么？",
    "en": "What do you need most now?",
    "choices": (
        "price | 更低的资费 | Lower prices\nspeed | 更快的网络 | A faster line\ncare | 上门服务 | Service on site"
    ),
}
NEEDS: Final = ("price", "speed", "care")
WAYS: Final = ("phone", "visit", "counter", "wechat")
ASKED: Final = 14  # customers of each branch
SPAN_DAYS: Final = 100


def publish(person: Person, today: date) -> None:
    """Publish the questions to every branch, as asked for a year."""
    begins = (today - timedelta(days=365)).isoformat()
    for question in (SCORE, CHOICE):
        values = {**question, "from": begins, "to": "all", "do": "publish"}
        person.send("/published/new?kind=question", **values)


def answer(person: Person, today: date, *, seed: int) -> None:
    """Note what some customers of a branch answered, and correct one of it.

    Each has a note: some are not to be contacted, and without a word of why no answer is taken.
    """
    random, customers = Random(seed), _customers(person)[:ASKED]
    best = random.randrange(2, 5)
    for number, customer in enumerate(customers):
        code, said = (
            ("NEED", random.choice(NEEDS))
            if number % 3 == 2
            else ("NPS", str(best + random.randrange(-1, 2)))
        )
        day = today - timedelta(days=random.randrange(SPAN_DAYS) if number % 2 else 0)
        person.send(
            f"/customers/{customer}/questions/answers/new?question={code}",
            answer=said,
            way=random.choice(WAYS),
            answered_on=day.isoformat(),
            note="例行回访",
        )
    care = person.read(f"/customers/{customers[0]}/care")
    found = re.search(r"/question-answers/([0-9a-f-]+)/correct", care)
    if found is not None:
        person.send(f"/question-answers/{found[1]}/correct", answer=str(best), note="客户更正")


def _customers(person: Person) -> list[str]:
    page = person.read("/customers")
    return list(dict.fromkeys(re.findall(r'href="/customers/([0-9a-f]{8}-[0-9a-f-]{27})"', page)))
