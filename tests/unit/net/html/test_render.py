import pytest

from penstock.net.html.render import MARKDOWN, PLAIN, render
from penstock.net.html.tree import parse, root_of

BASE = "https://h.example/d/page"


def markdown(html: str) -> str:
    return render(root_of(parse(html)), MARKDOWN, BASE)


def plain(html: str) -> str:
    return render(root_of(parse(html)), PLAIN)


@pytest.mark.parametrize(
    ("html", "expected"),
    [
        ("<h1>A <i>b</i></h1><h3>c</h3>", "# A *b*\n\n### c"),
        ("<p>a</p>  <p>b<br>c</p>", "a\n\nb\nc"),
        ("a<div>b<div>c</div>d</div>e", "a\n\nb\n\nc\n\nd\n\ne"),
        ("<p>x <b> y </b>z", "x **y** z"),
        ("<p>x<em>y</em>z", "x*y*z"),
        ("<p><b> </b>x", "x"),
        ("<a href='../e?q=1#f'>link</a>", "[link](https://h.example/e?q=1)"),
        ("<a href='/a_(b)'>x</a>", "[x](https://h.example/a_%28b%29)"),
        ("<a href='mailto:x@y'>x</a> <a>y</a>", "x y"),
        ("<img src=i.png alt='a  cat'><img src=j.png>", "![a cat](https://h.example/d/i.png)"),
        ("<ul><li>a<li>b<ul><li>c</ul></ul>", "- a\n- b\n\n  - c"),
        ("<ol><li>a<li><p>b</p><p>c</p></ol>", "1. a\n2. b\n\n   c"),
        ("<pre>x\n  y\n</pre>", "```\nx\n  y\n```"),
        ("<pre>```</pre>", "````\n```\n````"),
        ("<p>run <code>a  b</code> or <code>`</code>", "run `a b` or `` ` ``"),
        ("<blockquote><p>a</p><p>b</p></blockquote>", "> a\n>\n> b"),
        ("<table><tr><th>A<th>B<tr><td>1|2<td><b>x</b></table>", "| A | B |\n| --- | --- |\n| 1\\|2 | **x** |"),
        ("<table><tr><td><table><tr><td>in</table><td>out</table>", "| in |\n| --- |\n\nout"),
        ("a<hr>b", "a\n\n---\n\nb"),
        ("<p hidden>a</p><script>b</script><template>c</template><p>d", "d"),
        ("<p>a&nbsp;&nbsp;b\n\t c", "a b c"),
    ],
)
def test_markdown(html: str, expected: str) -> None:
    assert markdown(html) == expected


@pytest.mark.parametrize(
    ("html", "expected"),
    [
        ("<p>*a* [b](c) &lt;script&gt; `d` \\", "\\*a\\* \\[b\\](c) \\<script> \\`d\\` \\\\"),
        ("<p>_a_ snake_case", "\\_a\\_ snake_case"),
        ("<p># a", "\\# a"),
        ("<p>1. a<br>- b<br>&gt; c<br>-5", "1\\. a\n\\- b\n\\> c\n-5"),
    ],
)
def test_text_of_a_page_is_never_markup(html: str, expected: str) -> None:
    assert markdown(html) == expected


def test_plain_text_has_no_marks() -> None:
    assert plain("<h1>A</h1><p><b>x</b> *y* <a href=/z>z</a> <code>c</code>") == "A\n\nx *y* z c"
    assert plain("<ul><li>one</ul><pre>p\n q</pre><blockquote>w</blockquote>") == "- one\n\np\n q\n\nw"
