// The kinds of an object that conditions on one property tell apart, as in `allOf` of `if: {properties: {type: {const: ...}}}`.
//
// Kept whole, such a formula asks what each member means for all kinds at once, which can be as much as two to the power of their
// number where a member comes before the tag. By what the tag says it falls apart into formulas in which the conditions are decided.
#pragma once

#include <map>
#include <unordered_set>

#include "json_meaning.h"

namespace guidedgen {

class TagKinds {
  public:
    explicit TagKinds(Meaning& meaning) : meaning_(meaning), formulas_(meaning.formulas()) {}

    // Whether a formula was split so.
    bool splits(int32_t f) const {
        auto known = kinds_.find(f);
        return known != kinds_.end() && !known->second.empty();
    }

    // The formula by what the tag says that more than `few` of its conditions ask for: disjoint, and as much as the formula together.
    // None where there is no such tag.
    const std::vector<int32_t>& of(int32_t f, size_t few) {
        auto known = kinds_.find(f);
        if (known != kinds_.end()) return known->second;
        std::vector<int32_t> made;
        if (const int32_t tag = most_asked(f, few); tag >= 0) made = split(f, tag, few);
        formulas_.work().hold(static_cast<int64_t>(64 + made.size() * sizeof(int32_t)));
        return kinds_.emplace(f, std::move(made)).first->second;
    }

  private:
    static constexpr size_t kMostKinds = 256, kMostValues = 4096;
    static constexpr int32_t kOther = -1, kAbsent = -2;   // in the place of a value: one that no condition lists; no such member

    using Values = std::vector<int32_t>;

    // How many conditions list values of a property, by property.
    std::map<int32_t, size_t> asked(int32_t f) {
        std::map<int32_t, size_t> count;
        for (int32_t p : formulas_.conjuncts(f))
            if (formulas_.at(p).op <= FOp::Not)
                formulas_.each_leaf(p, [&](int32_t leaf) {
                    if (formulas_.at(leaf).op == FOp::Props)
                        for (int32_t key : tags(leaf)) ++count[key];
                });
        return count;
    }

    // The property that most conditions ask for, where they list its values; -1: not more than a few do.
    int32_t most_asked(int32_t f, size_t few) {
        if (formulas_.at(f).op > FOp::Not) return -1;
        std::map<int32_t, size_t> count = asked(f);
        for (int32_t p : formulas_.conjuncts(f))   // what it was split by already
            if (formulas_.at(p).op == FOp::Props && said_.count(formulas_.at(p).a)) count.erase(properties_of(p)[0].first);
        int32_t best = -1;
        for (const auto& [key, times] : count)
            if (times > few && (best < 0 || times > count[best])) best = key;
        return best;
    }

    const std::vector<std::pair<int32_t, int32_t>>& properties_of(int32_t props) const {
        return meaning_.table().nodes[static_cast<size_t>(formulas_.at(props).a)].object->properties;
    }

    // The properties whose values some properties list.
    const std::vector<int32_t>& tags(int32_t props) {
        auto known = tags_.find(props);
        if (known != tags_.end()) return known->second;
        std::vector<int32_t> keys;
        for (const auto& member : properties_of(props))
            if (listed(props, member.second)) keys.push_back(member.first);
        return tags_.emplace(props, std::move(keys)).first->second;
    }

    // The values that a schema of a property lists and says nothing else of; nullptr: it says something else.
    const Values* listed(int32_t props, int32_t node) {
        const int32_t var = meaning_.var(node, formulas_.at(props).b);
        if (formulas_.at(var).op != FOp::Var) return nullptr;
        const SchemaNode& n = meaning_.table().nodes[static_cast<size_t>(formulas_.at(var).a)];
        const bool plain = n.has_values && !n.in_place && !n.number && !n.string && !n.array && !n.object;
        return plain && std::all_of(n.values.begin(), n.values.end(), [&](int32_t v) { return allows(n.types, meaning_.table().values[v].kind); })
                   ? &n.values : nullptr;
    }

    // Whether all values of a kind have one of the types.
    static bool allows(uint8_t types, Kind kind) {
        switch (kind) {
            case Kind::Null: return types & kNull;
            case Kind::False:
            case Kind::True: return types & kBoolean;
            case Kind::Number: return (types & kNumber) == kNumber;
            case Kind::String: return types & kString;
            case Kind::Array: return types & kArray;
            default: return types & kObject;
        }
    }

    // What the schema of the tag in some properties lists.
    const Values* listed_tag(int32_t props, int32_t tag) {
        const int32_t child = meaning_.property(formulas_.at(props).a, tag);
        return child < 0 ? nullptr : listed(props, child);
    }

