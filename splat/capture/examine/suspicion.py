"""Something that can hardly be right about the cameras of some photos."""

from __future__ import annotations

from dataclasses import dataclass

from splat.console import count

NAMED = 3  # photos that a short sentence names


@dataclass(frozen=True)
class Suspicion:
    """What is odd about some photos' cameras."""

    kind: str  # one word, for the legend of a picture
    photos: tuple[str, ...]  # names, in name order
    reason: str  # what it is, without a verb that would have to agree: "no points shared with the others"

    def in_short(self) -> str:
        """The reason with the first names."""
        return self._sentence(self.photos[:NAMED])

    def in_full(self) -> str:
        """The reason with all names."""
        return self._sentence(self.photos)

    def _sentence(self, names: tuple[str, ...]) -> str:
        more = len(self.photos) - len(names)
        listed = ", ".join(names) + (f" and {more:,} more" if more else "")
        return f"{count(len(self.photos), 'photo')} ({listed}): {self.reason}"
