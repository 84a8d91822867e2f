"""Pictures of one size over each other in a page, with a slider between two of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from splat.evaluate.page import text
from splat.evaluate.pictures import data_uri, thumbnail
from splat.images import read_image

SIDE = 480  # pixels of a picture's longer side in the page, about 40 kB


@dataclass(frozen=True)
class SliderPicture:
    """One of the pictures of a slider."""

    label: str
    path: Path


def slider(name: str, pictures: Sequence[SliderPicture], note: str = "", sides: tuple[int, int] = (0, 1)) -> str:
    """A `<figure>` with two of the pictures on the two sides of a line that mouse, finger and arrow keys move.

    With more than two pictures, each side has a list to choose from. Empty where fewer than two can be read.

    Args:
        name: what they show, a view's name.
        pictures: in the order of the lists.
        note: behind the name, plain text.
        sides: which pictures are left and right of the line at first, where all can be read.
    """
    found = [(picture.label, read_image(picture.path)) for picture in pictures]
    known = [(label, image) for label, image in found if image is not None]
    if len(known) < 2:
        return ""
    left, right = sides if len(known) == len(found) else (0, 1)
    images = []
    for number, (label, image) in enumerate(known):
        kinds = " ".join(kind for kind, chosen in (("left", left), ("right", right)) if chosen == number)
        source = data_uri(thumbnail(image, SIDE, SIDE))
        images.append(f'<img class="{kinds}" src="{source}" alt="{text(f"{label} of {name}")}">')
    labels = [label for label, _ in known]
    hint = f"{name}: how much of the left picture is seen"
    hand = f'<input type="range" min="0" max="100" value="50" step="0.5" aria-label="{text(hint)}">'
    words = f"{text(name)} {text(note)}".strip()
    return (
        f'<figure class="slide" style="--at:50%"><div class="stack">{"".join(images)}<i></i>{hand}</div>'
        f'<div class="sides">{_side("left", labels, left, name)}{_side("right", labels, right, name)}</div>'
        f"<figcaption>{words}</figcaption></figure>"
    )


def _side(side: str, labels: Sequence[str], chosen: int, name: str) -> str:
    """What is on one side of the line: a list where there is a choice."""
    if len(labels) == 2:
        return f"<span>{text(labels[chosen])}</span>"
    options = [
        f"<option{' selected' if number == chosen else ''}>{text(label)}</option>"
        for number, label in enumerate(labels)
    ]
    return f'<select class="{side}" aria-label="{text(f"{name}, {side}")}">{"".join(options)}</select>'
