// The binding of SchemaTable; called by bind.cpp.
#pragma once

#include <nanobind/nanobind.h>

#include "schema_nodes.h"

namespace guidedgen {

void bind_schema(nanobind::module_& m);

// How schemas are read: options and limits of `_native.Schema`, understood once for many schemas.
struct ReaderSettings;
std::shared_ptr<const ReaderSettings> reader_settings(const nanobind::dict& options, const nanobind::dict& limits);

// Reads a schema as `_native.Schema` does; for bindings that make something of it.
std::shared_ptr<SchemaTable> read_schema(nanobind::handle schema, const ReaderSettings& settings, nanobind::object resolver);

// The Python error for a SchemaError.
void raise_schema_error(const SchemaError& error);

}  // namespace guidedgen
