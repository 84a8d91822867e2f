// The rasterizer's Python face. splat/render/cpu.py allocates every output and calls these.
#include "bindings.h"

#include "render/projection.h"
#include "render/raster.h"

namespace {

std::vector<projection::Camera> make_cameras(const Floats& viewmats, const Floats& Ks, int width, int height) {
    std::vector<projection::Camera> cameras;
    for (size_t c = 0; c < viewmats.shape(0); c++)
        cameras.emplace_back(viewmats.data() + 16 * c, Ks.data() + 9 * c, width, height);
    return cameras;
}

projection::Gaussians make_gaussians(const Floats& means, const Floats& quats, const Floats& scales,
                                     const Floats& opacities, const std::optional<Floats>& sh0,
                                     const std::optional<Floats>& shN) {
    projection::Gaussians g;
    g.count = static_cast<int64_t>(means.shape(0));
    g.means = means.data(), g.quats = quats.data(), g.scales = scales.data(), g.opacities = opacities.data();
    g.sh0 = data_or_null(sh0), g.shN = data_or_null(shN);
    if (shN) g.shN_stride = static_cast<int64_t>(shN->shape(1)) * 3;
    return g;
}

void project_forward(const projection::Options& options, Floats means, Floats quats, Floats scales, Floats opacities,
                     std::optional<Floats> sh0, std::optional<Floats> shN, Floats viewmats, Floats Ks, Ints radii,
                     Floats means2d, Floats depths, Floats conics, Floats white, Floats opacities2d, Floats extents,
                     std::optional<Floats> colors) {
    nb::gil_scoped_release release;
    projection::forward(make_gaussians(means, quats, scales, opacities, sh0, shN),
                        make_cameras(viewmats, Ks, options.width, options.height), options,
                        {radii.data(), means2d.data(), depths.data(), conics.data(), white.data(), opacities2d.data(),
                         extents.data(), data_or_null(colors)});
}

void project_backward(const projection::Options& options, Floats means, Floats quats, Floats scales, Floats opacities,
                      std::optional<Floats> sh0, std::optional<Floats> shN, Floats viewmats, Floats Ks, Ints radii,
                      std::optional<Floats> colors, std::optional<Floats> grad_means2d,
                      std::optional<Floats> grad_depths, std::optional<Floats> grad_conics,
                      std::optional<Floats> grad_white, std::optional<Floats> grad_opacities2d,
                      std::optional<Floats> grad_colors, Floats grad_means, Floats grad_quats, Floats grad_scales,
                      Floats grad_opacities, std::optional<Floats> grad_sh0, std::optional<Floats> grad_shN,
                      std::optional<Floats> grad_cameras) {
    nb::gil_scoped_release release;
    projection::backward(make_gaussians(means, quats, scales, opacities, sh0, shN),
                         make_cameras(viewmats, Ks, options.width, options.height), options,
                         {radii.data(), data_or_null(colors)},
                         {data_or_null(grad_means2d), data_or_null(grad_depths), data_or_null(grad_conics),
                          data_or_null(grad_white), data_or_null(grad_opacities2d), data_or_null(grad_colors)},
                         {grad_means.data(), grad_quats.data(), grad_scales.data(), grad_opacities.data(),
                          data_or_null(grad_sh0), data_or_null(grad_shN), data_or_null(grad_cameras)});
}

void build_lists(raster::TileLists& lists, int width, int height, int threads, Floats means2d, Floats white,
                 Floats opacities, Floats depths, Floats extents, Ints radii, Ints tiles_per_gaussian) {
    nb::gil_scoped_release release;
    lists.build({static_cast<int64_t>(opacities.size()), means2d.data(), white.data(), opacities.data(), depths.data(),
                 extents.data(), radii.data()},
                width, height, threads);
    lists.count_tiles(tiles_per_gaussian.data());
}

void rasterize_forward(raster::TileLists& lists, Floats colors, std::optional<Floats> background, Floats image,
                       Floats alphas, std::optional<Floats> transmittance) {
    nb::gil_scoped_release release;
    const int channels = static_cast<int>(colors.shape(1));
    const raster::Image out{channels, image.data(), alphas.data(), data_or_null(transmittance),
                            data_or_null(background)};
    if (channels > raster::INLINE_CHANNELS) return raster::forward_features(lists, colors.data(), out);
    lists.set_colors(colors.data(), channels);
    raster::forward(lists, out);
}

void rasterize_backward(raster::TileLists& lists, Floats colors, Floats image, Floats transmittance, Floats grad_image,
                        std::optional<Floats> grad_alphas, Floats grad_means2d, Floats grad_white,
                        Floats grad_opacities, Floats grad_colors, std::optional<Floats> absolute) {
    nb::gil_scoped_release release;
    const int channels = static_cast<int>(colors.shape(1));
    const raster::ImageGradients in{channels, image.data(), transmittance.data(), grad_image.data(),
                                    data_or_null(grad_alphas)};
    const raster::SplatGradients out{grad_means2d.data(), grad_white.data(), grad_opacities.data(), grad_colors.data(),
                                     data_or_null(absolute)};
    if (channels > raster::INLINE_CHANNELS) return raster::backward_features(lists, colors.data(), in, out);
    raster::backward(lists, in, out);
}

void rasterize_backward_colors(raster::TileLists& lists, Floats features, std::optional<Floats> weights, Floats sums,
                               std::optional<Floats> weight_sums) {
    nb::gil_scoped_release release;
    const raster::PixelFeatures in{static_cast<int>(sums.shape(1)), features.data(), data_or_null(weights)};
    raster::backward_colors(lists, in, sums.data(), data_or_null(weight_sums));
}

}  // namespace

