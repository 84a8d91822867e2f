// A small pool of threads of our own. OpenMP's would be shared with torch, whose settings then leak into ours and the
// other way round, and it spins on cores that others could use.
//
// Results never depend on which thread does what: work is cut into chunks by (count, grain) alone, and a kernel that
// reduces keeps one partial result per chunk and adds them up in order.
#pragma once

#include <algorithm>
#include <cstdint>

namespace pool {
using Task = void (*)(void* closure, int64_t chunk);
// Calls task(closure, chunk) for every chunk in [0, chunks) on up to `threads` threads, the caller's included.
// Runs everything on the caller's thread when the pool is in use by somebody else or the call is nested.
void run(int64_t chunks, int threads, Task task, void* closure);
}  // namespace pool

// Number of chunks that parallel_for and parallel_chunks make.
inline int64_t chunk_count(int64_t count, int64_t grain) { return (count + grain - 1) / grain; }

// body(chunk, begin, end) for consecutive ranges of `grain` items that cover [0, count).
template <class Body>
void parallel_chunks(int64_t count, int threads, int64_t grain, Body&& body) {
    struct Closure {
        Body* body;
        int64_t count, grain;
    } closure{&body, count, grain};
    pool::run(
        chunk_count(count, grain), threads,
        [](void* raw, int64_t chunk) {
            auto& c = *static_cast<Closure*>(raw);
            (*c.body)(chunk, chunk* c.grain, std::min(c.count, (chunk + 1) * c.grain));
        },
        &closure);
}

// body(begin, end) for consecutive ranges of `grain` items that cover [0, count).
template <class Body>
void parallel_for(int64_t count, int threads, int64_t grain, Body&& body) {
    parallel_chunks(count, threads, grain, [&](int64_t, int64_t begin, int64_t end) { body(begin, end); });
}
