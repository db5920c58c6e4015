// Test binding of the number languages: which numerals they hold, what can still be completed, what a state's mask costs.
#pragma once

#include <nanobind/nanobind.h>
#include <nanobind/stl/shared_ptr.h>
#include <nanobind/stl/string.h>

#include <ctime>

#include "json_numbers.h"
#include "matcher.h"

namespace guidedgen {

class NumberProbe {
  public:
    NumberProbe(const nanobind::dict& spec, std::shared_ptr<Vocabulary> vocabulary)
        : lexer_(vocabulary ? vocabulary->lexer({}) : bytes_only()), numbers_(lexer_->expressions()), spec_(read(spec)) {
        if (spec.contains("value")) value_ = parse_decimal(nanobind::cast<std::string>(nanobind::object(spec["value"])));
        language_ = of("language");
        size_ = lexer_->expressions().size();
    }

    bool matches(const std::string& kind, const std::string& text) {
        const LexState* s = after(kind, text);
        return s && s->accepting;
    }
    bool completes(const std::string& kind, const std::string& prefix) { return after(kind, prefix) != nullptr; }
    bool check(const std::string& text) { return numbers_.check(spec_, parse_decimal(text)); }
    bool empty() const { return language_ == Expressions::kEmpty; }
    bool boolean() const { return lexer_->expressions().at(language_).boolean; }
    int64_t size() const { return size_; }
    int64_t states() const { return lexer_->states(); }

    std::string next_bytes(const std::string& kind, const std::string& prefix) {
        std::string result;
        if (LexState* s = after(kind, prefix)) lexer_->first(s).each([&](uint8_t b) { result += static_cast<char>(b); });
        return result;
    }
    int32_t distance(const std::string& kind, const std::string& prefix) {
        LexState* s = after(kind, prefix);
        return s ? lexer_->distance(s) : -1;
    }
    // Microseconds of processor time to the mask after a prefix, and the states made for it.
    nanobind::tuple mask_cost(const std::string& kind, const std::string& prefix) {
        LexState* s = after(kind, prefix);
        if (!s) throw nanobind::value_error("nothing follows this prefix");
        const int64_t before = lexer_->states();
        const std::clock_t from = std::clock();
        lexer_->mask(s);
        const double took = static_cast<double>(std::clock() - from) * 1e6 / CLOCKS_PER_SEC;
        return nanobind::make_tuple(took, lexer_->states() - before);
    }

  private:
    static std::shared_ptr<Lexer> bytes_only() {
        std::vector<uint8_t> data(256);
        std::vector<int64_t> offsets(257);
        for (int i = 0; i < 257; ++i) offsets[static_cast<size_t>(i)] = i;
        for (int i = 0; i < 256; ++i) data[static_cast<size_t>(i)] = static_cast<uint8_t>(i);
        return std::make_shared<Lexer>(std::make_shared<Trie>(data.data(), offsets.data(), 256), Limits{});
    }

    static Numbers::Spec read(const nanobind::dict& given) {
        const auto flag = [&](const char* name) { return given.contains(name) && nanobind::cast<bool>(nanobind::object(given[name])); };
        const auto number = [&](const char* name) {
            if (!given.contains(name)) return std::optional<Decimal>();
            return std::optional<Decimal>(parse_decimal(nanobind::cast<std::string>(nanobind::object(given[name]))));
        };
        Numbers::Spec spec{flag("integer"), flag("fraction"), flag("digits_only"), false,
                           number("low"), number("high"), flag("low_strict"), flag("high_strict"), {}};
        if (given.contains("multiples"))
            for (nanobind::handle step : nanobind::cast<nanobind::list>(nanobind::object(given["multiples"])))
                spec.multiples.push_back(parse_decimal(nanobind::cast<std::string>(step)));
        return spec;
    }

    int32_t of(const std::string& kind) {
        if (kind == "language" || kind == "holds") return numbers_.holds(spec_);
        if (kind == "fails") return numbers_.fails(spec_);
        if (kind == "any") return numbers_.any();
        if (kind == "equal") return numbers_.equal(value_);
        if (kind == "differs") return numbers_.differs(value_);
        throw nanobind::value_error("kind: language, holds, fails, any, equal or differs");
    }

    LexState* after(const std::string& kind, const std::string& text) {
        lexer_->expressions().begin();
        LexState* s = lexer_->state(of(kind));
        if (!lexer_->alive(s)) return nullptr;
        for (char c : text)
            if (!(s = lexer_->next(s, static_cast<uint8_t>(c)))) return nullptr;
        return s;
    }

    std::shared_ptr<Lexer> lexer_;
    Numbers numbers_;
    Numbers::Spec spec_;
    Decimal value_;
    int32_t language_ = 0;
    int64_t size_ = 0;
};

inline void bind_numbers(nanobind::module_& m) {
    namespace nb = nanobind;
    using nb::literals::operator""_a;
    nb::class_<NumberProbe>(m, "NumberProbe", "For tests: the languages of one conjunction of number keywords.")
        .def(nb::init<const nb::dict&, std::shared_ptr<Vocabulary>>(), "spec"_a, "vocabulary"_a.none() = nb::none())
        .def("matches", &NumberProbe::matches, "kind"_a, "text"_a)
        .def("completes", &NumberProbe::completes, "kind"_a, "prefix"_a)
        .def("next_bytes", &NumberProbe::next_bytes, "kind"_a, "prefix"_a)
        .def("distance", &NumberProbe::distance, "kind"_a, "prefix"_a)
        .def("mask_cost", &NumberProbe::mask_cost, "kind"_a, "prefix"_a)
        .def("check", &NumberProbe::check, "text"_a)
        .def_prop_ro("empty", &NumberProbe::empty)
        .def_prop_ro("boolean", &NumberProbe::boolean)
        .def_prop_ro("size", &NumberProbe::size)
        .def_prop_ro("states", &NumberProbe::states);
    m.def("canonical_number", [](const std::string& text) { return canonical(parse_decimal(text)); }, "text"_a,
          "For tests: the one text of a numeral's value.");
}

}  // namespace guidedgen
