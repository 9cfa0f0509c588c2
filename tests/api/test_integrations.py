"""Integrations over Penstock's own API, and members as an administrator sees them."""

from __future__ import annotations

import uuid

from .conftest import Api, Running, Site


def test_an_integration_is_recorded_tested_switched_and_deleted(api: Api, site: Site) -> None:
    name = f"langfuse-{uuid.uuid4().hex[:8]}"
    body = {"name": name, "type": "langfuse", "hostUrl": f"{site.url}/number/1", "config": {"region": "eu"}}
    made = api.post("/integrations", json=body)
    assert made.status_code == 201, made.text
    assert api.post("/integrations", json=body).status_code == 409
    assert api.get(f"/integrations/{name}").json() == made.json()
    assert name in [one["name"] for one in api.get("/integrations").json()["data"]]
    assert api.post(f"/integrations/{name}/test").json()["success"] is True
    assert api.patch(f"/integrations/{name}", json={"active": False}).json()["active"] is False
    assert api.delete(f"/integrations/{name}").status_code == 204
    assert api.get(f"/integrations/{name}").status_code == 404


def test_a_secret_goes_to_the_host_and_nowhere_else(api: Api, site: Site) -> None:
    name = f"kept-{uuid.uuid4().hex[:8]}"
    api.put(f"/secrets/{name}", json={"value": "value-of-the-secret"})
    body = {"name": name, "type": "other", "hostUrl": f"{site.url}/number/3", "secret": name}
    shown = api.post("/integrations", json=body)
    tested = api.post(f"/integrations/{name}/test").json()
    assert tested == {"success": False, "message": f"{site.url}/number/3 answered with status 404."}
    assert "value-of-the-secret" not in shown.text
    api.delete(f"/secrets/{name}")
    assert api.post(f"/integrations/{name}/test").json()["success"] is False


def test_a_host_that_may_not_be_called_is_refused_as_a_host(api: Api) -> None:
    body = {"name": f"inside-{uuid.uuid4().hex[:8]}", "type": "other", "hostUrl": "http://169.254.169.254/latest"}
    refused = api.post("/integrations", json=body)
    assert (refused.status_code, refused.json()["code"]) == (400, "host_url_invalid")
    assert refused.json()["detail"].startswith("hostUrl: 169.254.169.254 leads to an address")


def test_an_integration_is_of_one_organization(api: Api, other: Api, site: Site) -> None:
    name = f"mine-{uuid.uuid4().hex[:8]}"
    api.post("/integrations", json={"name": name, "type": "other", "hostUrl": site.url}).raise_for_status()
    assert other.get(f"/integrations/{name}").status_code == 404
    assert other.delete(f"/integrations/{name}").status_code == 404
    assert name not in other.get("/integrations").text


def test_members_are_granted_what_the_caller_may_do(api: Api, server: Running) -> None:
    made = api.post("/keys", json={"name": "keys", "scopes": ["keys:admin"]}).json()
    body = {"email": f"{uuid.uuid4().hex}@example.com", "password": "correct horse battery"}
    with Api(server.url, made["key"]) as limited:
        assert limited.post("/members", json=body).status_code == 403
        member = limited.post("/members", json={**body, "scopes": ["keys:admin"]})
        assert member.status_code == 201, member.text
        assert body["email"] in limited.get("/members", params={"limit": 500}).text
        assert limited.delete(f"/members/{member.json()['id']}").status_code == 204
