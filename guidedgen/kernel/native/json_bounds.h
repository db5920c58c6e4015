// Hard bounds that a caller asks for (`JsonOptions`): how far a goal moves them, so that they never cut what schemas require.
//
// A goal's schemas mention counts, values and numerals. The least bound that respects all of them is worked out without
// regard to which of them apply: it may be larger than it has to be, and is never smaller.
#pragma once

#include <algorithm>
#include <unordered_set>

#include "decimals.h"
#include "json_formula.h"
#include "json_options.h"

namespace guidedgen {

class JsonBounds {
  public:
    JsonBounds(const SchemaTable& table, const Formulas& formulas, const JsonOptions& options) : table_(table), formulas_(formulas), options_(options) {}

    bool strings() const { return options_.max_string >= 0; }
    bool digits() const { return options_.max_digits >= 0; }
    bool items() const { return options_.max_items >= 0; }

    int64_t most_characters(int32_t goal) { return std::max<int64_t>(options_.max_string, needs(goal).characters); }
    int64_t most_digits(int32_t goal) { return std::max<int64_t>(options_.max_digits, needs(goal).digits); }
    int64_t most_items(int32_t goal) { return std::max<int64_t>(options_.max_items, needs(goal).items); }

  private:
    struct Needs {
        int64_t characters = 0, digits = 0, items = 0;
    };

    const Needs& needs(int32_t goal) {
        auto known = needs_.find(goal);
        if (known != needs_.end()) return known->second;
        Needs all;
        std::vector<int32_t> work;
        formulas_.each_leaf(goal, [&](int32_t leaf) {
            if (formulas_.at(leaf).op == FOp::Var && formulas_.at(leaf).a >= 0) work.push_back(formulas_.at(leaf).a);
        });
        std::unordered_set<int32_t> met;
        while (!work.empty()) {
            const int32_t node = work.back();
            work.pop_back();
            if (!met.insert(node).second) continue;
            add(table_.nodes[static_cast<size_t>(node)], all);
            add_in_place(table_.nodes[static_cast<size_t>(node)], work);
        }
        return needs_.emplace(goal, all).first->second;
    }

    void add(const SchemaNode& n, Needs& all) const {
        for (int32_t value : n.values) add(table_.values[static_cast<size_t>(value)], all);
        if (n.string) raise(all.characters, n.string->min_length, n.string->max_length + 1);
        if (n.array) {
            raise(all.items, n.array->min_items, n.array->max_items + 1);
            if (n.array->contains >= 0) raise(all.items, n.array->min_contains, n.array->max_contains + 1);
        }
        if (n.number)
            for (int32_t text : {n.number->minimum, n.number->maximum, n.number->exclusive_minimum, n.number->exclusive_maximum})
                if (text >= 0) raise(all.digits, 1 + digits_of(text), 0);
    }

    void add(const Value& value, Needs& all) const {
        if (value.kind == Value::Kind::String) raise(all.characters, static_cast<int64_t>(table_.text(value.text).size()), 0);
        if (value.kind == Value::Kind::Number) raise(all.digits, 1 + digits_of(value.text), 0);
        if (value.kind == Value::Kind::Array) raise(all.items, static_cast<int64_t>(value.items.size()), 0);
    }

    // The schemas that apply to the same value; of dynamic references all that they may lead to.
    void add_in_place(const SchemaNode& n, std::vector<int32_t>& work) const {
        if (n.object)
            for (const auto& dependent : n.object->dependent_schemas) work.push_back(dependent.second);
        if (!n.in_place) return;
        const InPlaceKeywords& k = *n.in_place;
        for (const auto* list : {&k.all_of, &k.any_of, &k.one_of}) work.insert(work.end(), list->begin(), list->end());
        for (int32_t node : {k.not_, k.if_, k.then_, k.else_, k.ref, k.dynamic})
            if (node >= 0) work.push_back(node);
        if (k.anchor < 0) return;
        for (const Resource& resource : table_.resources) {
            auto found = resource.dynamic_anchors.find(k.anchor);
            if (found != resource.dynamic_anchors.end()) work.push_back(found->second);
        }
    }

    // Digits that it takes to write a numeral without an exponent.
    int64_t digits_of(int32_t text) const {
        const Decimal value = parse_decimal(table_.text(text));
        return static_cast<int64_t>(value.digits.size()) + std::abs(value.exponent);
    }

    static void raise(int64_t& most, int64_t one, int64_t other) { most = std::max({most, one, other}); }

    const SchemaTable& table_;
    const Formulas& formulas_;
    JsonOptions options_;
    std::unordered_map<int32_t, Needs> needs_;
};

}  // namespace guidedgen
