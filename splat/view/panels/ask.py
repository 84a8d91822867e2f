"""Asking the scene: words in, and relevancy, a selection and objects with boxes out."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

import numpy as np

from splat.edit.select.selection import Selection
from splat.errors import SplatError
from splat.view.asking import Fields, Replies, Reply, answer_in_words, object_in_words
from splat.view.controls import put
from splat.view.lines import box_lines
from splat.view.marked import plain
from splat.view.selecting.combining import combined

if TYPE_CHECKING:
    from splat.view.page import Page

BOXES = "/answer"  # of the page's scene
COLOR, OTHERS = (255, 210, 60), (150, 150, 150)  # of the box of the chosen object, and of the others
NEWEST, BEST = "the newest", "the best answer's"
NO_RUN = "Words need a run with a language field; a scene file has none."
NO_FIELD = "This scene knows no words yet. Learning them looks at the photos once, which takes some minutes."


def build(page: Page) -> None:
    """Put the panel into the tab."""
    if page.scene.fields is None:
        with page.gui.add_folder("Ask"):
            page.gui.add_markdown(NO_RUN)
        return
    panel = _Ask(page)
    page.on("scene", panel.renew)
    page.on("shown", panel.follow)


class _Ask:
    """The controls, and the answer that they are about."""

    def __init__(self, page: Page) -> None:
        self.page, gui = page, page.gui
        self.replies: Replies | None = None
        self.reply: Reply | None = None
        self._drawn: Any = None  # the boxes' parent
        self._start = 0.0  # where the slider stands for the rule's own selection
        with gui.add_folder("Ask"):
            self.missing = gui.add_markdown(NO_FIELD)
            self.learn = gui.add_button("Learn words (distill)")
            self.words = gui.add_text("Words", "", hint='what is looked for; several with " | " between them')
            self.without = gui.add_text("Without", "", hint="what it is not, such as words for what stands beside it")
            self.field = gui.add_dropdown("Field", (NEWEST,))
            self.level = gui.add_dropdown("Level", (BEST,), hint="how much of a thing: a part of it, or the whole")
            self.ask = gui.add_button("Ask")
            self.said = gui.add_markdown("")
        self._build_answer()
        self.learn.on_click(page.answering(lambda event: self.start_learning()))
        self.ask.on_click(page.answering(lambda event: self.answer()))
        self.field.on_update(page.answering(lambda event: self.list_levels()))
        self.renew()

    def _build_answer(self) -> None:
        page, gui = self.page, self.page.gui
        self.about = gui.add_folder("Answer", visible=False)
        with self.about:
            self.which = gui.add_dropdown("Answer to", ("",))
            self.heat = gui.add_checkbox("Relevancy in the picture", True)
            self.threshold = gui.add_slider("Threshold", 0.0, 1.0, 0.01, 0.5, hint="least relevancy that is selected")
            self.counted = gui.add_markdown("")
            as_rule = gui.add_button("As the rule selects")
            taking = {
                how: gui.add_button(label)
                for how, label in (("replace", "Select these"), ("add", "Add these"), ("subtract", "Subtract these"))
            }
            self.boxes = gui.add_checkbox("Boxes in the scene", True)
            self.listed = gui.add_markdown("")
            self.objects = gui.add_dropdown("Object", ("",))
            go, one = gui.add_button("Go to the object"), gui.add_button("Select the object")
        for how, button in taking.items():
            button.on_click(page.answering(functools.partial(self.take_chosen, how)))
        as_rule.on_click(page.answering(lambda event: put(self.threshold, self._start)))
        self.threshold.on_update(page.answering(lambda event: self.count()))
        self.which.on_update(page.answering(lambda event: self.show_reply()))
        self.heat.on_update(page.answering(lambda event: self.show_relevancy()))
        self.boxes.on_update(page.answering(lambda event: self.draw_boxes()))
        self.objects.on_update(page.answering(lambda event: self.draw_boxes()))
        go.on_click(page.answering(lambda event: self.go()))
        one.on_click(page.answering(lambda event: self.take(self.thing(), "replace")))

    # -- fields

    @property
    def fields(self) -> Fields:
        """Of the scene that is shown now."""
        found = self.page.scene.fields
        if found is None:
            raise SplatError(NO_RUN)
        return found

    def renew(self) -> None:
        """The scene or its fields are others: the answer was about something else."""
        self.replies = self.reply = None
        self.about.visible, self.said.content = False, ""
        self.remove_boxes()
        names = self.fields.names()
        for control in (self.words, self.without, self.ask):
            control.visible = bool(names)
        self.missing.visible = self.learn.visible = not names
        self.field.options = (NEWEST, *names)
        self.field.visible = len(names) > 1
        self.list_levels()

    def list_levels(self) -> None:
        """Offer the levels of the field that is chosen."""
        names = self.fields.names()
        levels = self.fields.levels(self.field_name()) if names else ()
        self.level.options = (BEST, *levels)
        self.level.visible = len(levels) > 1

    def field_name(self) -> str | None:
        """The field that is chosen; None for the newest."""
        return None if self.field.value == NEWEST else self.field.value

    def start_learning(self) -> None:
        """Distill a field."""
        assert self.page.scene.run is not None
        self.page.do(["distill", str(self.page.scene.run.path)], lambda ended: self.learned())
        self.page.tell("words are being learned; the bar above shows how far it is", good=True)

    def learned(self) -> None:
        """There is a field now."""
        self.renew()
        self.page.tell("the scene knows words now; ask for something", good=True)

    # -- an answer

    def answer(self) -> None:
        """Ask what was typed."""
        level = None if self.level.value == BEST else self.level.value
        words, without = self.page.text(self.words.value), self.page.text(self.without.value)
        before, self.said.content = self.said.content, "asking…"
        try:
            replies = self.fields.ask(words, without, self.field_name(), level)
        except SplatError:
            self.said.content = before
            raise
        self.replies, self.reply = replies, None
        lines = [answer_in_words(reply) for reply in replies.replies]
        lines += [f"{text!r} is left out: {why}" for text, why in replies.nothing.items()]
        self.said.content = "\n\n".join([*map(plain, lines), f"{replies.seconds:.2f} s, field {plain(replies.field)}"])
        if not replies.replies:
            self.reply, self.about.visible = None, False
            self.remove_boxes()
            raise SplatError("; ".join(f"{text!r}: {why}" for text, why in replies.nothing.items()))
        texts = list(dict.fromkeys(reply.text for reply in replies.replies))
        self.which.options = tuple(texts)
        self.which.visible = len(texts) > 1
        put(self.which, texts[0])
        self.about.visible = True
        put(self.heat, True)
        self.show_reply()

    def show_reply(self) -> None:
        """Show the answer to the text that is chosen."""
        if self.replies is None:
            return
        self.reply = next(reply for reply in self.replies.replies if reply.text == self.which.value)
        self._start = min(1.0, max(0.0, round(self.reply.threshold, 2)))
        put(self.threshold, self._start)
        lines = [object_in_words(rank, one) for rank, one in enumerate(self.reply.objects, start=1)]
        self.listed.content = "\n\n".join(lines)
        self.objects.options = tuple(str(rank) for rank, _ in enumerate(lines, start=1)) or ("none",)
        put(self.objects, self.objects.options[0])
        self.count()
        self.show_relevancy()
        self.draw_boxes()

    def show_relevancy(self) -> None:
        """Relevancy as heat, or the scene's colours."""
        if self.reply is not None and self.heat.value:
            self.page.show(relevancy=self.reply.answer.relevancy, picture="relevancy")
        elif self.page.shown.picture == "relevancy":
            self.page.show(picture="colours")

    def follow(self) -> None:
        """Another panel may have chosen what is drawn."""
        drawn = self.page.shown.picture == "relevancy"
        if self.reply is not None and self.heat.value != drawn:
            put(self.heat, drawn)

    def chosen(self) -> Selection:
        """What the threshold selects.

        Raises:
            SplatError: nothing was asked.
        """
        if self.reply is None:
            raise SplatError("ask for something first")
        return self.reply.above(None if self.threshold.value == self._start else self.threshold.value)

    def count(self) -> None:
        """Say how much the threshold selects."""
        if self.reply is None:
            return
        selection = self.chosen()
        rule = ", as the rule selects" if self.threshold.value == self._start else ""
        self.counted.content = f"**{selection.count:,}** of {len(selection):,} Gaussians{rule}"

    def take_chosen(self, how: str, event: object) -> None:
        """A button that selects was pressed."""
        self.take(self.chosen(), how)

    def take(self, selection: Selection, how: str) -> None:
        """Select, and show the scene so that it is seen."""
        moved = Selection(selection.weights.to(self.page.scene.renderer.device), selection.source)
        self.page.select(combined(self.page.selection, moved, how))
        put(self.heat, False)

    # -- objects

    def rank(self) -> int:
        """Of the object that is chosen, from 1.

        Raises:
            SplatError: there is none.
        """
        if self.reply is None or not self.reply.objects:
            raise SplatError("the answer has no objects; nothing in the scene matches well enough")
        return int(self.objects.value)

    def thing(self) -> Selection:
        """The object that is chosen."""
        rank = self.rank()
        assert self.reply is not None
        return self.reply.one(rank)

    def go(self) -> None:
        """Stand where the object is seen best among the scene's cameras, and turn about it."""
        thing, scene = self.thing(), self.page.scene
        assert self.reply is not None
        self.page.stand_at(scene.renderer.best_views(thing.weights, 1)[0])
        centre = self.page.app.placing.to_page(np.array(self.reply.objects[self.rank() - 1].centre))
        self.page.client.camera.look_at = tuple(centre.tolist())
        self.page.moved()

    def remove_boxes(self) -> None:
        """Take the boxes out of the scene."""
        if self._drawn is not None:
            self._drawn.remove()
            self._drawn = None

    def draw_boxes(self) -> None:
        """Boxes and ranks of the objects, the chosen one in another colour."""
        scene, place = self.page.client.scene, self.page.app.placing.to_page
        self.remove_boxes()
        if self.reply is None or not self.boxes.value or not self.reply.objects:
            return
        chosen = self.rank()
        with self.page.client.atomic():
            self._drawn = scene.add_frame(BOXES, show_axes=False)
            for rank, one in enumerate(self.reply.objects, start=1):
                low, high = place(np.array(one.low)), place(np.array(one.high))
                color = COLOR if rank == chosen else OTHERS
                scene.add_line_segments(
                    f"{BOXES}/{rank}", box_lines(low, high), color, thickness=2.0, thickness_units="screen"
                )
                scene.add_label(f"{BOXES}/{rank}/name", f"{self.reply.text} {rank}", position=tuple(high.tolist()))
