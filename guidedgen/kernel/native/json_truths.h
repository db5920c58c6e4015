// What schemas say about one value, as formulas: truth for literals, atoms for arrays and objects.
//
// Everything is worked out when it is asked for and remembered by (schema node, dynamic scope, kind of value). In-place
// applicators (allOf, anyOf, oneOf, not, if, $ref, dependentSchemas) dissolve here: they are connectives.
#pragma once

#include <map>

#include "json_formula.h"
#include "json_written.h"
#include "schema_nodes.h"

namespace guidedgen {

using Kind = Value::Kind;

class Truths {
  public:
    Truths(std::shared_ptr<SchemaTable> table, Work& work) : table_(std::move(table)), formulas_(work) { scopes_.push_back({}); }

    SchemaTable& table() { return *table_; }
    Formulas& formulas() { return formulas_; }
    const Formulas& formulas() const { return formulas_; }

    // "The schema at a node holds", with references and trivial schemas looked through.
    int32_t var(int32_t node, int32_t scope) {
        for (size_t hops = 0;; ++hops) {
            const SchemaNode& n = table_->nodes[node];
            if (n.always >= 0) return n.always ? Formulas::kTrue : Formulas::kFalse;
            scope = enter(scope, n.resource);
            if (!only_reference(n)) return formulas_.var(node, scope);
            if (hops > table_->nodes.size()) throw endless(node);
            node = n.in_place->ref;
        }
    }

    // The formula of a node for one kind of value; for literals it is true or false.
    int32_t truth(int32_t node, int32_t scope, Kind kind) {
        const SchemaNode& n = table_->nodes[node];
        if (n.always >= 0) return n.always ? Formulas::kTrue : Formulas::kFalse;
        return once(truths_, {node, scope, kind}, [&] { return work_out(node, enter(scope, n.resource), kind); });
    }

    // A formula over variables, for one kind of value: literals give true or false, arrays and objects formulas over atoms.
    int32_t expand(int32_t f, Kind kind) {
        auto& memo = expanded_[static_cast<size_t>(kind)];
        const int32_t made = formulas_.rebuild(f, memo, [&](int32_t leaf) {
            const Formula v = formulas_.at(leaf);
            return v.op == FOp::Var ? truth(v.a, v.b, kind) : leaf;
        });
        return written_.everything ? made : as_far_as_written(made, kind);
    }

    // Before anything is expanded.
    void set_written(const JsonWritten& written) { written_ = written; }

    int64_t formulas_memory() const { return formulas_.memory() + static_cast<int64_t>(truths_.size() * 64); }

    // A node that only one value satisfies.
    int32_t constant(int32_t value) {
        auto known = constants_.find(value);
        if (known != constants_.end()) return known->second;
        SchemaNode n;
        n.has_values = true;
        n.values = {value};
        table_->nodes.push_back(std::move(n));
        int32_t id = static_cast<int32_t>(table_->nodes.size()) - 1;
        constants_.emplace(value, id);
        return id;
    }

    // A node that no value satisfies.
    int32_t nothing() {
        if (nothing_ < 0) {
            SchemaNode n;
            n.always = 0;
            table_->nodes.push_back(std::move(n));
            nothing_ = static_cast<int32_t>(table_->nodes.size()) - 1;
        }
        return nothing_;
    }

    // The node that a property name selects among the declared ones, or -1.
    int32_t property(int32_t node, int32_t key) {
        const auto& list = table_->nodes[node].object->properties;
        if (list.size() <= kFew) {
            for (const auto& p : list)
                if (p.first == key) return p.second;
            return -1;
        }
        auto& index = properties_[node];
        if (index.empty())
            for (const auto& p : list) index.emplace(p.first, p.second);
        auto found = index.find(key);
        return found == index.end() ? -1 : found->second;
    }

    int32_t enter(int32_t scope, int32_t resource) {
        if (!table_->dynamic) return 0;
        const std::vector<int32_t>& now = scopes_[scope];
        if (std::find(now.begin(), now.end(), resource) != now.end()) return scope;
        std::vector<int32_t> next = now;
        next.push_back(resource);
        auto found = scope_ids_.emplace(next, static_cast<int32_t>(scopes_.size()));
        if (found.second) scopes_.push_back(next);
        return found.first->second;
    }

