"""Change what is selected: look at it first, then do it, by the very command of the command line."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from splat.edit.restyle.options import FILTERS, STEPS
from splat.errors import SplatError
from splat.view.controls import put
from splat.view.editing import Wish, as_code, decimals, in_words, show_edited, unusual
from splat.view.gizmo import Gizmo, Movement
from splat.view.marked import plain

if TYPE_CHECKING:
    from splat.view.jobs import Ended
    from splat.view.page import Page

# operation: the controls that it has
CONTROLS: dict[str, tuple[str, ...]] = {
    "remove": ("fill",),
    "extract": (),
    "crop": ("deviations",),
    "recolor": ("by", "color", "hue", "lightness", "keep_pale"),
    "opacity": ("opacity",),
    "scale": ("size",),
    "move": ("offset",),
    "rotate": ("axis", "degrees"),
    "duplicate": ("offset", "axis", "degrees", "size"),
    "replace": ("other", "axis", "degrees"),
    "restyle": ("filter", "amount", "steps", "turn"),
}
DRAGGED = ("move", "rotate", "duplicate")
SLOW = ("restyle",)  # operations that are optimised, and so have no preview
BY = ("a colour", "turning the hue")


def build(page: Page) -> None:
    """Put the panel into the tab."""
    EditPanel(page)


def options_of(operation: str, values: Mapping[str, Any]) -> dict[str, Any]:
    """The operation's options that the controls ask for, by their names with dots; those as usual are left out.

    Args:
        operation: one of `CONTROLS`.
        values: of the controls.

    Raises:
        SplatError: nothing is asked for.
    """
    offset, axis = in_words(values["offset"]), in_words(values["axis"])
    turned = {"axis": axis, "degrees": values["degrees"]} if values["degrees"] else {}
    if operation == "rotate" and not turned:
        raise SplatError("by how much? drag a ring of the handle, or type degrees")
    if operation == "move" and not any(values["offset"]):
        raise SplatError("where to? drag an arrow of the handle, or type an offset")
    if operation == "duplicate" and not any(values["offset"]) and not turned:
        raise SplatError("where to? the copy lies in what it is a copy of; drag the handle")
    if operation == "duplicate":
        return {"offset": offset, **unusual("duplicate", {**turned, "factor": values["size"]})}
    if operation == "replace" and not values["other"]:
        raise SplatError("by what? type the path of a scene file or a run that holds the object alone")
    asked: dict[str, dict[str, Any]] = {
        "remove": {} if values["fill"] else {"fill.views": 0},
        "crop": {"deviations": values["deviations"]},
        "recolor": _recolored(values),
        "opacity": {"factor": values["opacity"]},
        "scale": {"factor": values["size"]},
        "move": {"offset": offset},
        "rotate": turned,
        "replace": {"other": values["other"], **turned},
        "restyle": _restyled(values),
    }
    return unusual(operation, asked.get(operation, {}))


def _recolored(values: Mapping[str, Any]) -> dict[str, Any]:
    if values["by"] == BY[0]:
        color = "#" + "".join(f"{int(part):02x}" for part in values["color"])
        return {"color": color, "lightness": values["lightness"], "keep_pale": values["keep_pale"]}
    if not values["hue"]:
        raise SplatError("by how much? turn the hue by some degrees")
    return {"hue": values["hue"]}


def _restyled(values: Mapping[str, Any]) -> dict[str, Any]:
    steps = None if values["steps"] == STEPS else int(values["steps"])
    found = {"filter": values["filter"], "guide.amount": values["amount"], "guide.steps": steps}
    return {**found, "hue": values["turn"]} if values["filter"] == "hue" else found


class EditPanel:
    """The controls, what they ask for, and what is shown of it."""

    def __init__(self, page: Page) -> None:
        self.page, gui = page, page.gui
        self.gizmo = Gizmo(page, self._dragged, self._changed)
        with gui.add_folder("Edit"):
            self.about = gui.add_markdown("")
            self.operation = gui.add_dropdown("Do", tuple(CONTROLS), hint="to what is selected")
            self.controls = self._controls()
            self.force = gui.add_checkbox("More than half too", False, hint="even if it touches most of the scene")
            self.command = gui.add_markdown("")
            self.look = gui.add_button("Preview", hint="exactly, and nothing is written")
            self.apply = gui.add_button("Apply", color="violet", hint="as an edit, which undo takes back")
            self.discard = gui.add_button("Discard", disabled=True)
        self.look.on_click(page.answering(lambda event: self.preview()))
        self.apply.on_click(page.answering(lambda event: self.do()))
        self.discard.on_click(page.answering(lambda event: self.reset()))
        self.operation.on_update(page.answering(lambda event: self.begin()))
        for control in (*self.controls.values(), self.force):
            control.on_update(page.answering(self._typed))
        page.on("selection", self.begin)
        page.on("shown", self._shown)
        self.begin()

    def _controls(self) -> dict[str, Any]:
        gui = self.page.gui
        return {
            "fill": gui.add_checkbox("Fill the hole", True, hint="from what the photos show around it; takes a while"),
            "deviations": gui.add_slider("Reach", 0.0, 5.0, 0.1, 2.0, hint="deviations that may not reach out"),
            "by": gui.add_dropdown("By", BY),
            "color": gui.add_rgb("Colour", (60, 120, 220)),
            "hue": gui.add_slider("Hue, degrees", -180.0, 180.0, 1.0, 0.0),
            "lightness": gui.add_slider("Lightness", 0.0, 1.0, 0.01, 1.0, hint="how far it goes to the colour's"),
            "keep_pale": gui.add_checkbox("Pale parts stay", True, hint="highlights and prints"),
            "opacity": gui.add_slider("Opacity times", 0.0, 4.0, 0.05, 0.5),
            "size": gui.add_slider("Size times", 0.1, 4.0, 0.05, 1.0),
            "offset": gui.add_vector3("Offset", (0.0, 0.0, 0.0), step=0.0001, hint="in the scene's units"),
            "axis": gui.add_vector3("Axis", (0.0, 0.0, 1.0), step=0.0001),
            "degrees": gui.add_number("Degrees", 0.0, step=0.01),
            "other": gui.add_text("Other scene", "", hint="a file or a run that holds the object alone"),
            "filter": gui.add_dropdown("Filter", FILTERS),
            "amount": gui.add_slider("Amount", 0.0, 1.0, 0.05, 1.0),
            "steps": gui.add_slider("Steps", 50, 2000, 50, STEPS),
            "turn": gui.add_slider("Turned by", -180.0, 180.0, 1.0, 90.0, hint="degrees, for the filter hue"),
        }

    # -- what is asked for

    def wish(self) -> Wish:
        """What the controls ask for.

        Raises:
            SplatError: they ask for nothing.
        """
        values = {name: control.value for name, control in self.controls.items()}
        values["other"] = self.page.text(values["other"])
        operation = self.operation.value
        return Wish(operation, options_of(operation, values), self.force.value)

    def preview(self) -> None:
        """Show what it would make of the scene.

        Raises:
            SplatError: nothing is selected or asked for, or it takes too long to be shown.
        """
        page, wish = self.page, self.wish()
        if page.selection is None:
            raise SplatError("nothing is selected; select something first")
        if wish.operation in SLOW:
            raise SplatError(f"{wish.operation} is learned, which takes a while: Apply does it, and Undo takes it back")
        hole = wish.operation == "remove" and not wish.options
        quick = Wish("remove", {"fill.views": 0}, wish.force) if hole else wish
        edited = quick.applied(page.scene, page.selection)
        self.gizmo.ghost(False)
        page.show(preview=page.scene.renderer.of(edited.scene))
        counts = f"{len(page.scene.renderer.scene):,} → {len(edited.scene):,} Gaussians, nothing is written"
        self.about.content = f"**Preview**: {counts}" + ("; Apply fills the hole" if hole else "")

    def do(self) -> None:
        """Run the command.

        Raises:
            SplatError: nothing is selected or asked for, or something else runs.
        """
        page, wish = self.page, self.wish()

        def done(ended: Ended) -> None:
            show_edited(page.app, ended.output)
            page.tell(f"{wish.operation} is done; Undo takes it back", good=True)

        page.do(wish.words(page.scene, page.selection_file()), done)

    def reset(self) -> None:
        """Nothing is moved, and the scene is shown as it is."""
        for name in ("offset", "degrees"):
            put(self.controls[name], (0.0, 0.0, 0.0) if name == "offset" else 0.0)
        self.begin()

    def begin(self) -> None:
        """Another operation, or something else is selected."""
        page, operation = self.page, self.operation.value
        if page.shown.preview is not None:
            page.show(preview=None)
        for name, control in self.controls.items():
            control.visible = name in CONTROLS[operation]
        self._recolor_by()
        self.look.disabled = operation in SLOW
        if operation in DRAGGED and page.selection is not None:
            self.gizmo.show(moves=operation != "rotate", turns=operation != "move")
            self._place()
        else:
            self.gizmo.hide()
        self._say()

    # -- what changes

    def _dragged(self, movement: Movement) -> None:
        has = CONTROLS[self.operation.value]
        if "offset" in has:
            put(
                self.controls["offset"],
                tuple(round(value, 1 + decimals(self.page.scene.depth)) for value in movement.offset),
            )
        if "degrees" in has:
            put(self.controls["axis"], tuple(round(value, 5) for value in movement.axis))
            put(self.controls["degrees"], round(movement.degrees, 3))

    def _typed(self, event: Any) -> None:
        if event.client is not None:  # else it was set from here
            self._place()
            self._changed()

    def _changed(self) -> None:
        self._recolor_by()
        if self.page.shown.preview is not None:
            self.preview()
        self._say()

    def _place(self) -> None:
        values, has = self.controls, CONTROLS[self.operation.value]
        offset = values["offset"].value if "offset" in has else (0.0, 0.0, 0.0)
        self.gizmo.place(offset, values["axis"].value, values["degrees"].value if "degrees" in has else 0.0)

    def _recolor_by(self) -> None:
        if self.operation.value == "recolor":
            color = self.controls["by"].value == BY[0]
            for name in ("color", "lightness", "keep_pale"):
                self.controls[name].visible = color
            self.controls["hue"].visible = not color
        if self.operation.value == "restyle":
            self.controls["turn"].visible = self.controls["filter"].value == "hue"

    def _shown(self) -> None:
        previewed = self.page.shown.preview is not None
        self.discard.disabled = not previewed
        if not previewed:
            self._say_selected()

    def _say(self) -> None:
        if self.page.shown.preview is None:
            self._say_selected()
        try:
            words = self.wish().words(self.page.scene, self.page.selection_path)
        except SplatError as missing:
            self.command.content = plain(missing)
            return
        self.command.content = as_code(words)

    def _say_selected(self) -> None:
        chosen = self.page.selection
        if chosen is None:
            self.about.content = "Nothing is selected yet."
        else:
            self.about.content = f"{chosen.count:,} of {len(chosen):,} Gaussians are selected."
