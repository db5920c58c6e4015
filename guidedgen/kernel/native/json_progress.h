// What is left of a formula about an array or object after one more item or member, and at its end.
//
// The member's or item's own value has not been looked at: what it has to satisfy appears as variables in the result.
// Keys matter only by class (`json_names.h`).
// Source of the method: formula progression, Bacchus and Kabanza, "Using temporal logics to express search control
// knowledge for planning", Artificial Intelligence 2000; here over members and items instead of time.
#pragma once

#include "json_alike.h"
#include "json_names.h"

namespace guidedgen {

class Progress {
  public:
    explicit Progress(Meaning& meaning) : meaning_(meaning), formulas_(meaning.formulas()), names_(meaning), alike_(meaning) {}

    // The text of a declared name, or -1 for a class of undeclared ones; and their contents.
    int32_t key(int32_t key_class) const { return names_.key(key_class); }
    int32_t content(int32_t key_class) { return names_.content(key_class); }
    bool written(int32_t key_class) const { return names_.written(key_class); }
    const Plan& plan(int32_t id) const { return names_.plan(id); }
    int32_t plan_of(const std::vector<int32_t>& formulas) { return names_.plan_of(formulas); }
    int64_t memory() const { return names_.memory() + static_cast<int64_t>((after_key_.size() + after_item_.size()) * 48 + ends_.size() * 16); }

    // After the key of a member; variables stand for its value.
    int32_t after_key(int32_t f, int32_t key_class) {
        return memoised(after_key_, f, key_class, [&](int32_t leaf) { return member(leaf, key_class); });
    }

    int32_t after_item(int32_t f) {
        return memoised(after_item_, f, 0, [&](int32_t leaf) { return item(leaf); });
    }

    // Whether a formula holds when nothing more comes.
    bool holds_at_end(int32_t f) {
        if (f <= Formulas::kTrue) return f == Formulas::kTrue;
        const Formula n = formulas_.at(f);
        if (n.op > FOp::Not) return at_end(f);
        if (const int32_t known = ends_.find(f); known >= 0) return known == 1;
        formulas_.work().spend(n.count + 4);
        const bool made = connective_holds(n);
        ends_.insert(f, made);
        formulas_.work().hold(16);
        return made;
    }

    // With some variables decided: `truth` gives kTrue, kFalse, or the variable itself.
    template <class F>
    int32_t decide(int32_t f, const F& truth) {
        if (!formulas_.at(f).vars) return f;
        const FormulaMemos::Lent memo = formulas_.memo();
        return decide(f, truth, *memo);
    }

    // With the variable known to be true or false.
    int32_t assign(int32_t f, int32_t var, bool truth) {
        return decide(f, [&](int32_t leaf) { return leaf != var ? leaf : truth ? Formulas::kTrue : Formulas::kFalse; });
    }

    static constexpr int32_t kSomeValue = -2;

    // "The item equals an earlier one whose value is not known": a variable that searches may set as they like.
    int32_t repeats() { return formulas_.var(-1, 0); }
    bool is_repeats(int32_t f) const { return formulas_.at(f).op == FOp::Var && formulas_.at(f).a < 0; }

    // With the value of the last item known: it joins those that Unique has seen. kSomeValue: there was one, known to nobody.
    int32_t with_value(int32_t f, int32_t value) {
        const FormulaMemos::Lent memo = formulas_.memo();
        return with_value(f, value, *memo);
    }

    // The same as if no items had come, as far as they have to differ.
    int32_t without_values(int32_t f) {
        return formulas_.rebuild(f, [&](int32_t leaf) {
            const Formula n = formulas_.at(leaf);
            return n.op == FOp::Unique ? formulas_.atom(FOp::Unique, n.a, 0, 0, 0, {}) : leaf;
        });
    }

  private:
    bool connective_holds(const Formula& n) {
        int32_t holding = 0;
        for (int32_t i = 0; i < n.count; ++i) {
            const bool holds = holds_at_end(formulas_.arg(n, i));
            if (n.op == FOp::And && !holds) return false;
            if (n.op == FOp::Or && holds) return true;
            holding += holds;
        }
        return n.op == FOp::And || (n.op == FOp::One && holding == 1) || (n.op == FOp::Not && holding == 0);
    }

