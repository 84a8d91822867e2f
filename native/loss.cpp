#include "bindings.h"

void bind_loss(nb::module_& m) { (void)m; }
