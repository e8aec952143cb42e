"""The number of words in each field of each document, in memory."""

from collections.abc import Mapping

from portal_local.search.bitmaps import Members, added, bits, removed

Length = tuple[int, int]  # number of the field, number of words


class FieldLengths:
    def __init__(self) -> None:
        self._documents: dict[Length, Members] = {}
        self._lengths: dict[int, tuple[Length, ...]] = {}
        self._known: dict[tuple[Length, ...], tuple[Length, ...]] = {}  # so that equal ones are one

    def add(self, number: int, lengths: Mapping[int, int]) -> None:
        """Stores the numbers of words of a document, by field; replaces earlier ones."""
        self.drop(number)
        listed = tuple(lengths.items())
        self._lengths[number] = self._known.setdefault(listed, listed)
        for one in listed:
            self._documents[one] = added(self._documents.get(one), number)

    def drop(self, number: int) -> None:
        for one in self._lengths.pop(number, ()):
            left = removed(self._documents[one], number)
            if left is None:
                del self._documents[one]
            else:
                self._documents[one] = left

    def documents(self, field: int, words: int) -> int:
        """Returns the documents whose field has so many words."""
        return bits(self._documents.get((field, words)))
