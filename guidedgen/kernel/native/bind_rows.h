// The binding of forwards over rows; called by bind.cpp.
#pragma once

#include <nanobind/nanobind.h>

namespace guidedgen {

void bind_rows(nanobind::module_& m);

}  // namespace guidedgen
