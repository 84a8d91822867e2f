import sys

import numpy as np
import psutil
import pytest

from splat.memory import give_back


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only glibc keeps freed memory this way")
def test_freed_memory_goes_back_to_the_system() -> None:
    process = psutil.Process()
    blocks = [np.ones(8_000) for _ in range(2_000)]  # 64 kB each: below what the C library maps on its own
    last = blocks[-1]  # holds the end of the heap, as something always does
    full = process.memory_info().rss
    del blocks
    give_back()
    assert last[0] == 1 and full - process.memory_info().rss > 100e6
