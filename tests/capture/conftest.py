"""Captures in tests: warnings are not remembered from other tests, and nothing touches the user's cache."""

from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The cache folder of this test."""
    from splat import console
    from splat.capture import usable
    from splat.capture.sfm import solve

    console._warned.clear()
    usable._warned.clear()
    solve._announced.clear()
    cache = tmp_path_factory.mktemp("cache")
    monkeypatch.setenv("SPLAT_CACHE", str(cache))
    return cache
