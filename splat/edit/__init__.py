"""Changing a scene: which Gaussians, what happens to them, and the record of it."""

import sys

from splat.callable_package import CallablePackage

sys.modules[__name__].__class__ = CallablePackage
