// The numbers that define the image, as in gsplat 1.5.3 (Common.h, ProjectionEWA3DGSFused.cu, Utils.cuh,
// RasterizeToPixels3DGSFwd.cu). tests/render/test_constants.py compares them with the installed gsplat.
#pragma once

namespace constants {
constexpr float ALPHA_MAX = 0.999f;           // a Gaussian never hides more than this
constexpr float ALPHA_MIN = 1.0f / 255.0f;    // fainter contributions are skipped
constexpr float LOG_ALPHA_MIN = -7.994353436858858f;  // to base 2
constexpr float TRANSMITTANCE_MIN = 1e-4f;    // a pixel is done before its transmittance would fall to this
constexpr float EXTENT_MAX = 3.33f;           // reach of a Gaussian in standard deviations, at most
constexpr float FOV_MARGIN = 0.3f;            // the Jacobian is clamped this far outside the image, in half widths
constexpr int TILE = 16;                      // pixels
constexpr float TWO_LN2 = 1.3862943611198906f;
}  // namespace constants
