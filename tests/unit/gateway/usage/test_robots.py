"""Which names of programs are those of browsers."""

import pytest
from portal_gateway.usage.robots import is_robot

BROWSERS = {
    "firefox": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
    "chrome": "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko)"
    " Chrome/140.0.0.0 Safari/537.36",
    "phone": "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML,"
    " like Gecko) Version/18.5 Mobile/15E148 Safari/604.1",
    "cubot": "Mozilla/5.0 (Linux; Android 12; CUBOT P60) AppleWebKit/537.36 (KHTML, like Gecko)"
    " Chrome/138.0.0.0 Mobile Safari/537.36",
}
ROBOTS = {
    "none": None,
    "empty": "",
    "curl": "curl/8.14.1",
    "python": "python-requests/2.32.4",
    "google": "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
    "like a browser": "Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko; compatible; bingbot/2.0)"
    " Chrome/140.0.0.0 Safari/537.36",
    "headless": "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko)"
    " HeadlessChrome/140.0.0.0 Safari/537.36",
    "contact": "Mozilla/5.0 (study of pages; somebody@example.org)",
    "long": "Mozilla/5.0 " + "a" * 2000,
}


@pytest.mark.parametrize("name", BROWSERS.values(), ids=BROWSERS)
def test_browsers_are_readers(name: str) -> None:
    assert not is_robot(name)


@pytest.mark.parametrize("name", ROBOTS.values(), ids=ROBOTS)
def test_other_programs_are_robots(name: str | None) -> None:
    assert is_robot(name)
