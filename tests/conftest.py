"""What every test may ask for."""

import os
import random
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

REPOSITORY = Path(__file__).resolve().parents[1]


# Nothing is downloaded by a test, nor by what it starts: neither models nor the weights of LPIPS.
os.environ["HF_HUB_OFFLINE"] = "1"


def refuse_other_machines(event: str, arguments: tuple) -> None:
    """An audit hook: what would reach another machine fails."""
    if event == "socket.connect" and isinstance(arguments[1], tuple) and arguments[1][0] not in ("127.0.0.1", "::1"):
        raise RuntimeError(f"a test reached for another machine: {arguments[1]}")


def pytest_configure() -> None:
    """Ctrl-C works in what tests start, even where pytest was started in the background, which ignores it."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    sys.addaudithook(refuse_other_machines)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup() -> None:
    """What a test draws without a seed is the same at every run, whatever ran before it."""
    random.seed(0)
    np.random.seed(0)
    torch.manual_seed(0)


def find_shared_data(name: str) -> Path:
    """The file or folder `name` of the real test data; skips the test, saying why, where there is none.

    The data lies in $SPLAT_TEST_DATA, else in `../shared/data` beside the repository.
    """
    variable = os.environ.get("SPLAT_TEST_DATA")
    root = Path(variable) if variable else REPOSITORY.parent / "shared" / "data"
    path = root / name
    if not path.exists():
        source = "$SPLAT_TEST_DATA" if variable else "no $SPLAT_TEST_DATA, and ../shared/data"
        pytest.skip(f"real test data '{name}' not found ({source} has none)")
    return path


@pytest.fixture(scope="session")
def shared_data() -> Callable[[str], Path]:
    """`shared_data("fox")` is the folder of that real capture, or a skip with the reason."""
    return find_shared_data
