// 3D Gaussians to 2D Gaussians: EWA splatting (Zwicker et al. 2001) as in 3D Gaussian Splatting (Kerbl et al. 2023),
// with the activations of the raw parameters and the spherical harmonics in the same pass.
#pragma once

#include <cstdint>
#include <vector>

namespace projection {

struct Camera {
    float R[9], t[3];              // world to camera
    float position[3];             // camera centre in the world
    float fx, fy, cx, cy;          // pixels
    float min_x, max_x, min_y, max_y;  // clamp of x/z and y/z inside the Jacobian

    Camera(const float* viewmat, const float* K, int width, int height);
};

struct Options {
    int width = 0, height = 0;
    float near_plane = 0, far_plane = 0, eps2d = 0, radius_clip = 0;
    bool antialiased = false;
    bool raw = false;          // scales are logarithms and opacities logits
    int sh_degree = -1;        // -1: no colours
    bool depth_channel = false;  // colours get the depth as a fourth channel
    int threads = 1;
};

struct Gaussians {
    int64_t count = 0;
    const float *means = nullptr, *quats = nullptr, *scales = nullptr, *opacities = nullptr;
    const float *sh0 = nullptr, *shN = nullptr;
    int64_t shN_stride = 0;  // floats a Gaussian has in shN: 3 times the bands beyond the first
};

// All arrays [C, N, ...]; zero where the Gaussian is culled. colors and extents may be null.
struct Projected {
    int32_t* radii;     // 2
    float* means2d;     // 2
    float* depths;      // 1
    float* conics;      // 3: the inverse covariance
    float* white;       // 3: its factors, with which pixels are drawn; see `whiten` in projection_math.h
    float* opacities;   // 1, times the compensation when antialiased
    float* extents;     // 2: half width and height of the box in which alpha reaches ALPHA_MIN
    float* colors;      // 3, or 4 with the depth
};

// Gradients that arrive; any may be null. [C, N, ...]
struct ProjectedGradients {
    const float *means2d, *depths, *conics, *white, *opacities, *colors;
};

// What the backward pass needs of the forward pass's results. colors may be null.
struct Saved {
    const int32_t* radii;
    const float* colors;
};

// Gradients that leave; shapes of the parameters. sh0 and shN may be null.
struct ParameterGradients {
    float *means, *quats, *scales, *opacities, *sh0, *shN;
    float* cameras;  // [C, 15]: R (9), t (3), camera position (3); null when not wanted
};

void forward(const Gaussians& in, const std::vector<Camera>& cameras, const Options& options, const Projected& out);

void backward(const Gaussians& in, const std::vector<Camera>& cameras, const Options& options, const Saved& saved,
              const ProjectedGradients& grads, const ParameterGradients& out);

}  // namespace projection
