// The binding of SchemaTable; called by bind.cpp.
#pragma once

#include <nanobind/nanobind.h>

#include "schema_nodes.h"

namespace guidedgen {

void bind_schema(nanobind::module_& m);

// Reads a schema as `_native.Schema` does; for bindings that make something of it.
std::shared_ptr<SchemaTable> read_schema(nanobind::handle schema, const nanobind::dict& options, nanobind::object resolver,
                                         const nanobind::dict& limits);

// The Python error for a SchemaError.
void raise_schema_error(const SchemaError& error);

}  // namespace guidedgen