    // Where $dynamicRef and $recursiveRef lead: the outermost resource of the scope that has the anchor.
    int32_t dynamic_target(const InPlaceKeywords& k, int32_t scope) const {
        if (k.anchor >= 0)
            for (int32_t r : scopes_[scope]) {
                auto found = table_->resources[r].dynamic_anchors.find(k.anchor);
                if (found != table_->resources[r].dynamic_anchors.end()) return found->second;
            }
        return k.dynamic;
    }

    // What is left of `contains`: at least `low` and at most `high` (-1: any number of) further matching items.
    int32_t contains(int32_t node, int32_t scope, int32_t low, int32_t high) {
        if (low <= 0 && high < 0) return Formulas::kTrue;
        return formulas_.atom(FOp::Contains, node, scope, std::max(low, 0), high);
    }

    // A schema applied in place whose keywords count as having evaluated members or items if it, and all around it, holds.
    struct Contributor {
        int32_t node, scope, truth;
    };

    const std::vector<Contributor>& contributors(int32_t node, int32_t scope, Kind kind) {
        const Place at{node, scope, kind};
        auto known = contributors_.find(at);
        if (known != contributors_.end()) return known->second;
        std::vector<Contributor> found;
        gather(node, scope, kind, Formulas::kTrue, found, 0);
        return contributors_.emplace(at, std::move(found)).first->second;
    }

  protected:
    static constexpr size_t kFew = 8;
    static constexpr int kDeepest = 1000;   // of schemas in one another, all about the same value

    struct Place {
        int32_t node, scope;
        Kind kind;
        bool operator==(const Place& o) const { return node == o.node && scope == o.scope && kind == o.kind; }
    };
    struct PlaceHash {
        size_t operator()(const Place& p) const { return mix(mix(static_cast<uint32_t>(p.node), static_cast<uint32_t>(p.scope)), static_cast<uint64_t>(p.kind)); }
    };

    using Memo = std::unordered_map<Place, int32_t, PlaceHash>;

    // Works something out once; a place that needs itself to be worked out says nothing.
    template <class F>
    int32_t once(Memo& memo, const Place& at, F work) {
        auto known = memo.find(at);
        if (known != memo.end()) {
            if (known->second < 0) throw endless(at.node);
            return known->second;
        }
        if (depth_ >= kDeepest) throw fixed_limit("depth", kDeepest, "schemas applied inside one another to the same value");
        memo[at] = -1;
        ++depth_;
        try {
            int32_t made = work();
            --depth_;
            return memo[at] = made;
        } catch (...) {
            --depth_;
            memo.erase(at);
            throw;
        }
    }

    SchemaError endless(int32_t node) const {
        return SchemaError(SchemaError::Kind::Malformed, "the reference leads back to itself: nothing says what is valid",
                           table_->pointer(table_->nodes[node].place), "$ref", "Let the schemas on the way constrain something below the value.");
    }

    static bool only_reference(const SchemaNode& n) {
        if (!n.in_place || n.in_place->ref < 0 || n.in_place->dynamic >= 0) return false;
        const InPlaceKeywords& k = *n.in_place;
        return n.types == kAnyType && !n.has_values && !n.number && !n.string && !n.array && !n.object && k.all_of.empty() &&
               k.any_of.empty() && k.one_of.empty() && k.not_ < 0 && k.if_ < 0;
    }

    static uint8_t bit(Kind kind) {
        switch (kind) {
            case Kind::Null: return kNull;
            case Kind::False:
            case Kind::True: return kBoolean;
            case Kind::Number: return kNumber;
            case Kind::String: return kString;
            case Kind::Array: return kArray;
            default: return kObject;
        }
    }

    int32_t work_out(int32_t node, int32_t scope, Kind kind) {
        if (!(table_->nodes[node].types & bit(kind))) return Formulas::kFalse;
        std::vector<int32_t> parts;
        if (table_->nodes[node].has_values) parts.push_back(one_of_values(node, kind));
        if (parts.empty() || parts[0] != Formulas::kFalse) {
            if (kind == Kind::Object && table_->nodes[node].object) members(node, scope, parts);
            if (kind == Kind::Array && table_->nodes[node].array) items(node, scope, parts);
            each_in_place(node, scope, [&](int32_t sub, int32_t s) { return truth(sub, s, kind); }, parts);
        }
        return formulas_.all(std::move(parts));
    }

