"""`python -m splat` is `splat`."""

import sys

from splat.cli import main

if __name__ == "__main__":
    sys.exit(main())
