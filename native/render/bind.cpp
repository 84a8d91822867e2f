#include "bindings.h"

void bind_render(nb::module_& m) { (void)m; }
