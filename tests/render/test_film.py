"""File names of pictures."""

from pathlib import PureWindowsPath

import torch

from splat.cameras import Camera
from splat.render.film import picture_names


def names_of(*names: str) -> list[str]:
    eye = torch.eye(4, dtype=torch.float64)
    return picture_names([Camera(eye, eye[:3, :3], 4, 4, name) for name in names])


def test_pictures_are_named_after_photos() -> None:
    assert names_of("0001.jpg", "left/0002.JPG", "a.b") == ["0001", "left__0002", "a"]
    assert names_of("a.jpg", "a.png") == names_of("a.jpg", "A.png") == names_of("", "b") == ["0000", "0001"]
    for kind in ("photo", "depth"):  # written beside the picture of a.jpg
        assert names_of("a.jpg", f"a_{kind}.jpg") == ["0000", "0001"]
    assert names_of("a.jpg", "b_photo.jpg") == ["a", "b_photo"]


def test_no_name_leaves_the_folder_on_any_system() -> None:
    for name in names_of("back\\..\\..\\x.jpg", "../y", "C:\\z.png", "/etc/w", "a\nb", "..\\.."):
        assert name not in ("", ".", "..")
        assert PureWindowsPath(name).name == name and not set(name) & set("\\/:\n\0")
