// Binding of the automata that are built natively: arrays as `kernel/table.py` describes them.
#pragma once

#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>

#include "automaton_builder.h"

namespace guidedgen {

using NewInts = nanobind::ndarray<nanobind::numpy, int32_t, nanobind::ndim<1>>;

inline NewInts array_of(std::vector<int32_t> values) {
    auto* kept = new std::vector<int32_t>(std::move(values));
    nanobind::capsule owner(kept, [](void* p) noexcept { delete static_cast<std::vector<int32_t>*>(p); });
    return NewInts(kept->data(), {kept->size()}, owner);
}

inline std::string_view view_of(nanobind::handle data) {
    const auto bytes = nanobind::cast<nanobind::bytes>(data);
    return {bytes.c_str(), bytes.size()};
}

inline NewInts span_automaton(nanobind::bytes text, int unit, int32_t low, int32_t high, int64_t most) {
    if (unit < 0 || unit > static_cast<int>(Unit::Line)) throw nanobind::value_error("no such unit");
    if (text.size() > static_cast<size_t>(INT32_MAX) / 4) throw LimitError("states", static_cast<double>(most), "a text of 500 MB");
    std::vector<int32_t> table;
    {
        nanobind::gil_scoped_release release;
        table = spans_automaton({text.c_str(), text.size()}, static_cast<Unit>(unit), low, high, most);
    }
    return array_of(std::move(table));
}

inline NewInts word_automaton(nanobind::list words, int64_t most) {
    std::vector<std::string_view> views;
    for (nanobind::handle word : words) views.push_back(view_of(word));
    for (size_t i = 1; i < views.size(); ++i)
        if (!(views[i - 1] < views[i])) throw nanobind::value_error("words must be different, and in ascending order");
    return array_of(words_automaton(views, most));
}

inline void bind_automata(nanobind::module_& m) {
    using nanobind::literals::operator""_a;
    m.def("span_automaton", &span_automaton, "text"_a, "unit"_a, "low"_a, "high"_a, "most"_a,
          "The spans of a UTF-8 text of so many characters (0), words (1) or lines (2), as an automaton; high < 0: any number.");
    m.def("word_automaton", &word_automaton, "words"_a, "most"_a, "The words of a list in ascending order, as an automaton.");
}

}  // namespace guidedgen
