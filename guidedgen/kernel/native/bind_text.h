// Binding of `TextProbe`, which lets tests ask which JSON strings a language of texts has, and of the Unicode tables.
#pragma once

#include <nanobind/nanobind.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include "json_text.h"

namespace guidedgen {

namespace nb = nanobind;

class TextProbe {
  public:
    TextProbe(const std::string& kind, nb::object argument) : expressions_(Limits()), texts_(expressions_), content_(build(kind, argument)) {}

    bool matches(nb::bytes json) {
        const std::string_view text(json.c_str(), json.size());
        if (text.size() < 2 || text.front() != '"' || text.back() != '"') return false;
        expressions_.begin();
        int32_t rest = content_;
        for (char c : text.substr(1, text.size() - 2))
            if ((rest = texts_.after(rest, static_cast<uint8_t>(c))) == Expressions::kEmpty) return false;
        return expressions_.at(rest).nullable;
    }

    bool holds(nb::bytes utf8) {
        expressions_.begin();
        return texts_.holds(content_, {utf8.c_str(), utf8.size()});
    }

    int64_t size() const { return expressions_.size(); }
    bool boolean() const { return expressions_.at(content_).boolean; }
    bool any() const { return content_ == texts_.any(); }
    bool empty() const { return content_ == Expressions::kEmpty; }

  private:
    int32_t build(const std::string& kind, nb::handle argument) {
        if (kind == "any") return texts_.any();
        if (kind == "literal") return texts_.literal(nb::cast<std::string>(argument));
        if (kind == "literals") return texts_.literals(nb::cast<std::vector<std::string>>(argument));
        if (kind == "length") {
            const auto bounds = nb::cast<std::vector<int64_t>>(argument);
            return texts_.length(bounds.at(0), bounds.at(1));
        }
        if (kind == "pattern") return texts_.pattern(nb::cast<std::string>(argument));
        if (kind == "format") {
            const int32_t content = texts_.format(nb::cast<std::string>(argument));
            if (content < 0) throw nb::key_error("format");
            return content;
        }
        std::vector<int32_t> parts;
        for (nb::handle part : nb::cast<nb::list>(argument)) {
            nb::tuple pair = nb::cast<nb::tuple>(part);
            parts.push_back(build(nb::cast<std::string>(pair[0]), pair[1]));
        }
        if (kind == "all") return expressions_.both(std::move(parts));
        if (kind == "any_of") return expressions_.either(std::move(parts));
        if (kind == "not") return texts_.complement(parts.at(0));
        throw nb::value_error("TextProbe: unknown kind");
    }

    Expressions expressions_;
    Texts texts_;
    int32_t content_;
};

// The tables of Unicode properties: asked of guidedgen.grammars.unicode_tables, which keeps what it worked out.
inline CharSet ask_python(const std::string& name) {
    nb::gil_scoped_acquire acquire;
    nb::object found = nb::module_::import_("guidedgen.grammars.unicode_tables").attr("property_ranges")(name);
    if (nb::isinstance<nb::str>(found)) {
        const std::string why = nb::cast<std::string>(found);
        const bool missing = why.rfind("missing", 0) == 0;
        if (missing) throw SchemaError(SchemaError::Kind::Unsupported, "the Unicode property " + name, "", "pattern", "Install the regex package.");
        throw SchemaError(SchemaError::Kind::Syntax, "unknown Unicode property " + name, "", "pattern", "Names are case-sensitive in ECMA-262.");
    }
    std::vector<CharSet::Range> ranges;
    for (nb::handle range : found) ranges.emplace_back(nb::cast<uint32_t>(range[0]), nb::cast<uint32_t>(range[1]));
    return CharSet::of(std::move(ranges));
}

inline void bind_text(nb::module_& m) {
    using nb::literals::operator""_a;
    UnicodeProperties::set(&ask_python);
    m.def("formats", [] {
            nb::dict result;
            for (const auto& entry : JsonFormats::all()) result[entry.first.c_str()] = entry.second.unchecked;
            return result;
        }, nb::sig("def formats() -> dict[str, str]"), "The formats that masks enforce, and what of each they do not.");
    nb::class_<TextProbe>(m, "TextProbe", "The JSON strings of one language of texts; for tests.")
        .def(nb::init<const std::string&, nb::object>(), "kind"_a, "argument"_a = nb::none())
        .def("matches", &TextProbe::matches, "json"_a, "Whether a JSON string, with its quotes, is in the language.")
        .def("holds", &TextProbe::holds, "utf8"_a, "Whether a text is in the language.")
        .def_prop_ro("size", &TextProbe::size, "Expressions made so far.")
        .def_prop_ro("boolean", &TextProbe::boolean, "Whether the expression has intersections or complements.")
        .def_prop_ro("any", &TextProbe::any, "Whether it is plainly every text.")
        .def_prop_ro("empty", &TextProbe::empty, "Whether it is plainly no text.");
}

}  // namespace guidedgen
