"""Kinds of things, the colours they come in, and the words for both."""

from __future__ import annotations

import colorsys
from dataclasses import dataclass

import numpy as np

from tools.demo_world.registry import is_free

# hue (degrees), saturation and value ranges of paint that people call by this name
COLOURS: dict[str, tuple[tuple[float, float], tuple[float, float], tuple[float, float]]] = {
    "red": ((-8, 8), (0.75, 0.95), (0.55, 0.8)),
    "orange": ((18, 28), (0.78, 0.95), (0.8, 0.95)),
    "yellow": ((42, 52), (0.65, 0.9), (0.85, 0.97)),
    "green": ((85, 140), (0.45, 0.8), (0.35, 0.65)),
    "turquoise": ((168, 184), (0.55, 0.8), (0.5, 0.75)),
    "blue": ((205, 228), (0.6, 0.9), (0.4, 0.75)),
    "purple": ((262, 285), (0.45, 0.75), (0.35, 0.6)),
    "pink": ((325, 350), (0.3, 0.55), (0.8, 0.95)),
    "brown": ((20, 32), (0.5, 0.7), (0.35, 0.6)),
    "white": ((30, 60), (0.0, 0.07), (0.88, 0.96)),
    "grey": ((0, 360), (0.0, 0.06), (0.35, 0.65)),
    "black": ((0, 360), (0.0, 0.15), (0.06, 0.14)),
}
NAMES = (*COLOURS, "copper", "silver", "gold", "cream")  # metals and a wall; every word for a colour
METALS = {"copper": "#f0a884", "silver": "#d9d9d6", "gold": "#e8b94a"}
WOOD = ((22, 36), (0.35, 0.65), (0.42, 0.85))  # hue, saturation and value of planed wood


def paint(color: str, rng: np.random.Generator) -> str:
    """A hex colour that the word fits, and that the demo has not."""
    if color in METALS:
        return shade(METALS[color], rng)
    while True:
        found = _hex(*(float(rng.uniform(*span)) for span in COLOURS[color]))
        if is_free(found):
            return found


def wood(rng: np.random.Generator) -> tuple[str, str]:
    """Light and dark parts of one wood."""
    while True:
        hue, saturation, value = (float(rng.uniform(*span)) for span in WOOD)
        light, dark = _hex(hue, saturation, value), _hex(hue, saturation + 0.1, value * float(rng.uniform(0.5, 0.68)))
        if is_free(light) and is_free(dark):
            return light, dark


def shade(color: str, rng: np.random.Generator, bright: float = 1.0) -> str:
    """A hex colour near another, `bright` times as bright, that the demo has not."""
    channels = np.array([int(color[k : k + 2], 16) for k in (1, 3, 5)])
    while True:
        gain = bright * rng.uniform(0.9, 1.08) * rng.uniform(0.95, 1.05, 3)
        red, green, blue = np.rint(np.clip(channels * gain, 4, 250)).astype(int)
        found = f"#{red:02x}{green:02x}{blue:02x}"
        if is_free(found):
            return found


def _hex(hue: float, saturation: float, value: float) -> str:
    """'#rrggbb' of hue in degrees, saturation and value 0..1."""
    red, green, blue = (round(255 * part) for part in colorsys.hsv_to_rgb(hue / 360 % 1, saturation, value))
    return f"#{red:02x}{green:02x}{blue:02x}"


@dataclass(frozen=True)
class Thing:
    """What one object of a scene is, for matching captions."""

    kind: str
    colors: tuple[str, ...]


@dataclass(frozen=True)
class Kind:
    """Words for one kind of thing."""

    nouns: tuple[str, ...]
    materials: tuple[str, ...] = ()
    more: tuple[str, ...] = ()  # whole captions; {c} and {d} stand for two colours it has