    int32_t as_far_as_written(int32_t f, Kind kind) {
        if (!written_.has(kind)) return Formulas::kFalse;
        if (kind == Kind::Array && written_.most_items >= 0) return formulas_.both(f, formulas_.max_count(FOp::MaxItems, written_.most_items));
        if (kind == Kind::Object && written_.most_members >= 0) return formulas_.both(f, formulas_.max_count(FOp::MaxProps, written_.most_members));
        return f;
    }

    // The connectives of a node; `sub` gives the formula of a schema that applies to the same value.
    template <class F>
    void each_in_place(int32_t node, int32_t scope, F sub, std::vector<int32_t>& parts) {
        if (!table_->nodes[node].in_place) return;
        const InPlaceKeywords& k = *table_->nodes[node].in_place;   // stays where it is while nodes are added
        auto list = [&](const std::vector<int32_t>& nodes) {
            std::vector<int32_t> result;
            for (int32_t n : nodes) result.push_back(sub(n, scope));
            return result;
        };
        if (k.ref >= 0) parts.push_back(sub(k.ref, scope));
        if (k.dynamic >= 0) parts.push_back(sub(dynamic_target(k, scope), scope));
        for (int32_t n : k.all_of) parts.push_back(sub(n, scope));
        if (!k.any_of.empty()) parts.push_back(formulas_.any(list(k.any_of)));
        if (!k.one_of.empty()) parts.push_back(formulas_.one(list(k.one_of)));
        if (k.not_ >= 0) parts.push_back(formulas_.negate(sub(k.not_, scope)));
        if (k.if_ >= 0 && (k.then_ >= 0 || k.else_ >= 0)) {
            int32_t condition = sub(k.if_, scope);
            if (k.then_ >= 0) parts.push_back(formulas_.either(formulas_.negate(condition), sub(k.then_, scope)));
            if (k.else_ >= 0) parts.push_back(formulas_.either(condition, sub(k.else_, scope)));
        }
    }

    int32_t one_of_values(int32_t node, Kind kind) {
        std::vector<int32_t> options;
        const std::vector<int32_t> values = table_->nodes[node].values;
        for (int32_t v : values) {
            if (table_->values[v].kind != kind) continue;
            if (kind == Kind::Array || kind == Kind::Object) options.push_back(equal_to(v));
            else return Formulas::kTrue;   // a literal: this value is the only one of its kind
        }
        return formulas_.any(std::move(options));
    }

    // An array or object value as a schema of its own.
    int32_t equal_to(int32_t value) {
        auto known = equal_.find(value);
        int32_t node;
        if (known != equal_.end()) {
            node = known->second;
        } else {
            const Value v = table_->values[value];
            SchemaNode n;
            if (v.kind == Kind::Array) {
                auto k = std::make_unique<ArrayKeywords>();
                for (int32_t item : v.items) k->prefix.push_back(constant(item));
                k->min_items = k->max_items = static_cast<int64_t>(v.items.size());
                n.array = std::move(k);
            } else {
                auto k = std::make_unique<ObjectKeywords>();
                for (const auto& m : v.members) {
                    k->properties.emplace_back(m.first, constant(m.second));
                    k->required.push_back(m.first);
                }
                k->additional = nothing();   // plainer than a largest count: the first other name refutes it
                n.object = std::move(k);
            }
            table_->nodes.push_back(std::move(n));
            node = static_cast<int32_t>(table_->nodes.size()) - 1;
            equal_.emplace(value, node);
        }
        return truth(node, 0, table_->values[value].kind);
    }

