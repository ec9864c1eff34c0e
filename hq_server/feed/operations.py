"""Writing drafts, publishing them one after the other, withdrawing; and keeping what branches tell."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import insert, select
from sqlalchemy.dialects.postgresql import insert as insert_postgresql
from sqlalchemy.dialects.sqlite import insert as insert_sqlite
from sqlalchemy.orm import Session

from hq_server.branches.queries import list_branches
from hq_server.feed import queries
from hq_server.feed.alarms import FEED_HELD
from hq_server.feed.errors import (
    ChangedMeanwhileError,
    ItemExistsError,
    NoDraftError,
    NotOutError,
    NotPublishableError,
    UnknownBranchError,
)
from hq_server.feed.models import FeedHead, FeedItem, FeedVersion
from shared.alarms.operations import clear_alarm
from shared.audit.operations import record
from shared.db.base import instant_text
from shared.domain.published.rules import problem_of, title_of
from shared.domain.published.vocabulary import TITLED, ItemKind
from shared.i18n import gettext as _
from shared.ids import new_id
from shared.stamp import Stamp
from sync_protocol.contract.feed import next_digest

SUBJECT = "published"


@dataclass(frozen=True, slots=True)
class Draft:
    """What a version is to say, to whom (no branch: all), until when, and when it goes out by itself.

    `meant`: which counted kinds of papers it leaves out on purpose.
    """

    body: Mapping[str, Any]
    branches: Sequence[str] = ()
    expires_at: datetime | None = None
    publish_at: datetime | None = None
    meant: Collection[str] = ()


def make_item(session: Session, kind: ItemKind, name: str, draft: Draft, *, by: Stamp) -> FeedItem:
    """Enter a new item with its first draft; no branch sees it before it is published.

    Raises ItemExistsError, NotPublishableError and UnknownBranchError.
    """
    if name and queries.find_named(session, kind, name) is not None:
        raise ItemExistsError
    item = FeedItem(kind=kind, name=name, title=_title(kind, name, draft), made_at=by.at, made_by=by.actor)
    _check(session, item, draft)
    session.add(item)
    session.flush()
    _write(session, item, None, 1, draft, by=by)
    return item


def publish_order(session: Session, branch: str, body: Mapping[str, Any], *, by: Stamp) -> FeedItem:
    """Give one branch an order about personal data from its next contact on; it is published for good.

    Raises NotPublishableError and UnknownBranchError.
    """
    item = FeedItem(id=new_id(), kind=ItemKind.PERSONAL_ORDER, title="", made_at=by.at, made_by=by.actor)
    item.name = item.id
    draft = Draft(body=body, branches=[branch])
    _check(session, item, draft)
    session.add(item)
    session.flush()
    # Not through the session, which would tell the log why: that is about a person, and nothing leaves the log.
    values = {"body": dict(body), "branches": [branch], "made_at": by.at, "made_by": by.actor}
    session.execute(insert(FeedVersion).values(item_id=item.id, version=1, withdrawn=False, **values))
    _publish(session, item, session.get_one(FeedVersion, (item.id, 1)), by=by)
    return item


def save_draft(
    session: Session, item_id: str, draft: Draft, *, seen_at: datetime | None, by: Stamp
) -> FeedVersion:
    """Write the draft of an item's next version, in the place of an earlier draft.

    `seen_at` is when the newest version the person saw was made. Raises ItemNotFoundError, ChangedMeanwhileError,
    NotPublishableError and UnknownBranchError.
    """
    standing = _locked(session, item_id)
    present = standing.draft or standing.current
    if (present.made_at if present else None) != seen_at:
        raise ChangedMeanwhileError
    _check(session, standing.item, draft)
    last = standing.current.version if standing.current else 0
    return _write(session, standing.item, standing.draft, last + 1, draft, by=by)


def drop_draft(session: Session, item_id: str, *, by: Stamp) -> bool:
    """Forget an item's draft, and the item with it when it was never published; returns whether the item stays.

    Raises ItemNotFoundError and NoDraftError.
    """
    standing = _locked(session, item_id)
    if standing.draft is None:
        raise NoDraftError
    session.delete(standing.draft)
    session.flush()
    if standing.current is None:
        session.delete(standing.item)
    _note(session, "feed.draft-dropped", standing.item, standing.draft, by=by)
    return standing.current is not None


def publish(session: Session, item_id: str, *, by: Stamp) -> FeedVersion:
    """Give an item's draft to the branches from their next contact on; it never changes again.

    Raises ItemNotFoundError and NoDraftError.
    """
    standing = _locked(session, item_id)
    if standing.draft is None:
        raise NoDraftError
    standing.draft.publish_at = None
    return _publish(session, standing.item, standing.draft, by=by)


def hold_back(session: Session, item_id: str, *, by: Stamp) -> FeedVersion:
    """Let an item's draft wait for somebody instead of going out by itself.

    Raises ItemNotFoundError and NoDraftError.
    """
    standing = _locked(session, item_id)
    if standing.draft is None:
        raise NoDraftError
    standing.draft.publish_at = None
    _note(session, "feed.held", standing.item, standing.draft, by=by)
    return standing.draft


def withdraw(session: Session, item_id: str, *, by: Stamp) -> FeedVersion:
    """Take an item back from every branch that has it, also from one that is away now; a draft stays.

    Raises ItemNotFoundError and NotOutError.
    """
    standing = _locked(session, item_id)
    current = standing.current
    if current is None or current.withdrawn:
        raise NotOutError
    if standing.draft is not None:
        # The draft makes room: versions count up in the order of publication.
        draft = _taken_from(standing.draft)
        session.delete(standing.draft)
        session.flush()
    else:
        draft = None
    version = FeedVersion(
        item_id=item_id,
        version=current.version + 1,
        withdrawn=True,
        body=current.body,
        branches=current.branches,
        made_at=by.at,
        made_by=by.actor,
    )
    session.add(version)
    if draft is not None:
        draft.version = version.version + 1
        session.add(draft)
    return _publish(session, standing.item, version, by=by)


def _publish(session: Session, item: FeedItem, version: FeedVersion, *, by: Stamp) -> FeedVersion:
    last = _take_turn(session)
    version.seq, version.published_at, version.published_by = last.seq + 1, by.at, by.actor
    if item.kind in TITLED:
        item.title = title_of(item.kind, version.body)
    version.digest = next_digest(last.digest, _publication(item, version))
    last.seq, last.digest = version.seq, version.digest
    session.flush()
    clear_alarm(session, FEED_HELD, (SUBJECT, item.id), at=by.at)
    event = "feed.withdrawn" if version.withdrawn else "feed.published"
    _note(session, event, item, version, by=by)
    return version


def _take_turn(session: Session) -> FeedHead:
    """Return the feed's head, locked until this transaction ends.

    A branch asks for what follows the last number it saw. If two publications could be under way at once, the later
    number might be seen first and the earlier one never: rows are seen when they are committed, not when they are
    numbered. So whoever publishes waits here until the one before has committed.
    """
    locked = (
        select(FeedHead).where(FeedHead.id == 1).with_for_update().execution_options(populate_existing=True)
    )
    last = session.scalars(locked).one_or_none()
    if last is not None:
        return last
    insert_once = insert_postgresql if session.get_bind().dialect.name == "postgresql" else insert_sqlite
    session.execute(insert_once(FeedHead).values(id=1, seq=0, digest="").on_conflict_do_nothing())
    return session.scalars(locked).one()


def _publication(item: FeedItem, version: FeedVersion) -> dict[str, Any]:
    assert version.published_at is not None
    return {
        "seq": version.seq,
        "id": item.id,
        "kind": item.kind.value,
        "name": item.name,
        "version": version.version,
        "withdrawn": version.withdrawn,
        "body": version.body,
        "branches": list(version.branches),
        "expires_at": instant_text(version.expires_at) if version.expires_at else None,
        "published_at": instant_text(version.published_at),
    }


def _write(
    session: Session, item: FeedItem, present: FeedVersion | None, number: int, draft: Draft, *, by: Stamp
) -> FeedVersion:
    version = present or FeedVersion(item_id=item.id, version=number)
    version.body, version.branches = dict(draft.body), sorted(set(draft.branches))
    version.expires_at, version.publish_at = draft.expires_at, draft.publish_at
    version.meant = sorted(draft.meant)
    version.withdrawn, version.made_at, version.made_by = False, by.at, by.actor
    session.add(version)
    session.flush()
    clear_alarm(session, FEED_HELD, (SUBJECT, item.id), at=by.at)
    _note(session, "feed.drafted", item, version, by=by)
    return version


def _taken_from(draft: FeedVersion) -> FeedVersion:
    return FeedVersion(
        item_id=draft.item_id,
        body=draft.body,
        branches=draft.branches,
        expires_at=draft.expires_at,
        publish_at=draft.publish_at,
        meant=draft.meant,
        withdrawn=False,
        made_at=draft.made_at,
        made_by=draft.made_by,
    )


def _locked(session: Session, item_id: str) -> queries.Standing:
    """Return an item, locked: two people who publish or change it take turns."""
    queries.get_item(session, item_id)
    item = session.get_one(FeedItem, item_id, with_for_update=True, populate_existing=True)
    return queries.standing_of(session, item)


def _check(session: Session, item: FeedItem, draft: Draft) -> None:
    problem = problem_of(item.kind.value, item.name, draft.body)
    if problem is not None:
        raise NotPublishableError(field="body", reason=_(problem))
    known = {branch.code for branch in list_branches(session)}
    unknown = sorted(set(draft.branches) - known)
    if unknown:
        raise UnknownBranchError(field="branches", branch=unknown[0])


def _title(kind: ItemKind, name: str, draft: Draft) -> str:
    return title_of(kind, draft.body) if kind in TITLED else name


def _note(session: Session, event: str, item: FeedItem, version: FeedVersion, *, by: Stamp) -> None:
    details = {"kind": item.kind.value, "title": item.title, "version": version.version}
    if version.branches:
        details["branches"] = list(version.branches)
    record(session, event, subject=(SUBJECT, item.id), by=by, details=details)
