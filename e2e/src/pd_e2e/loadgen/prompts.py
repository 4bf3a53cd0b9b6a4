"""Prompts of a wanted length that no two requests share the beginning of."""

from dataclasses import dataclass
from string import ascii_lowercase

import numpy as np

WORD_LETTERS = 2
VOCABULARY = 1 << 16


@dataclass(frozen=True)
class PromptText:
    """A long random text of two-letter words, out of which prompts are cut.

    An engine simulator counts one token per word. The cuts begin at scattered words, so prefix
    caches find nothing to share: the load is one of uncached tokens.
    """

    text: str

    @classmethod
    def random(cls, seed: int) -> "PromptText":
        """Draw the text."""
        letters = np.frombuffer(ascii_lowercase.encode(), dtype=np.uint8)
        rng = np.random.default_rng(seed)
        words = np.full((VOCABULARY, WORD_LETTERS + 1), ord(" "), dtype=np.uint8)
        words[:, :WORD_LETTERS] = rng.choice(letters, size=(VOCABULARY, WORD_LETTERS))
        return cls(words.tobytes().decode())

    def prompt(self, words: int, number: int) -> str:
        """A prompt of `words` words for request `number`."""
        width = WORD_LETTERS + 1
        # A step that shares no factor with the text's length visits every beginning once before
        # it returns to the first.
        start = number * 40_503 % VOCABULARY
        head = self.text[start * width : (start + words) * width]
        missing = words - len(head) // width
        rounds, rest = divmod(missing, VOCABULARY)
        return (head + self.text * rounds + self.text[: rest * width])[:-1]