    void members(int32_t node, int32_t scope, std::vector<int32_t>& parts) {
        const ObjectKeywords& k = *table_->nodes[node].object;
        if (!k.properties.empty() || !k.patterns.empty() || k.additional >= 0) parts.push_back(formulas_.atom(FOp::Props, node, scope));
        if (k.names >= 0) parts.push_back(formulas_.atom(FOp::Names, node, scope));
        parts.push_back(formulas_.required(k.required));
        parts.push_back(formulas_.min_count(FOp::MinProps, k.min_properties));
        if (k.max_properties >= 0) parts.push_back(formulas_.max_count(FOp::MaxProps, k.max_properties));
        for (const auto& d : k.dependent_required)
            parts.push_back(formulas_.either(formulas_.negate(formulas_.required({d.first})), formulas_.required(d.second)));
        for (const auto& d : k.dependent_schemas)
            parts.push_back(formulas_.either(formulas_.negate(formulas_.required({d.first})), truth(d.second, scope, Kind::Object)));
        if (k.unevaluated >= 0) {
            std::vector<int32_t> truths;
            for (const Contributor& c : contributors(node, scope, Kind::Object)) truths.push_back(c.truth);
            parts.push_back(formulas_.atom(FOp::UnevaluatedProps, node, scope, 0, 0, truths));
        }
    }

    void items(int32_t node, int32_t scope, std::vector<int32_t>& parts) {
        const ArrayKeywords& k = *table_->nodes[node].array;
        if (!k.prefix.empty() || k.items >= 0) parts.push_back(formulas_.atom(FOp::Items, node, scope, 0));
        if (k.contains >= 0)
            parts.push_back(contains(node, scope, static_cast<int32_t>(k.min_contains), static_cast<int32_t>(k.max_contains)));
        parts.push_back(formulas_.min_count(FOp::MinItems, k.min_items));
        if (k.max_items >= 0) parts.push_back(formulas_.max_count(FOp::MaxItems, k.max_items));
        if (k.unique) parts.push_back(formulas_.atom(FOp::Unique, 0));
        if (k.unevaluated >= 0) {
            std::vector<int32_t> truths;
            for (const Contributor& c : contributors(node, scope, Kind::Array)) truths.push_back(c.truth);
            parts.push_back(formulas_.atom(FOp::UnevaluatedItems, node, scope, 0, 0, truths));
        }
    }

  private:
    void gather(int32_t node, int32_t scope, Kind kind, int32_t around, std::vector<Contributor>& found, size_t depth) {
        if (depth > kDeepest) throw endless(node);
        formulas_.work().spend(16);
        auto add = [&](int32_t sub, int32_t s, int32_t condition) {
            const SchemaNode& n = table_->nodes[sub];
            if (n.always >= 0) return;
            int32_t truth_here = formulas_.both(condition, truth(sub, s, kind));
            if (truth_here == Formulas::kFalse) return;
            s = enter(s, table_->nodes[sub].resource);
            formulas_.work().hold(sizeof(Contributor));
            found.push_back({sub, s, truth_here});
            gather(sub, s, kind, truth_here, found, depth + 1);
        };
        if (kind == Kind::Object && table_->nodes[node].object)
            for (const auto& d : table_->nodes[node].object->dependent_schemas)
                add(d.second, scope, formulas_.both(around, formulas_.required({d.first})));
        if (!table_->nodes[node].in_place) return;
        const InPlaceKeywords& k = *table_->nodes[node].in_place;
        if (k.ref >= 0) add(k.ref, scope, around);
        if (k.dynamic >= 0) add(dynamic_target(k, scope), scope, around);
        for (const auto* list : {&k.all_of, &k.any_of, &k.one_of})
            for (int32_t n : *list) add(n, scope, around);
        if (k.if_ >= 0) {
            add(k.if_, scope, around);
            int32_t condition = truth(k.if_, scope, kind);
            if (k.then_ >= 0) add(k.then_, scope, formulas_.both(around, condition));
            if (k.else_ >= 0) add(k.else_, scope, formulas_.both(around, formulas_.negate(condition)));
        }
    }

  protected:
    JsonWritten written_;
    std::shared_ptr<SchemaTable> table_;
    Formulas formulas_;

  private:
    std::vector<std::vector<int32_t>> scopes_;
    std::map<std::vector<int32_t>, int32_t> scope_ids_;
    Memo truths_;
    std::unordered_map<Place, std::vector<Contributor>, PlaceHash> contributors_;
    FormulaMemo expanded_[7];
    std::unordered_map<int32_t, int32_t> constants_, equal_;
    std::unordered_map<int32_t, std::unordered_map<int32_t, int32_t>> properties_;
    int32_t nothing_ = -1;
    int depth_ = 0;
};

}  // namespace guidedgen
