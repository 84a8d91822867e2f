// Large temporary arrays that outlive a call: fresh memory of this size comes from the operating system page by page,
// which takes longer than many kernels.
#pragma once

#include <cstddef>

class Scratch {
public:
    explicit Scratch(size_t floats);
    ~Scratch();
    Scratch(const Scratch&) = delete;
    Scratch& operator=(const Scratch&) = delete;

    float* data() const { return data_; }  // uninitialised, aligned to 64 bytes

private:
    float* data_;
    size_t floats_;
};
