"""A CUDA device that is not there: torch's rules about devices, enforced on the CPU.

Tensors that go to "cuda" become `There`. Such a tensor computes on the CPU and behaves towards devices as one on a GPU
does: it says that it is on cuda:0, what is made from it is there, too, and mixing it with tensors of the CPU, drawing
with a generator of the CPU or asking it for a numpy array raises what torch raises. gsplat draws with our CPU kernels.

That finds tensors and generators on the wrong device wherever code goes. It says nothing about CUDA's kernels, their
numbers or their speed: tests marked `gpu` are for these.
"""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_leaves, tree_map

from splat.render import backends, cpu, cpu_backend
from splat.render.settings import RasterSettings

CUDA, CPU = torch.device("cuda", 0), torch.device("cpu")
# what concerns one tensor alone or copies between devices
FREE = {
    "to",
    "copy_",
    "cpu",
    "cuda",
    "__get__",
    "__set__",
    "__repr__",
    "__format__",
    "backward",
    "set_",
    "record_stream",
}
FREE |= {
    "_has_compatible_shallow_copy_type",
    "is_floating_point",
    "requires_grad_",
    "retain_grad",
    "register_hook",
    "grad",
}


class There(torch.Tensor):
    """A tensor that says it is on the GPU."""

    @classmethod
    def __torch_function__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return answered(func, args, kwargs or {})


class Devices(TorchFunctionMode):
    """Sees every call of torch, those that make tensors from nothing, too."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return answered(func, args, kwargs or {})


class Generator(torch.Generator):
    """A generator that knows for which device it was made."""

    def __new__(cls, device: Any = "cpu") -> Generator:
        made: Any = super().__new__(cls, device="cpu")
        made.made_for = torch.device(device).type
        return made  # type: ignore[no-any-return]


def answered(func: Any, args: Any, kwargs: Any) -> Any:
    """The call, with the rules of two devices."""
    with torch._C.DisableTorchFunction():
        name = getattr(func, "__name__", str(func))
        owner = getattr(func, "__self__", None)
        if name == "__get__" and isinstance(args[0], There):
            if owner is torch.Tensor.device:
                return CUDA
            if owner is torch.Tensor.is_cuda or owner is torch.Tensor.is_cpu:
                return owner is torch.Tensor.is_cuda
        return checked(func, name, args, kwargs)


def checked(func: Any, name: str, args: Any, kwargs: Any) -> Any:
    tensors = [leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, Tensor)]
    there = any(isinstance(tensor, There) for tensor in tensors)
    if there and name in ("numpy", "__array__", "__dlpack__"):
        raise TypeError("can't convert cuda:0 device type tensor to numpy. Use Tensor.cpu() first")
    if name == "pin_memory":
        return args[0]  # there is no memory to pin it in
    if name in ("cpu", "cuda"):
        return moved(args[0], name == "cuda")
    asked, args, kwargs = asked_device(name, args, kwargs)
    refuse_two_devices(name, args, tensors)
    to_cuda = there if asked is None else asked.type == "cuda"
    generator = kwargs.get("generator")
    if generator is not None and getattr(generator, "made_for", "cpu") != ("cuda" if to_cuda else "cpu"):
        raise RuntimeError(f"{name}: Expected a '{'cuda' if to_cuda else 'cpu'}' device type for generator")
    out = func(*args, **kwargs)
    if name == "to":
        return moved(out, to_cuda)
    if name in ("copy_", "__setitem__"):
        return out
    return tree_map(labelled, out) if to_cuda else out


def moved(tensor: Tensor, to_cuda: bool) -> Tensor:
    """A copy on the other device; the tensor itself where it is there already."""
    if isinstance(tensor, There) == to_cuda:
        return tensor
    return tensor.clone().as_subclass(There if to_cuda else torch.Tensor)  # type: ignore[return-value]


def labelled(value: Any) -> Any:
    if type(value) is torch.Tensor:
        value.__class__ = There
    return value


def asked_device(name: str, args: Any, kwargs: Any) -> tuple[torch.device | None, Any, Any]:
    """The device that a call names, and the call without it."""
    asked = None
    if kwargs.get("device") is not None and torch.device(kwargs["device"]).type != "meta":
        asked, kwargs = torch.device(kwargs["device"]), {**kwargs, "device": CPU}
    if name == "to":
        args = list(args)
        asked = asked or (CUDA if isinstance(args[0], There) else CPU)
        for place, value in enumerate(args[1:], start=1):
            if isinstance(value, (torch.device, str)) and torch.device(value).type != "meta":
                asked, args[place] = torch.device(value), CPU
            elif isinstance(value, Tensor):
                asked = CUDA if isinstance(value, There) else CPU
    return asked, tuple(args), kwargs


def refuse_two_devices(name: str, args: Any, tensors: list[Tensor]) -> None:
    """Raise where torch would: single numbers of the CPU may be mixed in, and CPU indices used on a GPU's tensor."""
    if name in FREE or not any(isinstance(tensor, There) for tensor in tensors):
        return
    strangers = [tensor for tensor in tensors if not isinstance(tensor, There) and tensor.dim() > 0]
    if name in ("__getitem__", "__setitem__"):
        by_tensor = any(isinstance(leaf, Tensor) for leaf in tree_leaves(args[1]))
        if not isinstance(args[0], There):
            copied = name == "__setitem__" and not any(isinstance(leaf, There) for leaf in tree_leaves(args[1]))
            strangers = [] if copied and not by_tensor else [args[0]]
        else:
            strangers = [tensor for tensor in strangers if name == "__setitem__" and by_tensor and tensor is args[-1]]
    if strangers:
        raise RuntimeError(
            f"Expected all tensors to be on the same device, but found at least two devices, cuda:0 and cpu! ({name})"
        )


