"""A run of three balls, and the viewer of it in this process."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from splat.view.app import App, ViewOptions
from splat.view.serving import open_app
from tests.browser import chromium  # noqa: F401 - a fixture for the tests beside
from tests.edit.scenes import write_run


@pytest.fixture
def balls_run(tmp_path: Path) -> Path:
    """A run folder of red, green and blue balls with eight cameras, whose photos are gone."""
    return write_run(tmp_path / "balls")


@pytest.fixture
def viewer(balls_run: Path) -> Iterator[App]:
    """The viewer of that run, at a free port."""
    app = open_app([balls_run], ViewOptions(port=0, backend="cpu"))
    yield app
    app.stop()
