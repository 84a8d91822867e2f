"""Types of what is trained: Gaussians by the names of their parameters, and the optimizer of each."""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping
from typing import TypeAlias

import torch

Params: TypeAlias = MutableMapping[str, torch.nn.Parameter] | torch.nn.ParameterDict
Optimizers: TypeAlias = Mapping[str, torch.optim.Optimizer]
