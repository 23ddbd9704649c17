"""Counts by the values of a column of texts, each text by its number; a text may hold several values."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.int64]


class ValueCounts:
    """Counts for each of ``values``, in their order. ``texts`` are split into lines, a value each, if
    ``is_several``."""

    def __init__(self, texts: Sequence[str], *, is_several: bool) -> None:
        self._texts = len(texts)
        self._is_several = is_several
        self.values = list(texts)
        if is_several:
            lines = [dict.fromkeys(text.split("\n")) for text in texts]
            self.values = list(dict.fromkeys(chain.from_iterable(lines)))
            numbers = {value: number for number, value in enumerate(self.values)}
            self._many = np.array([len(values) for values in lines], np.int64)
            self._values = np.array([numbers[value] for values in lines for value in values], np.int64)

    def count(self, coded: Numbers) -> Numbers:
        """How often each value is there, from the numbers of texts."""
        counts = np.bincount(coded, minlength=self._texts)
        if not self._is_several:
            return counts
        found = np.zeros(len(self.values), np.int64)
        np.add.at(found, self._values, np.repeat(counts, self._many))
        return found

    def distinct(self, coded: Numbers, others: NDArray[np.int32]) -> Numbers:
        """How many different others (numbers from 0 on) each value is seen with."""
        size = int(others.max(initial=0)) + 1
        pairs = _different(coded * size + others)
        if self._is_several:
            texts, others = np.divmod(pairs, size)
            pairs = _different(self._of_texts(texts) * size + np.repeat(others, self._many[texts]))
        return np.bincount(pairs // size, minlength=len(self.values))

    def _of_texts(self, texts: Numbers) -> Numbers:
        """The values of some texts, one text after the other."""
        many = self._many[texts]
        skipped = (np.cumsum(self._many) - self._many)[texts] - (np.cumsum(many) - many)
        found: Numbers = self._values[np.arange(many.sum()) + np.repeat(skipped, many)]
        return found


def _different(numbers: Numbers) -> Numbers:
    """Each number once, in order. Several times faster than np.unique, which hashes."""
    found = np.sort(numbers)
    is_first = np.ones(len(found), bool)
    is_first[1:] = found[1:] != found[:-1]
    return found[is_first]
