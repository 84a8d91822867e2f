"""Clean up by sliders: what goes glows, and is counted while the sliders move."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from splat.console import followed
from splat.edit.prune.finding import Examined
from splat.edit.select.selection import Selection
from splat.errors import SplatError
from splat.view.cleaning import Cleaning, Stopped, as_selection, counts_in_words, examine, found_by
from splat.view.controls import put
from splat.view.editing import as_code, show_edited
from splat.view.marked import plain

if TYPE_CHECKING:
    from splat.view.jobs import Ended
    from splat.view.page import Page


def build(page: Page) -> None:
    """Put the panel into the tab."""
    CleanPanel(page)


class CleanPanel:
    """The sliders, and what they find."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.examined: Examined | None = None  # of the scene that is shown, once it was asked for
        self.asking: threading.Thread | None = None
        self.stopped = threading.Event()
        self.counted: Cleaning | None = None  # for which the counts are
        self.selected: Selection | None = None  # what goes, as the page has it
        gui = page.gui
        with gui.add_folder("Clean up", expand_by_default=False):
            self.controls = self._controls()
            self.said = gui.add_markdown("")
            self.bar = gui.add_progress_bar(0.0, animated=True, visible=False)
            self.stop = gui.add_button("Stop asking", color="red", visible=False)
            self.force = gui.add_checkbox("Even most of the scene", False, hint="more than half of all Gaussians")
            self.command = gui.add_markdown("")
            apply = gui.add_button("Clean up", color="violet", hint="as an edit, which undo takes back")
            reset = gui.add_button("All off")
        apply.on_click(page.answering(lambda event: self.do()))
        reset.on_click(page.answering(lambda event: self.reset()))
        self.stop.on_click(lambda event: self.stopped.set())  # without the tab's lock: while something waits for it
        for control in (*self.controls.values(), self.force):
            control.on_update(page.answering(self._moved))
        page.on("scene", self._another_scene)

    def _controls(self) -> dict[str, Any]:
        gui, photographed = self.page.gui, self.page.scene.run is not None
        seen = "training views"
        return {
            "floaters": gui.add_checkbox(
                "Floaters", False, visible=photographed, hint="stand free before what photos show, which miss them not"
            ),
            "faint": gui.add_slider("Faint: opacity below", 0.0, 0.5, 0.005, 0.0, hint="0: off"),
            "large": gui.add_slider("Large: times usual", 0.0, 60.0, 0.5, 0.0, hint="longest axis; 0: off"),
            "isolated": gui.add_slider("Isolated: times usual", 0.0, 30.0, 0.5, 0.0, hint="to neighbours; 0: off"),
            "far": gui.add_slider("Far: times usual", 0.0, 20.0, 0.25, 0.0, hint="from the cameras; 0: off"),
            "unseen": gui.add_slider("Views fewer than", 0, 10, 1, 0, visible=photographed, hint=f"{seen}; 0: off"),
            "count": gui.add_number("Down to", 0, min=0, step=1, hint="so many stay, fitted anew; 0: off"),
        }

    def cleaning(self) -> Cleaning:
        """What the sliders say."""
        values = {name: control.value for name, control in self.controls.items()}
        return Cleaning(**{**values, "unseen": int(values["unseen"]), "count": int(values["count"])})

    # -- counting

    def count(self) -> None:
        """Count what would go and let it glow; what the views show is asked beside, as that takes a while."""
        cleaning, page = self.cleaning(), self.page
        self._say_command(cleaning)
        if cleaning == self.counted:  # a slider that was moved on meanwhile
            return
        if cleaning.nothing:
            self.counted, self.said.content = cleaning, ""
            self._select(None)
            return
        if self.examined is None:
            self.examined = examine(page.scene)
        if cleaning.asks_views and not self._asked(cleaning):
            self._ask(self.examined)
            return
        found = found_by(cleaning, page.scene, self.examined)
        self.counted = cleaning
        self._select(as_selection(found))
        missing = self.examined.photos.missing if cleaning.floaters else ""
        self.said.content = counts_in_words(found) + (f"\n\nno floaters: {plain(missing)}" if missing else "")

    def _select(self, selection: Selection | None) -> None:
        """Select what goes; what was selected in another way stays where nothing goes."""
        if selection is not None or self.page.selection is self.selected:
            self.page.select(selection)
        self.selected = selection

    def _moved(self, event: Any) -> None:
        if event.client is not None:  # else it was set from here
            self.count()

    def _asked(self, cleaning: Cleaning) -> bool:
        known = vars(self.examined)  # where cached properties are
        return "evidence" in known and ("floating" in known or not cleaning.floaters)

    def _ask(self, examined: Examined) -> None:
        """Ask the views in a thread of its own; the tab goes on, and counts when it is done."""
        if self.asking is not None and self.asking.is_alive():
            return
        self.stopped.clear()
        self.bar.visible = self.stop.visible = True
        self.said.content = "What the photos show of each Gaussian is asked, once for a scene …"
        self.asking = threading.Thread(target=self._follow, args=(examined,), daemon=True)
        self.asking.start()

    def _follow(self, examined: Examined) -> None:
        try:
            with followed(self._progress):
                _ = examined.evidence
                if self.controls["floaters"].value:
                    _ = examined.floating
        except Stopped:
            put_off = True
        except SplatError as problem:
            put_off = True
            self.page.tell(str(problem))
        else:
            put_off = False
        self.asking = None
        self.bar.visible = self.stop.visible = False
        off = put_off and self.examined is examined  # else another scene is shown, of which nothing was asked yet
        self.page.answering(lambda event: self._without_views() if off else self.count())(None)

    def _progress(self, what: str, share: float) -> None:
        if self.stopped.is_set() or self.page.client.client_id not in self.page.app.pages:
            raise Stopped(f"{what} was stopped")
        put(self.bar, 100 * share)

    def _without_views(self) -> None:
        """Off with what only the views can say."""
        put(self.controls["floaters"], False)
        put(self.controls["unseen"], 0)
        put(self.controls["count"], 0)
        self.said.content = ""
        self.counted = None
        self.count()

    # -- doing

    def do(self) -> None:
        """Run the command.

        Raises:
            SplatError: nothing would go, or something else runs.
        """
        page, cleaning = self.page, self.cleaning()
        if cleaning.nothing:
            raise SplatError("nothing would go; move a slider first")

        def done(ended: Ended) -> None:
            show_edited(page.app, ended.output)
            page.tell("cleaned up; Undo takes it back", good=True)

        page.do(cleaning.wish(page.scene, self.force.value).words(page.scene, None), done)

    def reset(self) -> None:
        """Nothing goes."""
        self.stopped.set()
        for name, control in self.controls.items():
            put(control, False if name == "floaters" else type(control.value)(0))
        self.counted = None
        self.count()

    def _another_scene(self) -> None:
        self.examined = None
        self.reset()

    def _say_command(self, cleaning: Cleaning) -> None:
        if cleaning.nothing:
            self.command.content = ""
            return
        words = cleaning.wish(self.page.scene, self.force.value).words(self.page.scene, None)
        self.command.content = as_code(words)
