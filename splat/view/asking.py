"""Questions to the language fields of what is shown: fields stay ready, so that a second question is quick."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass

import torch

from splat.edit.select.selection import Selection
from splat.errors import SplatError
from splat.language.ask import Answer3D, Asker
from splat.language.clusters import Cluster, find_clusters
from splat.language.config import MaskOptions
from splat.language.field import field_folders, find_field, open_field
from splat.language.inquiry import inquire
from splat.language.stored import read_levels
from splat.render.scene import SceneRenderer
from splat.run import Run

MOST = 12  # objects of an answer that are listed
READY = 2  # fields that are kept in memory


@dataclass(frozen=True)
class Reply:
    """What a field says to one text."""

    text: str
    answer: Answer3D
    level: str  # that the answer is from
    objects: list[Cluster]  # of what the rule selects, the largest first

    @property
    def found(self) -> bool:
        """Whether anything matches."""
        return bool(self.answer.selected.any())

    @property
    def threshold(self) -> float:
        """The least relevancy, 0..1, that the rule selects; of the surest place where it selects nothing."""
        return float(self.answer.relevancy[self.answer.selected].min()) if self.found else self.answer.best

    def above(self, threshold: float | None) -> Selection:
        """The Gaussians of at least this relevancy, 0..1; None for those that the rule selects, as `splat query` does.

        Those of which nothing is known have no relevancy.
        """
        if threshold is None:
            return Selection.from_mask(self.answer.selected, f"text({self.text})")
        relevancy = self.answer.relevancy
        return Selection.from_mask((relevancy > 0) & (relevancy >= threshold), f"text({self.text},{threshold:.2f})")

    def one(self, rank: int) -> Selection:
        """The object of this rank, from 1."""
        weights = torch.zeros(len(self.answer.relevancy))
        weights[torch.from_numpy(self.objects[rank - 1].indices)] = 1.0
        return Selection(weights, f"text({self.text})#{rank}")


@dataclass(frozen=True)
class Replies:
    """What came of a question."""

    replies: list[Reply]  # to the texts that say something, in order
    nothing: dict[str, str]  # the other texts, and why they say nothing
    field: str  # name of the field that was asked
    seconds: float  # that it took


@dataclass(frozen=True)
class _Ready:
    stamp: int  # of the field's record: distilling again makes another one
    asker: Asker


class Fields:
    """The language fields of one state of a scene, for all tabs."""

    def __init__(self, run: Run, renderer: SceneRenderer) -> None:
        """
        Args:
            renderer: of the run's scene.
        """
        self.run, self.renderer = run, renderer
        self._ready: dict[str, _Ready] = {}
        self._lock = threading.Lock()

    def names(self) -> list[str]:
        """Of the fields, the newest first."""
        return [folder.name for folder in field_folders(self.run.path)]

    def levels(self, name: str | None = None) -> tuple[str, ...]:
        """Of a field.

        Raises:
            SplatError: there is none, or its record is damaged.
        """
        return read_levels(find_field(self.run.path, name))

    def ask(self, text: str, without: str = "", name: str | None = None, level: str | None = None) -> Replies:
        """Answer as `splat query` does.

        Args:
            text: what is looked for; several with " | " between them.
            without: what it is not, in the same form.
            name: of the field; None for the newest.
            level: None for where the best answer is.

        Raises:
            SplatError: no text, no field, or words that its teacher does not know.
        """
        began = time.monotonic()
        if not text.strip():
            raise SplatError("what is looked for? type a word or two, such as: red mug")
        folder_name, asker = self._asker(name)
        inquiry = inquire(find_field(self.run.path, folder_name), asker.field, text, without, level)
        replies: list[Reply] = []
        if inquiry.question.asked:
            answers = inquiry.answers(self.renderer, asker)[1]
            replies = [
                self._reply(one, answer, asker, inquiry.mask) for one, answer in zip(inquiry.question.asked, answers)
            ]
        return Replies(replies, inquiry.question.nothing, folder_name, time.monotonic() - began)

    def _reply(self, text: str, answer: Answer3D, asker: Asker, options: MaskOptions) -> Reply:
        if answer.best <= options.found:
            answer.selected = torch.zeros_like(answer.selected)
        objects: list[Cluster] = []
        if answer.selected.any():
            objects = find_clusters(self.renderer.scene, answer.relevancy, answer.selected, MOST)
        return Reply(text, answer, asker.field.levels[answer.level], objects)

    def _asker(self, name: str | None) -> tuple[str, Asker]:
        folder = find_field(self.run.path, name)
        stamp = (folder / "field.json").stat().st_mtime_ns
        with self._lock:
            ready = self._ready.pop(folder.name, None)
            if ready is None or ready.stamp != stamp:
                ready = _Ready(stamp, Asker(self.renderer, open_field(self.run.path, folder.name)[1]))
            kept = list(self._ready.items())[-(READY - 1) :]
            self._ready = {**dict(kept), folder.name: ready}
            return folder.name, ready.asker


def answer_in_words(reply: Reply) -> str:
    """One line about an answer."""
    if not reply.found:
        needed = f"relevancy {reply.answer.best:.2f}, more than {MaskOptions().found:.2f} needed"
        return f"nothing in the scene matches {reply.text!r} ({needed})"
    count = len(reply.objects)
    objects = f"{count} object{'s' if count != 1 else ''}"
    return f"{reply.text!r}: relevancy {reply.answer.best:.2f}, level {reply.level}, {objects}"


def object_in_words(rank: int, one: Cluster) -> str:
    """One line about an object; lengths in the scene's units."""
    size = " x ".join(f"{high - low:.2f}" for low, high in zip(one.low, one.high))
    centre = ", ".join(f"{value:.2f}" for value in one.centre)
    return f"{rank}: {len(one.indices):,} Gaussians, size {size}, at ({centre}), relevancy {one.score:.2f}"
