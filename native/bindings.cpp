// The Python module. Its name carries the instruction set; see CMakeLists.txt.
#include "bindings.h"

NB_MODULE(SPLAT_MODULE, m) {
    // Graphs that are still alive when the interpreter ends are no leak worth a page of warnings.
    nb::set_leak_warnings(false);
    m.attr("isa") = SPLAT_ISA;
    m.attr("interface") = 3;  // one more with every change of a function's arguments; splat/native.py expects the same
    bind_cpu(m);
    bind_render(m);
    bind_loss(m);
    bind_optimise(m);
}
