"""Judges: made, listed, changed in versions, deleted."""

from __future__ import annotations

import uuid

import pytest

from penstock.judges.ready_made import ready_made

from .client import Client, Refused


def unique() -> str:
    return f"judge {uuid.uuid4().hex}"


def test_a_judge_is_made_changed_in_versions_and_deleted(client: Client, custom: str, echo: str) -> None:
    name = unique()
    made = client.create_judge(name, "Is the answer polite?")
    assert (made.name, made.evaluation_goal, made.version, made.run_count) == (name, "Is the answer polite?", 1, 0)
    assert (made.organization_id, made.project_id) == (client.organization.id, client.project_id)
    # Without a model it is the project's default one.
    assert made.model_id == echo
    assert [one.version for one in made.versions] == [1]

    changed = client.do(client.calls.update_judge(made.id, evaluation_goal="Is it kind?", model_id=custom))
    assert (changed.id, changed.project_id) == (made.id, client.project_id)
    now = client.do(client.calls.judge(made.id))
    assert (now.version, now.evaluation_goal, now.model_id, now.model_name) == (2, "Is it kind?", custom, "Loopback")
    assert [(one.version, one.evaluation_goal, one.model_id) for one in now.versions] == [
        (1, "Is the answer polite?", echo),
        (2, "Is it kind?", custom),
    ]
    assert now.updated_at > made.updated_at
    assert now.created_at == made.created_at
    assert now in client.do(client.calls.judges(page_size=500)).judges

    with pytest.raises(Refused) as refused:
        client.create_judge(name)
    assert (refused.value.status, "already exists" in str(refused.value)) == (409, True)
    assert client.do(client.calls.delete_judge(made.id)).id == made.id
    with pytest.raises(Refused) as refused:
        client.do(client.calls.judge(made.id))
    assert refused.value.status == 404
    # Its name is free again.
    assert client.create_judge(name).id != made.id


def test_judges_come_in_pages(client: Client) -> None:
    for _ in range(3):
        client.create_judge(unique())
    whole = client.do(client.calls.judges(page_size=500))
    assert whole.count == whole.total_count == len(whole.judges) >= 3
    assert [one.name for one in whole.judges] == sorted(one.name for one in whole.judges)
    assert [
        one.id
        for number in range(1, whole.total_count // 2 + 2)
        for one in client.do(client.calls.judges(page=number, page_size=2)).judges
    ] == [one.id for one in whole.judges]
    assert client.do(client.calls.judges(page=1000)).judges == []


def test_judges_that_come_with_it_are_found_by_their_names(client: Client) -> None:
    ids = set()
    for name in ready_made():
        found = client.do(client.calls.judge(name))
        assert client.do(client.calls.judge(found.id)) == found
        ids.add(found.id)
        with pytest.raises(Refused) as refused:
            client.do(client.calls.delete_judge(found.id))
        assert (refused.value.status, refused.value.code) == (403, "judge_ready_made")
    assert len(ids) == len(ready_made())


def test_bad_requests_and_another_tenant(client: Client, other: Client) -> None:
    with pytest.raises(Refused, match="evaluation_goal"):
        client.do(client.calls.make_judge(name=unique()))
    with pytest.raises(Refused) as refused:
        client.create_judge(unique(), model_id="f" * 24)
    assert refused.value.code == "model_unknown"
    mine = client.create_judge(unique())
    for call in (
        other.calls.judge(mine.id),
        other.calls.update_judge(mine.id, name="theirs"),
        other.calls.delete_judge(mine.id),
    ):
        with pytest.raises(Refused) as refused:
            other.do(call)
        assert (refused.value.status, refused.value.code) == (404, "judge_unknown")
    assert other.do(other.calls.judges()).total_count == 0
