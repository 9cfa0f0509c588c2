"""Who is answered with the page of the web interface, and who with the API."""

from __future__ import annotations

import pytest
from starlette.datastructures import Headers

from penstock.server import interface

BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"


@pytest.mark.parametrize(
    ("path", "page"),
    [
        ("/", True),
        ("/executions", True),
        ("/executions/exec_1", True),
        ("/flows/f1", True),
        ("/settings/keys", True),
        ("/v1/executions", False),
        ("/api/v1/organizations", False),
        ("/docs", False),
        ("/flows/f1/docs", False),
        ("/flows/f1/openapi.json", False),
        ("/evaluations/e1/plot.svg", False),
        ("/ui/assets/none.js", False),
        ("/healthz", False),
        ("/metrics", False),
    ],
)
def test_what_a_browser_opens(path: str, page: bool) -> None:
    assert interface.is_page(path, Headers({"accept": BROWSER})) is page


@pytest.mark.parametrize(
    "headers",
    [
        {"accept": "*/*"},
        {"accept": "application/json"},
        {"accept": BROWSER, "authorization": "Bearer psk_1"},
        {"accept": BROWSER, "x-api-key": "psk_1"},
    ],
)
def test_programs_are_given_the_api(headers: dict[str, str]) -> None:
    assert not interface.is_page("/executions", Headers(headers))


async def test_a_server_without_the_built_files_says_how_to_build_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(interface, "_content", lambda name: None)
    answer = await interface.page(Headers({}))
    assert answer.status_code == 200
    assert b"make ui" in answer.body
