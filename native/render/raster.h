// Alpha compositing of 2D Gaussians, front to back, and its gradient (Kerbl et al. 2023).
#pragma once

#include <cstdint>

#include "render/tiles.h"

namespace raster {

// One image; [H, W, ...].
struct Image {
    int channels;
    float* colors;            // channels
    float* alphas;
    float* transmittance;     // 1 - alpha without its rounding error, for the backward pass; may be null
    const float* background;  // [channels] or null for black
};

struct ImageGradients {
    int channels;
    const float* image;          // what the forward pass wrote, background included
    const float* transmittance;  // likewise
    const float* colors;         // gradients of the image
    const float* alphas;         // ... and of alpha, or null
};

// Gradients of the 2D Gaussians; [N, ...], zero where a Gaussian is not seen.
struct SplatGradients {
    float* means2d;    // 2
    float* white;      // 3
    float* opacities;  // 1
    float* colors;     // channels
    float* absolute;   // 2: sum over the pixels of |gradient of means2d|; null when not wanted
};

// Up to INLINE_CHANNELS channels, with the colours that `lists` holds.
void forward(TileLists& lists, const Image& out);
void backward(const TileLists& lists, const ImageGradients& in, const SplatGradients& out);

// Any number of channels: colors [N, channels].
void forward_features(TileLists& lists, const float* colors, const Image& out);
void backward_features(const TileLists& lists, const float* colors, const ImageGradients& in,
                       const SplatGradients& out);

// An image of features, [H, W, channels], and the pixels' weights [H, W] (null: all 1).
struct PixelFeatures {
    int channels;
    const float *features, *weights;
};

// For each Gaussian the sum over the pixels of (its weight there) * (the pixel's weight) * feature, [N, channels],
// which is also the gradient of its colours; and the same without the feature, [N], unless null. Needs no forward pass.
void backward_colors(TileLists& lists, const PixelFeatures& in, float* sums, float* weight_sums);

}  // namespace raster
