"""Names from other people's files, as names that are safe everywhere."""

import pytest

from splat.files import LONGEST_PART, safe_name


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("images/0001.jpg", "images/0001.jpg"),
        ("фото 0001 100% #é.png", "фото 0001 100% #é.png"),
        ("back\\..\\..\\x.jpg", "back/x.jpg"),
        ("../../etc/passwd", "etc/passwd"),
        ("/etc/passwd", "etc/passwd"),
        ("C:\\Windows\\x.jpg", "Windows/x.jpg"),
        ("c:x.jpg", "x.jpg"),
        ("a/./b/", "a/b"),
        ("10:30?.jpg", "10_30_.jpg"),
        ("a\nb\x1b[31m.jpg", "a_b_[31m.jpg"),
        ("\ud800.jpg", "_.jpg"),
        ("con.jpg", "_con.jpg"),
        ("nul", "_nul"),
        ("dot. /x. ", "dot/x"),
        ("..", "unnamed"),
        ("", "unnamed"),
    ],
)
def test_names_stay_inside(name, safe):
    assert safe_name(name) == safe
    assert safe_name(safe) == safe


def test_long_names_are_shortened_and_stay_different():
    names = ["é" * 200 + f"{index}.jpeg" for index in range(2)]
    safe = [safe_name(name) for name in names]
    assert all(len(name.encode()) <= LONGEST_PART and name.endswith(".jpeg") for name in safe)
    assert safe[0] != safe[1]
