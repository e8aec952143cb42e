"""One figure for how well a document matches, and what each ranking rule contributes."""

from collections.abc import Sequence
from typing import Any

from portal_local.search.ranking.rules import Grade

_MATCHES = {3: "exactMatch", 2: "matchesStart", 1: "noExactMatch"}


def score(grades: Sequence[Grade]) -> float:
    """One figure of 0 to 1 for all grades: each rule decides within what the ones before left."""
    rank, most = 1, 1
    for grade in grades:
        if grade.most:
            rank = max(0, rank - 1) * grade.most + grade.rank
            most *= grade.most
    return rank / most


def detailed(grades: Sequence[Grade]) -> dict[str, Any]:
    """The grades by rule, in the order in which they count."""
    told: dict[str, Any] = {}
    for grade in grades:
        order = len(told)
        if not grade.most:
            told[grade.rule] = {"order": order, "value": grade.detail}
            continue
        figure = grade.rank / grade.most
        match grade.rule:
            case "words":
                told["words"] = {
                    "order": order,
                    "matchingWords": grade.rank,
                    "maxMatchingWords": grade.most,
                    "score": figure,
                }
            case "typo":
                told["typo"] = {
                    "order": order,
                    "typoCount": grade.detail,
                    "maxTypoCount": grade.most - 1,
                    "score": figure,
                }
            case "exactAttribute":
                kind = _MATCHES[grade.rank]
                told["exactness"] = {"order": order, "matchType": kind, "score": figure}
            case "exactWords":
                exactness = told["exactness"]
                if exactness["matchType"] == "noExactMatch":
                    exactness["matchingWords"] = grade.rank - 1
                    exactness["maxMatchingWords"] = grade.most - 1
                    exactness["score"] = score([Grade("exactAttribute", 1, 3), grade])
            case _:
                told[grade.rule] = {"order": order, "score": figure}
    return told
