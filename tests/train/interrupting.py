"""A training that is cut off between two steps."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from splat.errors import Interrupted
from splat.train import loop


@contextmanager
def interrupted_after(steps: int) -> Iterator[None]:
    """What trains in here must be cut off just after so many steps."""
    original, done = loop.train_step, 0

    def counted(*arguments: Any) -> Any:
        nonlocal done
        if done == steps:
            raise Interrupted("enough")
        done += 1
        return original(*arguments)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loop, "train_step", counted)
        with pytest.raises(Interrupted):
            yield
