#include "parallel.h"

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <vector>

#ifndef _WIN32
#include <unistd.h>
#endif
#if defined(__x86_64__) || defined(_M_X64)
#include <immintrin.h>
#endif

namespace pool {
namespace {

inline void pause_briefly() {
#if defined(__x86_64__) || defined(_M_X64)
    _mm_pause();
#elif defined(__aarch64__)
    __asm__ __volatile__("yield");
#endif
}

// Workers poll this often before they sleep: about 20 microseconds, the time between two kernels of one step.
constexpr int SPIN = 1000;

class Pool {
public:
    void run(int64_t chunks, int threads, Task task, void* closure) {
        grow(threads - 1);
        {
            std::lock_guard<std::mutex> lock(mutex_);
            task_ = task;
            closure_ = closure;
            chunks_ = chunks;
            helpers_ = threads - 1;
            next_.store(0, std::memory_order_relaxed);
            pending_.store(threads - 1, std::memory_order_relaxed);
            round_.fetch_add(1, std::memory_order_release);
        }
        wake_.notify_all();
        work();
        for (int i = 0; pending_.load(std::memory_order_acquire) > 0; i++) {
            if (i < SPIN)
                pause_briefly();
            else
                std::this_thread::yield();
        }
    }

    std::mutex busy;

private:
    void work() {
        for (;;) {
            int64_t chunk = next_.fetch_add(1, std::memory_order_relaxed);
            if (chunk >= chunks_) return;
            task_(closure_, chunk);
        }
    }

    void grow(int workers) {
        while (static_cast<int>(threads_.size()) < workers) {
            int index = static_cast<int>(threads_.size());
            uint64_t seen = round_.load(std::memory_order_acquire);
            threads_.emplace_back([this, index, seen] { serve(index, seen); });
            threads_.back().detach();
        }
    }

    void serve(int index, uint64_t seen) {
        for (;;) {
            for (int i = 0; i < SPIN && round_.load(std::memory_order_acquire) == seen; i++) pause_briefly();
            bool mine;
            {
                std::unique_lock<std::mutex> lock(mutex_);
                wake_.wait(lock, [&] { return round_.load(std::memory_order_acquire) != seen; });
                seen = round_.load(std::memory_order_acquire);
                mine = index < helpers_;
            }
            if (!mine) continue;
            work();
            pending_.fetch_sub(1, std::memory_order_release);
        }
    }

    std::mutex mutex_;
    std::condition_variable wake_;
    std::vector<std::thread> threads_;
    Task task_ = nullptr;
    void* closure_ = nullptr;
    int64_t chunks_ = 0;
    int helpers_ = 0;
    std::atomic<uint64_t> round_{0};
    std::atomic<int64_t> next_{0};
    std::atomic<int> pending_{0};
};

// Never destroyed: its threads may outlive the main function. A forked child has none of them and starts afresh.
Pool& instance() {
    static Pool* pool = new Pool;
#ifndef _WIN32
    static std::atomic<pid_t> owner{getpid()};
    if (owner.load() != getpid()) {
        pool = new Pool;
        owner.store(getpid());
    }
#endif
    return *pool;
}

}  // namespace

void run(int64_t chunks, int threads, Task task, void* closure) {
    threads = static_cast<int>(std::min<int64_t>(threads, chunks));
    if (threads > 1) {
        Pool& pool = instance();
        std::unique_lock<std::mutex> lock(pool.busy, std::try_to_lock);
        if (lock.owns_lock()) {
            pool.run(chunks, threads, task, closure);
            return;
        }
    }
    for (int64_t chunk = 0; chunk < chunks; chunk++) task(closure, chunk);
}

}  // namespace pool
