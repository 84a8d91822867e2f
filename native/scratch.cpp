#include "scratch.h"

#include <algorithm>
#include <mutex>
#include <new>
#include <vector>

namespace {

constexpr std::align_val_t ALIGNMENT{64};
constexpr size_t KEPT_ARRAYS = 4;
constexpr size_t KEPT_FLOATS = size_t{64} << 20;  // larger arrays (256 MB) go back to the system at once

struct Block {
    float* data;
    size_t floats;
};

std::mutex mutex;
std::vector<Block>& idle() {
    static auto* blocks = new std::vector<Block>;  // never destroyed: threads may outlive the main function
    return *blocks;
}

}  // namespace

Scratch::Scratch(size_t floats) : data_(nullptr), floats_(floats) {
    {
        std::lock_guard<std::mutex> lock(mutex);
        auto& blocks = idle();
        for (size_t i = 0; i < blocks.size(); i++)
            if (blocks[i].floats >= floats) {
                data_ = blocks[i].data, floats_ = blocks[i].floats;
                blocks.erase(blocks.begin() + static_cast<std::ptrdiff_t>(i));
                return;
            }
    }
    // A little more than asked for, because the next call often wants a little more than this one.
    floats_ = std::max<size_t>(floats + floats / 4, 1024);
    data_ = static_cast<float*>(::operator new(floats_ * sizeof(float), ALIGNMENT));
}

Scratch::~Scratch() {
    Block surplus{data_, floats_};
    if (floats_ <= KEPT_FLOATS) {
        std::lock_guard<std::mutex> lock(mutex);
        auto& blocks = idle();
        blocks.push_back(surplus);
        std::sort(blocks.begin(), blocks.end(), [](const Block& a, const Block& b) { return a.floats < b.floats; });
        if (blocks.size() <= KEPT_ARRAYS) return;
        surplus = blocks.front();
        blocks.erase(blocks.begin());
    }
    ::operator delete(surplus.data, ALIGNMENT);
}