    int32_t with_value(int32_t f, int32_t value, FormulaMemo& memo) {
        return formulas_.rebuild(f, memo, [&](int32_t leaf) {
            const Formula n = formulas_.at(leaf);
            if (n.op == FOp::UnevaluatedItems) {
                std::vector<int32_t> truths = formulas_.args(leaf);
                for (int32_t& t : truths) t = with_value(t, value, memo);
                return formulas_.atom(n.op, n.a, n.b, n.c, n.d, truths);
            }
            if (n.op != FOp::Unique || !(n.a & 1)) return leaf;
            std::vector<int32_t> seen = formulas_.args(leaf);
            if (value >= 0) seen.insert(std::lower_bound(seen.begin(), seen.end(), value), value);
            seen.erase(std::unique(seen.begin(), seen.end()), seen.end());
            return formulas_.atom(FOp::Unique, value == kSomeValue ? 2 : n.a & 2, 0, 0, 0, seen);
        });
    }

    using PairMemo = std::unordered_map<uint64_t, int32_t>;

    template <class F>
    int32_t memoised(PairMemo& memo, int32_t f, int32_t with, F leaf) {
        if (f <= Formulas::kTrue) return f;
        const uint64_t key = (static_cast<uint64_t>(static_cast<uint32_t>(f)) << 32) | static_cast<uint32_t>(with);
        auto known = memo.find(key);
        if (known != memo.end()) return known->second;
        const int32_t made = alike_.unified(formulas_.rebuild(f, leaf));
        memo.emplace(key, made);
        formulas_.work().hold(48);
        return made;
    }

    template <class F>
    int32_t decide(int32_t f, const F& truth, FormulaMemo& memo) {
        const auto leaf_decided = [&](int32_t leaf) {
            const Formula n = formulas_.at(leaf);
            if (n.op == FOp::Var) return truth(leaf);
            std::vector<int32_t> args = formulas_.args(leaf);
            for (int32_t& a : args) a = decide(a, truth, memo);
            return formulas_.atom(n.op, n.a, n.b, n.c, n.d, args);
        };
        return formulas_.rebuild(f, memo, leaf_decided, [](const Formula& n) { return n.vars; });
    }

    // --- members

    int32_t member(int32_t leaf, int32_t id) {
        const Formula n = formulas_.at(leaf);
        switch (n.op) {
            case FOp::Props: return formulas_.both(leaf, formulas_.all(children(n.a, n.b, id)));
            case FOp::Names: return names_.satisfies(id, {-1, names_.name_var(n.a, n.b)}) ? leaf : Formulas::kFalse;
            case FOp::Required: {
                std::vector<int32_t> keys = formulas_.args(leaf);
                keys.erase(std::remove(keys.begin(), keys.end(), key(id)), keys.end());
                return formulas_.required(std::move(keys));
            }
            case FOp::MinProps: return formulas_.min_count(FOp::MinProps, n.a - 1);
            case FOp::MaxProps: return formulas_.max_count(FOp::MaxProps, n.a - 1);
            case FOp::UnevaluatedProps: return unevaluated_member(leaf, id);
            default: return leaf;
        }
    }

    // What the value of a member has to satisfy for `properties`, `patternProperties` and `additionalProperties` of a node.
    std::vector<int32_t> children(int32_t node, int32_t scope, int32_t id) {
        const ObjectKeywords& o = *meaning_.table().nodes[node].object;
        std::vector<int32_t> result;
        bool found = false;
        if (key(id) >= 0) {
            int32_t child = meaning_.property(node, key(id));
            if (child >= 0) {
                found = true;
                result.push_back(meaning_.var(child, scope));
            }
        }
        for (const auto& p : o.patterns)
            if (names_.satisfies(id, {p.first, -1})) {
                found = true;
                result.push_back(meaning_.var(p.second, scope));
            }
        if (!found && o.additional >= 0) result.push_back(meaning_.var(o.additional, scope));
        return result;
    }

    // Whether the keywords of a node look at a member with such a key. `other`: than the one whose unevaluatedProperties asks.
    bool evaluates(int32_t node, int32_t id, bool other) {
        const ObjectKeywords* o = meaning_.table().nodes[node].object.get();
        if (!o) return false;
        if (o->additional >= 0 || (other && o->unevaluated >= 0)) return true;
        if (key(id) >= 0 && meaning_.property(node, key(id)) >= 0) return true;
        return std::any_of(o->patterns.begin(), o->patterns.end(), [&](const auto& p) { return names_.satisfies(id, {p.first, -1}); });
    }

    int32_t unevaluated_member(int32_t leaf, int32_t id) {
        const Formula n = formulas_.at(leaf);
        std::vector<int32_t> truths = formulas_.args(leaf);
        for (int32_t& t : truths) t = after_key(t, id);
        const int32_t rest = formulas_.atom(FOp::UnevaluatedProps, n.a, n.b, 0, 0, truths);
        if (evaluates(n.a, id, false)) return rest;
        std::vector<int32_t> options{meaning_.var(meaning_.table().nodes[n.a].object->unevaluated, n.b)};
        const auto& contributors = meaning_.contributors(n.a, n.b, Kind::Object);
        for (size_t i = 0; i < contributors.size(); ++i)
            if (evaluates(contributors[i].node, id, true)) options.push_back(truths[i]);
        return formulas_.both(rest, formulas_.any(std::move(options)));
    }

