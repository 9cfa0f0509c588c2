"""HTML Text Extractor: the main text of pages."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from penstock.errors import StepError
from penstock.flows.nodes.base import NodeContext
from penstock.flows.nodes.html_text import HtmlText, HtmlTextSettings
from penstock.flows.services import Services
from penstock.testing.site import render_page
from penstock.testing.site_pages import PAGES
from penstock.types import Tenant

NODE = HtmlText()
BLOG = """<body><div class=top><a href=/a>One</a> <a href=/b>Two</a></div>
<div class=wrap><div class=side><ul>{links}</ul></div>
<div class=post><h2>The kettle</h2><p>It boils in four minutes, which is long enough to read a page of this.</p>
<p>Afterwards it whistles, and everybody in the waiting room looks up at the same time.</p></div></div></body>"""


async def extract(html: Any, url: str | None = None, **fields: Any) -> Any:
    ctx = NodeContext(
        tenant=Tenant("org", "project"),
        execution_id="exec_1",
        item_path="0",
        flow_id="flow",
        flow_version=1,
        node="text",
        round=0,
        attempt=1,
        services=cast(Services, SimpleNamespace()),
    )
    settings = HtmlTextSettings.model_validate({"type": "html_text", **fields})
    return await NODE.run(ctx, settings, {"html": html} | ({"url": url} if url else {}))


async def test_only_the_main_part_is_kept() -> None:
    text = await extract(render_page(PAGES["/visit"]))
    assert text.startswith("Plan a visit\n\nBring a coat, even in August")
    for boilerplate in ("Notice board", "Crossings since 1931", "is an invention", "window.visits", "Fleet"):
        assert boilerplate not in text


async def test_without_readability_all_visible_text_is_kept() -> None:
    text = await extract(render_page(PAGES["/visit"]), readability=False)
    assert "Notice board" in text
    assert "Bring a coat" in text
    assert "window.visits" not in text


async def test_a_page_without_marks_is_read_where_its_prose_is() -> None:
    links = "".join(
        f"<li><a href=/{n}>A rather long headline about something else, number {n}</a></li>" for n in range(40)
    )
    text = await extract(BLOG.format(links=links))
    assert text.startswith("The kettle\n\nIt boils")
    assert "headline" not in text


async def test_links_are_kept_when_asked_for() -> None:
    html = "<main><p>See <a href='../fleet'>the fleet</a> and <a href='javascript:x()'>more</a>.</p></main>"
    assert await extract(html) == "See the fleet and more."
    kept = await extract(html, url="https://orrin.example/visit/x", keepLinks=True)
    assert kept == "See [the fleet](https://orrin.example/fleet) and more."


async def test_markdown_keeps_the_shape() -> None:
    html = "<main><h1>A</h1><ul><li>one<li>two</ul><p><b>bold</b> 1 * 2</p></main>"
    assert await extract(html, format="markdown") == "# A\n\n- one\n- two\n\n**bold** 1 \\* 2"


@pytest.mark.parametrize("html", ["", "   ", "<nav>menu</nav>", "<script>x</script>", "<frameset></frameset>"])
async def test_a_page_without_text_gives_none(html: str) -> None:
    assert await extract(html) == ""


@pytest.mark.parametrize(
    "html", ["plain words", "<p>plain words", "</div>plain words<td>", "<main><footer></main>plain words"]
)
async def test_rubbish_is_read_as_browsers_do(html: str) -> None:
    assert await extract(html) == "plain words"


@pytest.mark.parametrize("html", [None, 7, {"html": "<p>"}, ["<p>"]])
async def test_an_input_that_is_no_text_is_refused(html: Any) -> None:
    with pytest.raises(StepError) as caught:
        await extract(html)
    assert caught.value.code == "input_invalid"


@pytest.mark.parametrize(
    "piece", ["<div>", "<b>", "<blockquote>", "<ul><li>", "<table><tr><td>", "<a href=x>", "<nav>"]
)
async def test_deep_nesting_is_read_to_its_end(piece: str) -> None:
    assert "end" in await extract(piece * 3000 + "end", readability=False)
