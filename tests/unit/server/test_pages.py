"""Pages: text is data, whatever stands in it."""

from __future__ import annotations

from penstock.server import api_page


def page_saying(text: str) -> str:
    operation = {"summary": "s", "description": text, "responses": {"200": {"description": "ok"}}}
    document = {"info": {"version": "1", "description": ""}, "paths": {"/x": {"get": operation}}}
    return api_page.api_page(document, "").decode()


def test_what_stands_between_backticks_is_code_and_escaped() -> None:
    page = page_saying("send `<b>` now")
    assert "<code>&lt;b&gt;</code>" in page


def test_a_lonely_backtick_stays_text_and_markup_is_escaped() -> None:
    page = page_saying("a ` and <script>alert(1)</script>")
    assert "a ` and &lt;script&gt;" in page
    assert "<script>" not in page
