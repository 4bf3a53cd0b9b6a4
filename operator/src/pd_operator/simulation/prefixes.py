"""Which prompts begin alike, and which of these beginnings a worker still has."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np
import numpy.typing as npt

Blocks = tuple[int, ...]
"""A prompt's beginning, block by block. A number stands for a block and all that comes before."""


@dataclass(frozen=True, eq=False)
class Prefixes:
    """The blocks of each request's prompt, of `block_tokens` tokens; as traces hold hashes of them.

    Two prompts that have a block in common have all blocks before it in common.
    """

    block_tokens: int
    blocks: Sequence[Blocks]

    def __post_init__(self) -> None:
        if self.block_tokens < 1:
            raise ValueError(f"a block has at least 1 token, not {self.block_tokens}")

    def rows(self, numbers: npt.NDArray[np.intp]) -> "Prefixes":
        """Those of the requests of these numbers, in their order."""
        return Prefixes(self.block_tokens, [self.blocks[number] for number in numbers.tolist()])

    def part(self, start: int, stop: int) -> "Prefixes":
        """Those of the requests `start` to `stop`, not included."""
        return Prefixes(self.block_tokens, self.blocks[start:stop])


class PrefixCache:
    """The blocks that one worker has. What was used longest ago goes first, ends before beginnings.

    As SGLang's radix cache, with blocks for pages.
    """

    __slots__ = ("_block_tokens", "_held")

    def __init__(self, block_tokens: int) -> None:
        self._block_tokens = block_tokens
        self._held: dict[int, None] = {}

    @property
    def tokens(self) -> int:
        """Tokens of all that is held."""
        return len(self._held) * self._block_tokens

    def use(self, blocks: Blocks) -> int:
        """Tokens of a prompt's beginning that are here, and are used now."""
        held = self._held
        count = 0
        for block in blocks:
            if block not in held:
                break
            count += 1
        self.hold(blocks[:count])
        return count * self._block_tokens

    def hold(self, blocks: Blocks) -> None:
        """A prompt was computed: its blocks are here, and were used now."""
        held = self._held
        for block in reversed(blocks):
            held.pop(block, None)
            held[block] = None

    def shrink_to(self, tokens: int) -> None:
        """Give up what has no room in so many tokens."""
        surplus = len(self._held) - max(0, tokens) // self._block_tokens
        if surplus > 0:
            for block in list(islice(self._held, surplus)):
                del self._held[block]