void bind_render(nb::module_& m) {
    using projection::Options;
    nb::class_<Options>(m, "ProjectionOptions")
        .def(nb::init<>())
        .def_rw("width", &Options::width)
        .def_rw("height", &Options::height)
        .def_rw("near_plane", &Options::near_plane)
        .def_rw("far_plane", &Options::far_plane)
        .def_rw("eps2d", &Options::eps2d)
        .def_rw("radius_clip", &Options::radius_clip)
        .def_rw("antialiased", &Options::antialiased)
        .def_rw("raw", &Options::raw)
        .def_rw("sh_degree", &Options::sh_degree)
        .def_rw("depth_channel", &Options::depth_channel)
        .def_rw("threads", &Options::threads);
    nb::class_<raster::TileLists>(m, "TileLists")
        .def(nb::init<>())
        .def("build", &build_lists)
        .def_prop_ro("entries", &raster::TileLists::entries, "Pairs of tile and Gaussian.")
        .def_prop_ro("evaluated_pairs", &raster::TileLists::evaluated_pairs,
                     "Pairs of pixel and Gaussian that a backward pass evaluates; known after a forward pass.");
    m.def("project_forward", &project_forward, nb::arg("options"), nb::arg("means"), nb::arg("quats"),
          nb::arg("scales"), nb::arg("opacities"), nb::arg("sh0").none(), nb::arg("shN").none(), nb::arg("viewmats"),
          nb::arg("Ks"), nb::arg("radii"), nb::arg("means2d"), nb::arg("depths"), nb::arg("conics"), nb::arg("white"),
          nb::arg("opacities2d"), nb::arg("extents"), nb::arg("colors").none());
    m.def("project_backward", &project_backward, nb::arg("options"), nb::arg("means"), nb::arg("quats"),
          nb::arg("scales"), nb::arg("opacities"), nb::arg("sh0").none(), nb::arg("shN").none(), nb::arg("viewmats"),
          nb::arg("Ks"), nb::arg("radii"), nb::arg("colors").none(), nb::arg("incoming_means2d").none(),
          nb::arg("incoming_depths").none(), nb::arg("incoming_conics").none(), nb::arg("incoming_white").none(),
          nb::arg("incoming_opacities2d").none(), nb::arg("incoming_colors").none(), nb::arg("grad_means"),
          nb::arg("grad_quats"), nb::arg("grad_scales"), nb::arg("grad_opacities"), nb::arg("grad_sh0").none(),
          nb::arg("grad_shN").none(), nb::arg("grad_cameras").none());
    m.def("rasterize_forward", &rasterize_forward);
    m.def("rasterize_backward", &rasterize_backward);
    m.def("rasterize_backward_colors", &rasterize_backward_colors);
    nb::module_ numbers = m.def_submodule("constants", "The numbers that define the image.");
    numbers.attr("ALPHA_MAX") = constants::ALPHA_MAX;
    numbers.attr("ALPHA_MIN") = constants::ALPHA_MIN;
    numbers.attr("TRANSMITTANCE_MIN") = constants::TRANSMITTANCE_MIN;
    numbers.attr("EXTENT_MAX") = constants::EXTENT_MAX;
    numbers.attr("FOV_MARGIN") = constants::FOV_MARGIN;
    numbers.attr("TILE") = constants::TILE;
}
