// The bindings of forwards over rows and of choices from their logits; called by bind.cpp.
#pragma once

#include <nanobind/nanobind.h>

namespace guidedgen {

void bind_rows(nanobind::module_& m);
void bind_choice(nanobind::module_& m);

}  // namespace guidedgen