    std::vector<int32_t> split(int32_t f, int32_t tag, size_t few) {
        std::vector<const Values*> conditions;
        formulas_.each_leaf(f, [&](int32_t leaf) {
            if (formulas_.at(leaf).op != FOp::Props) return;
            if (const Values* values = listed_tag(leaf, tag)) conditions.push_back(values);
        });
        const std::vector<Values> groups = grouped(conditions);
        if (groups.size() <= few || groups.size() > kMostKinds) return {};
        // Without the tag alternatives may be as hard to tell apart as before, and harder than with it.
        const int32_t absent = decided(f, tag, kAbsent);
        if (asked(absent)[tag] > few) return {};
        std::vector<int32_t> kinds;
        Values all;
        for (const Values& group : groups) {
            add(kinds, formulas_.all({decided(f, tag, group[0]), formulas_.required({tag}), says(tag, listing(group))}));
            all.insert(all.end(), group.begin(), group.end());
        }
        add(kinds, formulas_.all({decided(f, tag, kOther), formulas_.required({tag}), says(tag, other_than(listing(all)))}));
        add(kinds, formulas_.both(absent, says(tag, meaning_.nothing())));
        return kinds;
    }

    static void add(std::vector<int32_t>& kinds, int32_t f) {
        if (f != Formulas::kFalse) kinds.push_back(f);
    }

    // The values that conditions list, those together of which the same conditions hold.
    static std::vector<Values> grouped(const std::vector<const Values*>& conditions) {
        std::map<int32_t, std::vector<bool>> marks;
        for (size_t i = 0; i < conditions.size(); ++i)
            for (int32_t v : *conditions[i]) {
                std::vector<bool>& mine = marks[v];
                mine.resize(conditions.size());
                mine[i] = true;
                if (marks.size() > kMostValues) return {};
            }
        std::map<std::vector<bool>, Values, std::greater<std::vector<bool>>> groups;   // those of the first conditions first
        for (auto& [value, mine] : marks) groups[mine].push_back(value);
        std::vector<Values> result;
        for (auto& entry : groups) result.push_back(std::move(entry.second));
        return result;
    }

    // What is left of a formula where the tag has a value.
    int32_t decided(int32_t f, int32_t tag, int32_t value) {
        return formulas_.rebuild(f, [&](int32_t leaf) { return leaf_decided(leaf, tag, value); });
    }

    int32_t leaf_decided(int32_t leaf, int32_t tag, int32_t value) {
        const Formula n = formulas_.at(leaf);
        if (n.op == FOp::UnevaluatedProps) {
            std::vector<int32_t> truths = formulas_.args(leaf);
            for (int32_t& t : truths) t = decided(t, tag, value);
            return formulas_.atom(n.op, n.a, n.b, n.c, n.d, truths);
        }
        if (n.op == FOp::Required) {
            std::vector<int32_t> keys = formulas_.args(leaf);
            const auto place = std::find(keys.begin(), keys.end(), tag);
            if (place == keys.end()) return leaf;
            if (value == kAbsent) return Formulas::kFalse;
            keys.erase(place);
            return formulas_.required(std::move(keys));
        }
        if (n.op != FOp::Props) return leaf;
        const Values* values = listed_tag(leaf, tag);
        if (!values) return leaf;
        const ObjectKeywords& o = *meaning_.table().nodes[static_cast<size_t>(n.a)].object;
        if (value != kAbsent && std::find(values->begin(), values->end(), value) == values->end()) return Formulas::kFalse;
        return o.properties.size() == 1 && o.patterns.empty() && o.additional < 0 ? Formulas::kTrue : leaf;
    }

    // "Where the property is there, its value is valid under a node."
    int32_t says(int32_t key, int32_t node) {
        int32_t& known = says_[{key, node}];
        if (known == 0) {
            SchemaNode n;
            n.object = std::make_unique<ObjectKeywords>();
            n.object->properties.emplace_back(key, node);
            known = add_node(std::move(n));
            said_.insert(known);
        }
        return formulas_.atom(FOp::Props, known, 0);
    }

    int32_t listing(Values values) {
        int32_t& known = listings_[values];
        if (known == 0) {
            SchemaNode n;
            n.has_values = true;
            n.values = std::move(values);
            known = add_node(std::move(n));
        }
        return known;
    }

    int32_t other_than(int32_t node) {
        int32_t& known = others_[node];
        if (known == 0) {
            SchemaNode n;
            n.in_place = std::make_unique<InPlaceKeywords>();
            n.in_place->not_ = node;
            known = add_node(std::move(n));
        }
        return known;
    }

    int32_t add_node(SchemaNode n) {
        auto& nodes = meaning_.table().nodes;
        nodes.push_back(std::move(n));
        return static_cast<int32_t>(nodes.size()) - 1;
    }

    Meaning& meaning_;
    Formulas& formulas_;
    std::unordered_map<int32_t, std::vector<int32_t>> kinds_, tags_;   // memos, by formula and by Props
    std::map<std::pair<int32_t, int32_t>, int32_t> says_;              // the nodes that were made
    std::unordered_set<int32_t> said_;                                 // those of `says_`
    std::map<Values, int32_t> listings_;
    std::unordered_map<int32_t, int32_t> others_;
};

}  // namespace guidedgen