def rasterization(
    means: Tensor, quats: Tensor, scales: Tensor, opacities: Tensor, colors: Tensor, viewmats: Tensor, Ks: Tensor,
    width: int, height: int, **options: Any,
) -> tuple[Tensor, Tensor, dict[str, Any]]:  # fmt: skip
    """In the place of gsplat's: everything must be on the GPU, and everything comes back there."""
    backgrounds = options.pop("backgrounds", None)
    given = [means, quats, scales, opacities, colors, viewmats, Ks, *([] if backgrounds is None else [backgrounds])]
    assert all(tensor.is_cuda for tensor in given), "gsplat got tensors of the CPU"
    assert all(tensor.dtype == torch.float32 for tensor in given), "gsplat takes float32"
    known = {field.name for field in dataclasses.fields(RasterSettings)}
    settings = RasterSettings(width, height, **{key: value for key, value in options.items() if key in known})
    shape = tuple(tensor.cpu() for tensor in (means, quats, scales, opacities))
    colours = colors.cpu()
    with_sh = settings.sh_degree is not None and settings.wants_color
    sh = (colours[:, :1], colours[:, 1:]) if with_sh else (None, None)
    projected = cpu.project(shape, sh, (viewmats.cpu(), Ks.cpu()), settings, raw=False)
    there = {key: value.to(CUDA) for key, value in projected.items()}  # where strategies look for gradients
    image, alphas, meta = cpu_backend._finish(
        {key: value.cpu() for key, value in there.items()}, None if with_sh else colours,
        None if backgrounds is None else backgrounds.cpu(), settings, CPU,
    )  # fmt: skip
    meta = {key: value.to(CUDA) if isinstance(value, Tensor) else value for key, value in meta.items()}
    means2d = there["means2d"]
    if settings.absgrad and means2d.requires_grad:
        means2d.register_hook(lambda gradient: setattr(means2d, "absgrad", labelled(gradient.abs())))
    return image.to(CUDA), alphas.to(CUDA), {**meta, **{key: there[key] for key in there.keys() & meta.keys()}}


@contextlib.contextmanager
def pretended(patch: pytest.MonkeyPatch) -> Iterator[None]:
    """A machine with a GPU, for as long as the context lasts."""
    import gsplat

    patch.setattr(torch.cuda, "is_available", lambda: True)
    patch.setattr(torch.cuda, "mem_get_info", lambda device=None: (8 * 2**30, 8 * 2**30))
    patch.setattr(torch.cuda, "synchronize", lambda device=None: None)
    patch.setattr(torch, "Generator", Generator)
    for name in ("_cuda_graph_capture_health_check", "_accelerator_graph_capture_health_check"):
        patch.setattr(torch.optim.Optimizer, name, lambda self: None, raising=False)  # it asks the driver
    patch.setattr(backends, "gsplat_problem", lambda: "")
    patch.setattr(gsplat, "rasterization", rasterization)
    before = torch.__future__.get_overwrite_module_params_on_conversion()
    torch.__future__.set_overwrite_module_params_on_conversion(True)  # modules get new parameters that are there
    try:
        with Devices():
            yield
    finally:
        torch.__future__.set_overwrite_module_params_on_conversion(before)
