import pytest

from penstock.net.robots import parse_robots

ROBOTS = """
# comment
User-agent: other
User-agent: Someone
Disallow: /

User-agent: *
Disallow: /private/
Allow: /private/open
Disallow: /*.pdf$
Disallow: /search?*sort=
Disallow: /caf%C3%A9
Crawl-delay: 2.5
Sitemap: https://example.com/sitemap.xml
Disallow:
nonsense
"""


@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        ("/", True),
        ("", True),
        ("/private", True),
        ("/private/", False),
        ("/private/x?y", False),
        ("/private/open/1", True),
        ("/a/b.pdf", False),
        ("/a/b.pdf?page=2", True),
        ("/search?q=1&sort=up", False),
        ("/search?q=1", True),
        ("/café", False),
        ("/caf%c3%a9/x", False),
    ],
)
def test_the_longest_rule_decides(path: str, allowed: bool) -> None:
    assert parse_robots(ROBOTS).allows(f"https://example.com{path}") is allowed


def test_rules_of_the_named_group_replace_those_for_all() -> None:
    assert not parse_robots(ROBOTS, agent="someone").allows("https://example.com/")
    assert parse_robots("User-agent: penstock\nDisallow:\n\nUser-agent: *\nDisallow: /").allows("https://example.com/x")


def test_groups_of_the_same_name_are_one() -> None:
    robots = parse_robots("User-agent: *\nDisallow: /a\nUser-agent: x\nDisallow: /b\nUser-agent: *\nDisallow: /c")
    assert [robots.allows(f"https://h/{letter}") for letter in "abc"] == [False, True, False]


def test_crawl_delay_is_read_within_reason() -> None:
    assert parse_robots(ROBOTS).crawl_delay_seconds == 2.5
    assert parse_robots("User-agent: *\nCrawl-delay: 86400").crawl_delay_seconds == 60
    assert parse_robots("User-agent: *\nCrawl-delay: soon").crawl_delay_seconds == 0


@pytest.mark.parametrize("text", ["", "\0\0", "Disallow: /", "<html>not found</html>", "User-agent *\nDisallow: /"])
def test_what_is_no_robots_txt_closes_nothing(text: str) -> None:
    assert parse_robots(text).allows("https://example.com/x")


def test_brackets_and_many_stars_are_plain_and_quick() -> None:
    robots = parse_robots("User-agent: *\nDisallow: /[a]\nDisallow: /" + "a*" * 200 + "b")
    assert not robots.allows("https://h/[a]")
    assert robots.allows("https://h/a")
    assert robots.allows("https://h/" + "a" * 3000)
