#include "bindings.h"

void bind_optimise(nb::module_& m) { (void)m; }
