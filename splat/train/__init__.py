"""Training a scene: the run, the loop, its state, losses, optimisers and densification."""

import sys

from splat.callable_package import CallablePackage

sys.modules[__name__].__class__ = CallablePackage
