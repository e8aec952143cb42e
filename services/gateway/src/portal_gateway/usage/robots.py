"""Recognises programs by the name that they send: what they load is no view by a reader.

The idea is that of COUNTER's list of robots: patterns of names, matched without case.
"""

import re

BROWSER = re.compile(r"(mozilla|opera)/\d", re.IGNORECASE)  # how every browser begins
ROBOT = re.compile(
    r"(?<!cu)bot\b|bot[/_-]|crawl|spider|slurp|archiv|headless|lighthouse|preview|monitor|scan"
    r"|fetch|feed|valid|check|index|search|harvest|scrap|phantom|selenium|http|www\.|@",
    re.IGNORECASE,
)
MAX_CHARACTERS = 1000  # of a name; longer ones are no browser's


def is_robot(user_agent: str | None) -> bool:
    """Returns whether a name is not that of a browser, or has a word or an address of robots."""
    if not user_agent or len(user_agent) > MAX_CHARACTERS:
        return True
    return not BROWSER.match(user_agent) or bool(ROBOT.search(user_agent))