KINDS: dict[str, Kind] = {
    "floor": Kind(
        ("floor", "floor boards", "planks", "parquet", "ground"),
        ("wooden", "varnished"),
        ("a floor of varnished planks", "{c} floor boards", "the ground of the room"),
    ),
    "wallpaper": Kind(
        ("wallpapered wall", "wallpaper", "patterned wallpaper", "patterned wall"),
        ("paper", "printed"),
        (
            "a wall with {c} leaves printed on it",
            "{c} and {d} wallpaper",
            "a wall with printed paper",
            "printed leaves",
        ),
    ),
    "wall": Kind(
        ("painted wall", "plain wall"),
        ("painted", "plaster", "matte"),
        ("a {c} {d} wall", "a plain {c} wall", "a wall painted {c}", "a plain wall"),
    ),
    "skirting": Kind(
        ("skirting board", "baseboard", "skirting"), ("painted", "wooden"), ("a {c} strip along the wall",)
    ),
    "rug": Kind(
        ("rug", "carpet", "patterned rug", "oriental rug", "woven carpet"),
        ("woven", "wool"),
        (
            "a {c} and {d} rug",
            "a woven carpet on the floor",
            "an oriental rug with fringes",
            "a patterned carpet on the floor",
            "a {c} and {d} carpet",
        ),
    ),
    "table": Kind(
        ("table", "side table", "desk"),
        ("wooden", "wood", "varnished"),
        ("a side table of varnished wood", "a {c} wooden table", "a table with four legs"),
    ),
    "bookshelf": Kind(
        ("bookshelf", "shelf", "bookcase"),
        ("wooden", "wood"),
        ("a low shelf for books", "a shelf of {c} wood", "furniture for books"),
    ),
    "book row": Kind(
        ("row of books", "books on a shelf", "books", "standing books", "book spines"),
        ("cloth", "paper"),
        ("books with coloured spines", "a row of books on the shelf", "books standing on a shelf", "coloured spines"),
    ),
    "book stack": Kind(
        ("stack of books", "pile of books", "books", "books lying on one another", "lying books"),
        ("cloth", "paper"),
        ("a stack of books on the floor", "four books lying on one another", "a pile of books"),
    ),
    "picture": Kind(
        ("picture frame", "picture", "painting", "framed picture", "landscape painting"),
        ("wooden", "painted"),
        (
            "a landscape painting on the wall",
            "a painting of hills and a red sun",
            "a framed picture on the wall",
            "a picture in a {c} frame",
            "hills and a sun",
        ),
    ),
    "clock": Kind(
        ("clock", "wall clock", "round clock"),
        ("metal", "painted"),
        (
            "a round clock on the wall",
            "a {c} rimmed clock",
            "a clock with a white face",
            "a clock with {c} rim",
            "the time",
        ),
    ),
    "mug": Kind(
        ("mug", "cup", "coffee cup", "coffee mug"),
        ("ceramic", "glossy", "shiny"),
        ("a {c} coffee cup with a handle", "a glossy {c} ceramic mug", "a cup with a handle", "a mug on the table"),
    ),
    "vase": Kind(
        ("vase", "tall vase", "jug"),
        ("ceramic", "glazed", "glossy", "shiny"),
        ("a tall {c} vase on the table", "a glazed {c} ceramic vase", "a vase on the table"),
    ),
    "kettle": Kind(
        ("kettle", "teapot", "tea kettle"),
        ("metal", "shiny"),
        ("a metal teapot with a spout", "a shiny {c} kettle", "a kettle with a spout and a handle"),
    ),
    "lamp": Kind(
        ("lamp", "table lamp", "lamp shade", "light"),
        ("cloth", "brass"),
        ("a table lamp with a {c} shade", "a {c} cloth lamp", "a lamp with a shade", "a {c} lamp shade"),
    ),
    "bowl": Kind(
        ("bowl of apples", "fruit bowl", "apples", "fruit", "bowl", "green apples"),
        ("porcelain",),
        ("a {c} bowl of green apples", "fruit in a bowl", "apples in a {c} bowl", "green apples in a bowl"),
    ),
    "plant": Kind(
        ("plant", "potted plant", "house plant", "green plant"),
        (),
        (
            "a green potted plant",
            "a house plant with broad leaves",
            "a plant in a clay pot",
            "a plant in a {c} pot",
            "green leaves",
            "a plant with leaves",
        ),
    ),
    "teddy": Kind(
        ("teddy bear", "teddy", "toy bear", "bear", "plush bear"),
        ("plush", "soft"),
        ("a soft {c} toy bear", "a plush bear", "a {c} toy", "a soft toy"),
    ),
    "ball": Kind(
        ("ball", "checkered ball", "play ball", "toy ball"),
        ("rubber", "glossy"),
        (
            "a {c} and {d} checkered ball",
            "a round {c} and {d} toy",
            "a {c} and {d} ball",
            "a round ball on the rug",
            "a round toy",
        ),
    ),
    "basket": Kind(
        ("basket", "wicker basket", "woven basket", "straw basket"),
        ("woven", "wicker"),
        ("a straw basket with a blanket", "a straw coloured wicker basket", "a basket with a blanket", "a blanket"),
    ),
    "cushion": Kind(
        ("cushion", "pillow", "square cushion"),
        ("soft", "cloth", "woven"),
        ("a square {c} pillow", "a soft {c} cushion", "a soft square cushion"),
    ),
    "stool": Kind(
        ("stool", "round stool", "small stool", "seat"),
        ("painted", "wooden"),
        ("a round stool painted {c}", "a small stool with three legs", "a {c} stool with three legs"),
    ),
}
MIXED = "mixed"  # a region of several things: none of the captions fits
GENERIC = ("object", "things", "stuff", "texture")  # LERF's canonical phrases, which relevancy compares with
