// What every binding file shares: the array types that Python tensors arrive as.
//
// Convention: kernels take C-contiguous CPU arrays (torch tensors, detached), write into arrays that Python
// allocated, release the interpreter lock while they run, and take the thread count as an argument.
#pragma once

#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/optional.h>

#include <cstdint>
#include <optional>

namespace nb = nanobind;

template <class T, class... Shape>
using Array = nb::ndarray<T, Shape..., nb::c_contig, nb::device::cpu>;

using Floats = Array<float>;        // any shape
using Ints = Array<int32_t>;        // any shape
using Bytes = Array<uint8_t>;       // any shape
using Bools = Array<bool>;          // any shape

template <class T>
auto data_or_null(const std::optional<T>& array) -> decltype(array->data()) {
    return array ? array->data() : nullptr;
}

void bind_cpu(nb::module_& m);
void bind_render(nb::module_& m);
void bind_loss(nb::module_& m);
void bind_optimise(nb::module_& m);
