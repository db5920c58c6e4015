// Settings as Python gives them, by name: limits of a grammar, and how schemas are read and their texts laid out.
#pragma once

#include "bind_schema.h"
#include "matcher.h"

namespace guidedgen {

namespace nb = nanobind;

// Larger than any number here is the same as the largest.
inline int64_t limit(const nb::dict& limits, const char* name, int64_t otherwise) {
    if (!limits.contains(name)) return otherwise;
    int overflow = 0;
    int64_t value = PyLong_AsLongLongAndOverflow(nb::object(limits[name]).ptr(), &overflow);
    return overflow ? INT64_MAX : value;
}

inline Limits read_limits(const nb::dict& given) {
    Limits l;
    l.expressions = limit(given, "expressions", l.expressions);
    l.states = limit(given, "states", l.states);
    l.steps = limit(given, "steps", l.steps);
    l.milliseconds = limit(given, "milliseconds", l.milliseconds);
    l.depth = limit(given, "depth", l.depth);
    l.cache_bytes = limit(given, "cache_bytes", l.cache_bytes);
    return l;
}

inline JsonOptions json_options(const nb::dict& options, const Limits& limits) {
    JsonOptions o;
    auto number = [&](const char* name, int otherwise) { return options.contains(name) ? nb::cast<int>(options[name]) : otherwise; };
    o.any_order = number("any_order", 0) != 0;
    o.whitespace = number("whitespace", 0);
    o.indent = number("indent", 2);
    o.canonical = number("canonical_numbers", 0) != 0;
    o.max_whitespace = number("max_whitespace", -1);
    o.max_string = number("max_string", -1);
    o.max_digits = number("max_digits", -1);
    o.max_items = number("max_items", -1);
    o.proof_steps = std::max<int64_t>(1, limits.steps / 10'000);
    return o;
}

// All that is the same for many schemas, understood once.
struct SchemaSettings {
    SchemaSettings(const nb::dict& options, nb::object resolver_, const nb::dict& layout, const nb::dict& given)
        : reader(reader_settings(options, given)), resolver(std::move(resolver_)), limits(read_limits(given)), json(json_options(layout, limits)) {}

    std::shared_ptr<const ReaderSettings> reader;
    nb::object resolver;   // of documents that references name
    Limits limits;
    JsonOptions json;
};

}  // namespace guidedgen
