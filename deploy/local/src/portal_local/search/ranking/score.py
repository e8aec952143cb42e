"""The ranking score of a hit, and the contribution of each ranking rule."""

from collections.abc import Sequence
from typing import Any

from portal_local.search.ranking.rules import Grade

_MATCHES = {3: "exactMatch", 2: "matchesStart", 1: "noExactMatch"}


def score(grades: Sequence[Grade]) -> float:
    """Returns a score from 0 to 1; each rule decides within the range that earlier rules left."""
    rank, most = 1, 1
    for grade in grades:
        if grade.most:
            rank = max(0, rank - 1) * grade.most + grade.rank
            most *= grade.most
    return rank / most


def score_details(grades: Sequence[Grade]) -> dict[str, Any]:
    """Returns the grades by rule, in the order of the rules."""
    details: dict[str, Any] = {}
    for grade in grades:
        order = len(details)
        if not grade.most:
            details[grade.rule] = {"order": order, "value": grade.detail}
            continue
        figure = grade.rank / grade.most
        match grade.rule:
            case "words":
                details["words"] = {
                    "order": order,
                    "matchingWords": grade.rank,
                    "maxMatchingWords": grade.most,
                    "score": figure,
                }
            case "typo":
                details["typo"] = {
                    "order": order,
                    "typoCount": grade.detail,
                    "maxTypoCount": grade.most - 1,
                    "score": figure,
                }
            case "exactAttribute":
                kind = _MATCHES[grade.rank]
                details["exactness"] = {"order": order, "matchType": kind, "score": figure}
            case "exactWords":
                exactness = details["exactness"]
                if exactness["matchType"] == "noExactMatch":
                    exactness["matchingWords"] = grade.rank - 1
                    exactness["maxMatchingWords"] = grade.most - 1
                    exactness["score"] = score([Grade("exactAttribute", 1, 3), grade])
            case _:
                details[grade.rule] = {"order": order, "score": figure}
    return details
