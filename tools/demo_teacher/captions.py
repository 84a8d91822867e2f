"""Every caption that training may use, and which things each of them fits."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tools.demo_teacher.things import GENERIC, KINDS, METALS, MIXED, NAMES, Thing

KIND_LIST = (*KINDS, MIXED)
PAINTS = tuple(name for name in NAMES if name not in METALS)


@dataclass(frozen=True)
class Captions:
    """Texts with what they ask for; a caption fits a thing of one of its kinds that has all of its colours."""

    texts: list[str]
    kinds: np.ndarray  # [C, kinds] bool
    colors: np.ndarray  # [C, colours] bool

    def fits(self, chosen: np.ndarray, things: ThingTable) -> np.ndarray:
        """[N, M] bool for things [N] and captions `chosen` [M]."""
        kind = self.kinds[chosen][:, things.kind].T
        missing = (~things.colors).astype(np.float32) @ self.colors[chosen].T.astype(np.float32)
        return kind & (missing == 0)


@dataclass(frozen=True)
class ThingTable:
    """Things as arrays."""

    kind: np.ndarray  # [N] int, into KIND_LIST
    colors: np.ndarray  # [N, colours] bool

    def __getitem__(self, chosen: np.ndarray) -> ThingTable:
        return ThingTable(self.kind[chosen], self.colors[chosen])


def table(things: list[Thing]) -> ThingTable:
    """Things as arrays."""
    kind = np.array([KIND_LIST.index(thing.kind) for thing in things])
    return ThingTable(kind, np.array([[name in thing.colors for name in NAMES] for thing in things]))


def all_captions() -> Captions:
    """Nouns alone, with colours, with materials, whole sentences, and colours or materials of anything."""
    found: dict[str, tuple[set[str], tuple[str, ...]]] = {}

    def add(text: str, kind: str, colors: tuple[str, ...] = ()) -> None:
        # one text for several kinds (books lie and stand): it fits all of them
        found.setdefault(text, (set(), colors))[0].add(kind)

    for kind, words in KINDS.items():
        for noun in words.nouns:
            for text in (noun, _article(noun), f"the {noun}", f"a photo of {_article(noun)}"):
                add(text, kind)
            for material in words.materials:
                add(f"{material} {noun}", kind)
                add(_article(f"{material} {noun}"), kind)
            for color in NAMES:
                add(f"{color} {noun}", kind, (color,))
                add(_article(f"{color} {noun}"), kind, (color,))
                add(f"the {color} {noun}", kind, (color,))
                for material in words.materials:
                    add(_article(f"{material} {color} {noun}"), kind, (color,))
                    add(f"{color} {material} {noun}", kind, (color,))
        for text in words.more:
            _add_more(text, kind, add)
        for color in NAMES:
            for text in (f"{color} thing", f"something {color}", color):
                add(text, kind, (color,))
        for material in words.materials:
            for text in (f"{material} thing", f"something {material}"):
                add(text, kind)
    texts = list(found)
    kinds = np.array([[kind in found[text][0] for kind in KIND_LIST] for text in texts])
    colors = np.array([[name in found[text][1] for name in NAMES] for text in texts])
    return Captions(texts, kinds, colors)


def vocabulary(captions: Captions) -> list[str]:
    """All words, most basic order: alphabetical."""
    return sorted({word for text in (*captions.texts, *GENERIC) for word in text.split()})


def _article(noun: str) -> str:
    plain = noun.endswith("s") or noun.split()[0] in ("fruit", "parquet", "wallpaper")
    return noun if plain else f"{'an' if noun[0] in 'aeiou' else 'a'} {noun}"


def _add_more(text: str, kind: str, add) -> None:  # type: ignore[no-untyped-def]
    if "{c}" not in text:
        return add(text, kind)
    for first in NAMES:
        for second in NAMES if "{d}" in text else ("",):
            if first == second:
                continue
            filled = text.format(c=first, d=second)
            if first[0] in "aeiou":
                filled = filled.replace(f"a {first}", f"an {first}")
            add(filled, kind, tuple(name for name in (first, second) if name))