    // --- items

    int32_t item(int32_t leaf) {
        const Formula n = formulas_.at(leaf);
        switch (n.op) {
            case FOp::Items: {
                const ArrayKeywords& k = *meaning_.table().nodes[n.a].array;
                const auto prefix = static_cast<int32_t>(k.prefix.size());
                int32_t child = n.c < prefix ? k.prefix[n.c] : k.items;
                int32_t rest = n.c + 1 > prefix ? leaf : formulas_.atom(FOp::Items, n.a, n.b, n.c + 1);
                if (n.c + 1 >= prefix && k.items < 0) rest = Formulas::kTrue;
                return child < 0 ? rest : formulas_.both(rest, meaning_.var(child, n.b));
            }
            case FOp::Contains: {
                int32_t match = meaning_.var(meaning_.table().nodes[n.a].array->contains, n.b);
                int32_t taken = n.d == 0 ? Formulas::kFalse : meaning_.contains(n.a, n.b, n.c - 1, n.d < 0 ? -1 : n.d - 1);
                return formulas_.either(formulas_.both(match, taken), formulas_.both(formulas_.negate(match), leaf));
            }
            case FOp::MinItems: return formulas_.min_count(FOp::MinItems, n.a - 1);
            case FOp::MaxItems: return formulas_.max_count(FOp::MaxItems, n.a - 1);
            case FOp::Unique: {
                std::vector<int32_t> parts{formulas_.atom(FOp::Unique, n.a | 1, 0, 0, 0, formulas_.args(leaf))};
                if (n.a) parts.push_back(formulas_.negate(repeats()));
                for (int32_t v : formulas_.args(leaf)) parts.push_back(formulas_.negate(meaning_.var(meaning_.constant(v), 0)));
                return formulas_.all(std::move(parts));
            }
            case FOp::UnevaluatedItems: return unevaluated_item(leaf);
            default: return leaf;
        }
    }

    // Whether a node's keywords look at the item with an index, as a formula: `contains` looks at those that it matches.
    int32_t evaluates_item(int32_t node, int32_t scope, int32_t index, bool other) {
        const ArrayKeywords* k = meaning_.table().nodes[node].array.get();
        if (!k) return Formulas::kFalse;
        if (k->items >= 0 || (other && k->unevaluated >= 0) || index < static_cast<int32_t>(k->prefix.size())) return Formulas::kTrue;
        if (k->contains >= 0 && k->contains_evaluates) return meaning_.var(k->contains, scope);
        return Formulas::kFalse;
    }

    int32_t unevaluated_item(int32_t leaf) {
        const Formula n = formulas_.at(leaf);
        std::vector<int32_t> truths = formulas_.args(leaf);
        for (int32_t& t : truths) t = after_item(t);
        const auto& contributors = meaning_.contributors(n.a, n.b, Kind::Array);
        size_t longest = meaning_.table().nodes[n.a].array->prefix.size();
        for (const auto& c : contributors)
            if (const auto* k = meaning_.table().nodes[c.node].array.get()) longest = std::max(longest, k->prefix.size());
        const int32_t next = std::min<int32_t>(n.c + 1, static_cast<int32_t>(longest));
        std::vector<int32_t> options{evaluates_item(n.a, n.b, n.c, false),
                                     meaning_.var(meaning_.table().nodes[n.a].array->unevaluated, n.b)};
        for (size_t i = 0; i < contributors.size(); ++i)
            options.push_back(formulas_.both(truths[i], evaluates_item(contributors[i].node, contributors[i].scope, n.c, true)));
        return formulas_.both(formulas_.atom(FOp::UnevaluatedItems, n.a, n.b, next, 0, truths), formulas_.any(std::move(options)));
    }

    bool at_end(int32_t leaf) const {
        const Formula& n = formulas_.at(leaf);
        switch (n.op) {
            case FOp::Required:
            case FOp::MinProps:
            case FOp::MinItems: return false;
            case FOp::Contains: return n.c == 0;
            default: return true;
        }
    }

    Meaning& meaning_;
    Formulas& formulas_;
    KeyNames names_;
    AlikeNodes alike_;
    PairMemo after_key_, after_item_;
    FormulaMemo ends_;   // memo of holds_at_end
};

}  // namespace guidedgen
