"""Finds the words of a vocabulary within two edits of a word; swapped letters are one edit."""

from bisect import bisect_left
from collections.abc import Iterator, Sequence

_LAST = "\U0010ffff"


def prefix_range(words: Sequence[str], beginning: str) -> tuple[int, int]:
    """Returns the range of a sorted vocabulary whose words have the prefix."""
    low = bisect_left(words, beginning)
    return low, bisect_left(words, beginning + _LAST, low)


def similar_words(
    words: Sequence[str], wanted: str, allowed: int, *, prefix: bool
) -> Iterator[tuple[str, int]]:
    """Yields words of the sorted vocabulary up to `allowed` (1 or 2) typos away, with their typos.

    With `prefix`, beginnings of words are compared. A typo in the first letter counts as two.
    """
    if not wanted or not allowed:
        return
    low, high = prefix_range(words, wanted[0])
    yield from _within(words, low, high, wanted, allowed, prefix=prefix)
    if allowed > 1:
        for word in _other_first_letter(words, wanted, prefix=prefix):
            yield word, 2


def _within(
    words: Sequence[str], at: int, end: int, wanted: str, limit: int, *, prefix: bool
) -> Iterator[tuple[str, int]]:
    """Walks the sorted words like a tree; skips all words with a prefix that is too different."""
    size = len(wanted)
    path = ""
    rows = [list(range(size + 1))]
    bests = [size if prefix else size + 1]
    while at < end:
        word = words[at]
        depth = _common_length(path, word)
        del rows[depth + 1 :], bests[depth + 1 :]
        alive = True
        while alive and depth < len(word):
            row = _row(wanted, word, depth, rows, limit)
            depth += 1
            alive = min(row) <= limit
            if alive:
                rows.append(row)
                bests.append(min(bests[-1], row[size]) if prefix else row[size])
        path = word[: len(rows) - 1]
        if alive:
            if bests[-1] <= limit:
                yield word, bests[-1]
            at += 1
            continue
        behind = bisect_left(words, word[:depth] + _LAST, at, end)
        if prefix and bests[-1] <= limit:
            for index in range(at, behind):
                yield words[index], bests[-1]
        at = behind


def _row(wanted: str, word: str, depth: int, rows: list[list[int]], limit: int) -> list[int]:
    """The next row of edit distances: to all beginnings of `wanted`, from word[:depth + 1].

    Only those near the diagonal can be within the limit; the others are left beyond it.
    """
    char = word[depth]
    size = len(wanted)
    previous = rows[depth]
    row = [limit + 1] * (size + 1)
    if depth < limit:
        row[0] = depth + 1
    for column in range(max(1, depth + 1 - limit), min(size, depth + 1 + limit) + 1):
        letter = wanted[column - 1]
        cost = min(
            previous[column - 1] + (letter != char), previous[column] + 1, row[column - 1] + 1
        )
        if depth and column > 1 and char == wanted[column - 2] and word[depth - 1] == letter:
            cost = min(cost, rows[depth - 1][column - 2] + 1)
        row[column] = cost
    return row


def _common_length(one: str, other: str) -> int:
    for index, (a, b) in enumerate(zip(one, other, strict=False)):
        if a != b:
            return index
    return min(len(one), len(other))


def _other_first_letter(words: Sequence[str], wanted: str, *, prefix: bool) -> Iterator[str]:
    """Yields words that differ by one edit in the first letter."""
    rest = wanted[1:]
    forms = {rest} if rest else set[str]()
    if len(wanted) > 1:
        forms.add(wanted[1] + wanted[0] + wanted[2:])
    for letter in _first_letters(words):
        forms |= {letter + wanted, letter + rest}
    found: set[str] = set()
    for form in forms:
        if form[0] == wanted[0]:
            continue
        low, high = prefix_range(words, form)
        if prefix:
            found.update(words[low:high])
        elif low < high and words[low] == form:
            found.add(form)
    yield from sorted(found)


def _first_letters(words: Sequence[str]) -> Iterator[str]:
    at = 0
    while at < len(words):
        letter = words[at][0]
        yield letter
        at = bisect_left(words, letter + _LAST, at)
