// `State.where`: places of a schema as tuples, for guidedgen.kernel.explain.
#pragma once

#include <nanobind/nanobind.h>

#include "matcher.h"

namespace guidedgen {

// A str of text that the schema gave; a lone surrogate that was cut in two is replaced.
inline nanobind::object text_of(const std::string& s) {
    namespace nb = nanobind;
    nb::object made = nb::steal<nb::object>(PyUnicode_DecodeUTF8(s.data(), static_cast<Py_ssize_t>(s.size()), "surrogatepass"));
    if (made.is_valid()) return made;
    PyErr_Clear();
    return nb::steal<nb::object>(PyUnicode_DecodeUTF8(s.data(), static_cast<Py_ssize_t>(s.size()), "replace"));
}

template <class List, class F>
nanobind::tuple tuple_of(const List& list, F made) {
    nanobind::list result;
    for (const auto& entry : list) result.append(made(entry));
    return nanobind::tuple(result);
}

// Path (None: a step that is not known), pointers, keys, and what is asked for as (pointer, words).
inline nanobind::list where(const Handle& h, int byte) {
    namespace nb = nanobind;
    nb::list result;
    for (const JsonPlace& place : h.grammar->where(h, byte)) {
        auto step = [&](const JsonStep& s) -> nb::object { return s.known ? nb::object(text_of(s.text)) : nb::object(nb::none()); };
        auto demand = [&](const Demand& d) {
            return nb::make_tuple(d.nowhere ? nb::object(nb::none()) : nb::object(text_of(d.pointer)), text_of(d.wanted));
        };
        result.append(nb::make_tuple(tuple_of(place.path, step), tuple_of(place.schemas, text_of), tuple_of(place.keys, text_of),
                                     tuple_of(place.demands, demand)));
    }
    return result;
}

}  // namespace guidedgen
