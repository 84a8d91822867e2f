"""What comes with splat is found in a wheel and in a checkout, the wheel's own first."""

from __future__ import annotations

from pathlib import Path

import pytest

from splat import shipped
from splat.errors import SplatError

REPOSITORY = Path(__file__).resolve().parent.parent


def test_this_checkout_has_all() -> None:
    assert shipped.conf_folder() == REPOSITORY / "conf" and shipped.demo_folder() == REPOSITORY / "data" / "demo"
    for name in ("teacher", "restorer"):
        assert (shipped.weights_folder(name) / "model.safetensors").is_file()


def test_a_wheel_takes_its_own(tmp_path: Path) -> None:
    package = tmp_path / "site-packages" / "splat"
    for root in (package, package.parent):
        (root / "data" / "demo" / "images").mkdir(parents=True)
        (root / "conf").mkdir()
        (root / "conf" / "train.yaml").touch()
    assert shipped.demo_folder(package) == package / "data" / "demo"
    assert shipped.conf_folder(package) == package / "conf"


def test_what_is_missing_is_said(tmp_path: Path) -> None:
    (tmp_path / "splat" / "data").mkdir(parents=True)
    with pytest.raises(SplatError, match=r"demo is missing in .*; install splat again"):
        shipped.demo_folder(tmp_path / "splat")
