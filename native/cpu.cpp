// Which of the built instruction sets this processor runs.
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <string>
#include <vector>

#include "bindings.h"
#include "parallel.h"
#include "simd.h"

static std::vector<std::string> supported_sets() {
    std::vector<std::string> sets;
#if defined(__x86_64__) || defined(_M_X64)
    __builtin_cpu_init();
    // The compiler's query also asks the operating system whether it saves the wide registers.
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") &&
        __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("fma"))
        sets.push_back("avx512");
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) sets.push_back("avx2");
    sets.push_back("sse2");
#elif defined(__aarch64__) || defined(_M_ARM64)
    sets.push_back("neon");
#else
    sets.push_back("generic");
#endif
    return sets;
}

void bind_cpu(nb::module_& m) {
    m.attr("vector_width") = simd::W;
    m.def("supported_sets", &supported_sets, "Instruction sets that this processor runs, best first.");
    m.def(
        "parallel_check",
        [](int64_t count, int threads) {
            std::vector<int64_t> squares(static_cast<size_t>(count));
            parallel_for(count, threads, 16, [&](int64_t begin, int64_t end) {
                for (int64_t i = begin; i < end; i++) squares[static_cast<size_t>(i)] = i * i;
            });
            int64_t sum = 0;
            for (int64_t square : squares) sum += square;
            return sum;
        },
        nb::arg("count"), nb::arg("threads"), nb::call_guard<nb::gil_scoped_release>(),
        "Sum of the squares below `count`, computed by the thread pool (a self-test).");
}
