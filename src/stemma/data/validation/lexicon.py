"""What the words of a part say as a whole: words that train does not know, texts cut within a word."""

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Sequence

MIN_WORDS = 3
"""Words that a text needs before its ending is judged."""


class Lexicon:
    """Words of a part, gone through once.

    Attributes:
        total: occurrences of each word.
        last, before: the last words of the texts and the words before them.
    """

    def __init__(self, examples: Iterable[Sequence[str]]) -> None:
        self.total: Counter[str] = Counter()
        self.last: Counter[str] = Counter()
        self.before: Counter[str] = Counter()
        for words in examples:
            self.total.update(words)
            if len(words) >= MIN_WORDS:
                self.last[words[-1]] += 1
                self.before[words[-2]] += 1

    def unknown(self, train: "Lexicon") -> float:
        """Share of the words that `train` does not hold."""
        return sum(n for word, n in self.total.items() if word not in train.total) / max(self.total.total(), 1)

    def cut(self) -> float:
        """By how much more often texts end in a fragment than have one before their last word.

        A fragment occurs at that place alone, and another word begins with it. Of whole texts some 1 % end so,
        of texts cut after so many characters 15 to 40 %.
        """
        vocabulary = sorted(self.total)
        return max(self._fragments(self.last, vocabulary) - self._fragments(self.before, vocabulary), 0.0)

    def _fragments(self, here: Counter[str], vocabulary: list[str]) -> float:
        fragments = sum(n for word, n in here.items() if n == self.total[word] and _begins(word, vocabulary))
        return fragments / max(here.total(), 1)


def _begins(word: str, vocabulary: list[str]) -> bool:
    """Whether another word of the sorted `vocabulary` starts with it."""
    after = bisect_right(vocabulary, word)
    return word.isalpha() and after < len(vocabulary) and vocabulary[after].startswith(word)
