// What is left of a formula about an array or object after one more item or member, and at its end.
//
// The member's or item's own value has not been looked at: what it has to satisfy appears as variables in the result.
// Keys matter only by class: a declared name, or the undeclared names that agree on every pattern and propertyNames.
// Source of the method: formula progression, Bacchus and Kabanza, "Using temporal logics to express search control
// knowledge for planning", Artificial Intelligence 2000; here over members and items instead of time.
#pragma once

#include "json_meaning.h"

namespace guidedgen {

struct KeyClass {
    int32_t key = -1;                  // text of a declared name; -1: a class of undeclared names
    int32_t content = 0;               // undeclared: the names, as contents of strings
};

// What a pattern (text id) or a propertyNames schema (variable) demands of a name.
struct Condition {
    int32_t pattern, var;   // one of them is -1
    bool operator<(const Condition& o) const { return pattern != o.pattern ? pattern < o.pattern : var < o.var; }
    bool operator==(const Condition& o) const { return pattern == o.pattern && var == o.var; }
};

// The names that the keywords of one object location tell apart.
struct Plan {
    std::vector<int32_t> declared;                  // class ids, in order of first mention; then names of finite patterns
    size_t ordered = 0;                             // how many of them the schema itself mentions
    std::unordered_map<int32_t, int32_t> index;     // key text -> place in `declared`
    std::vector<int32_t> others;                    // class ids
};

class Progress {
  public:
    explicit Progress(Meaning& meaning) : meaning_(meaning), formulas_(meaning.formulas()) {}

    const KeyClass& key_class(int32_t id) const { return classes_[id]; }
    const Plan& plan(int32_t id) const { return plans_[id]; }
    int64_t memory() const {
        return static_cast<int64_t>(plans_.size() * 256 + classes_.size() * 128 + after_key_.size() * 48 + after_item_.size() * 48 +
                                    satisfies_.size() * kSatisfies) + bytes_;
    }

    // The plan for objects that some of these formulas (over atoms) are about.
    int32_t plan_of(const std::vector<int32_t>& formulas) {
        std::vector<int32_t> names;
        std::vector<Condition> conditions;
        for (int32_t f : formulas) mentioned(f, names, conditions);
        std::sort(conditions.begin(), conditions.end());
        conditions.erase(std::unique(conditions.begin(), conditions.end()), conditions.end());
        std::pair<std::vector<int32_t>, std::vector<Condition>> key{names, conditions};
        auto found = plan_ids_.find(key);
        if (found != plan_ids_.end()) return found->second;
        Plan plan;
        for (int32_t name : names) {
            plan.index.emplace(name, static_cast<int32_t>(plan.declared.size()));
            plan.declared.push_back(declared_class(name));
        }
        plan.ordered = plan.declared.size();
        for (int32_t id : other_classes(names, conditions)) {
            std::vector<std::string> few;
            if (class_conditions_[id].empty() || !spell_out(classes_[id].content, few)) {
                plan.others.push_back(id);
                continue;
            }
            for (const std::string& name : few) {   // as if they were declared: each may come once, and that is all there is
                const int32_t text = meaning_.table().intern(name);
                plan.index.emplace(text, static_cast<int32_t>(plan.declared.size()));
                plan.declared.push_back(declared_class(text));
            }
        }
        plans_.push_back(std::move(plan));
        return plan_ids_[key] = static_cast<int32_t>(plans_.size()) - 1;
    }

    // After the key of a member; variables stand for its value.
    int32_t after_key(int32_t f, int32_t key_class) {
        return memoised(after_key_, f, key_class, [&](int32_t leaf) { return member(leaf, key_class); });
    }

    int32_t after_item(int32_t f) {
        return memoised(after_item_, f, 0, [&](int32_t leaf) { return item(leaf); });
    }

    // Whether a formula holds when nothing more comes.
    bool holds_at_end(int32_t f) {
        std::unordered_map<int32_t, int32_t> memo;
        return formulas_.rebuild(f, memo, [&](int32_t leaf) { return at_end(leaf) ? Formulas::kTrue : Formulas::kFalse; }) == Formulas::kTrue;
    }

    // With the variable known to be true or false.
    int32_t assign(int32_t f, int32_t var, bool truth) {
        if (!formulas_.at(f).vars) return f;
        std::unordered_map<int32_t, int32_t> memo;
        return assign(f, var, truth, memo);
    }

    static constexpr int32_t kSomeValue = -2;

    // "The item equals an earlier one whose value is not known": a variable that searches may set as they like.
    int32_t repeats() { return formulas_.var(-1, 0); }
    bool is_repeats(int32_t f) const { return formulas_.at(f).op == FOp::Var && formulas_.at(f).a < 0; }

    // With the value of the last item known: it joins those that Unique has seen. kSomeValue: there was one, known to nobody.
    int32_t with_value(int32_t f, int32_t value) {
        std::unordered_map<int32_t, int32_t> memo;
        return with_value(f, value, memo);
    }

  private:
    int32_t with_value(int32_t f, int32_t value, std::unordered_map<int32_t, int32_t>& memo) {
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
        std::unordered_map<int32_t, int32_t> parts;
        int32_t made = formulas_.rebuild(f, parts, leaf);
        memo.emplace(key, made);
        formulas_.work().hold(48);
        return made;
    }

    int32_t assign(int32_t f, int32_t var, bool truth, std::unordered_map<int32_t, int32_t>& memo) {
        return formulas_.rebuild(f, memo, [&](int32_t leaf) {
            if (leaf == var) return truth ? Formulas::kTrue : Formulas::kFalse;
            const Formula n = formulas_.at(leaf);
            if (!n.vars || n.op == FOp::Var) return leaf;
            std::vector<int32_t> args = formulas_.args(leaf);
            for (int32_t& a : args) a = assign(a, var, truth, memo);
            return formulas_.atom(n.op, n.a, n.b, n.c, n.d, args);
        });
    }

    // --- members

    int32_t member(int32_t leaf, int32_t id) {
        const Formula n = formulas_.at(leaf);
        const KeyClass& k = classes_[id];
        switch (n.op) {
            case FOp::Props: return formulas_.both(leaf, formulas_.all(children(n.a, n.b, id)));
            case FOp::Names: return satisfies(id, {-1, name_var(n.a, n.b)}) ? leaf : Formulas::kFalse;
            case FOp::Required: {
                std::vector<int32_t> keys = formulas_.args(leaf);
                keys.erase(std::remove(keys.begin(), keys.end(), k.key), keys.end());
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
        if (classes_[id].key >= 0) {
            int32_t child = meaning_.property(node, classes_[id].key);
            if (child >= 0) {
                found = true;
                result.push_back(meaning_.var(child, scope));
            }
        }
        for (const auto& p : o.patterns)
            if (satisfies(id, {p.first, -1})) {
                found = true;
                result.push_back(meaning_.var(p.second, scope));
            }
        if (!found && o.additional >= 0) result.push_back(meaning_.var(o.additional, scope));
        return result;
    }

    // Whether the keywords of one node look at a member with such a key (as unevaluatedProperties asks).
    bool evaluates(int32_t node, int32_t id) {
        const ObjectKeywords* o = meaning_.table().nodes[node].object.get();
        if (!o) return false;
        if (o->additional >= 0 || o->unevaluated >= 0) return true;
        if (classes_[id].key >= 0 && meaning_.property(node, classes_[id].key) >= 0) return true;
        return std::any_of(o->patterns.begin(), o->patterns.end(), [&](const auto& p) { return satisfies(id, {p.first, -1}); });
    }

    int32_t unevaluated_member(int32_t leaf, int32_t id) {
        const Formula n = formulas_.at(leaf);
        std::vector<int32_t> truths = formulas_.args(leaf);
        for (int32_t& t : truths) t = after_key(t, id);
        const ObjectKeywords& o = *meaning_.table().nodes[n.a].object;
        const bool own = o.additional >= 0 || (classes_[id].key >= 0 && meaning_.property(n.a, classes_[id].key) >= 0) ||
                         std::any_of(o.patterns.begin(), o.patterns.end(), [&](const auto& p) { return satisfies(id, {p.first, -1}); });
        const int32_t rest = formulas_.atom(FOp::UnevaluatedProps, n.a, n.b, 0, 0, truths);
        if (own) return rest;
        std::vector<int32_t> options{meaning_.var(o.unevaluated, n.b)};
        const auto& contributors = meaning_.contributors(n.a, n.b, Kind::Object);
        for (size_t i = 0; i < contributors.size(); ++i)
            if (evaluates(contributors[i].node, id)) options.push_back(truths[i]);
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

    bool at_end(int32_t leaf) {
        const Formula& n = formulas_.at(leaf);
        switch (n.op) {
            case FOp::Required:
            case FOp::MinProps:
            case FOp::MinItems: return false;
            case FOp::Contains: return n.c == 0;
            default: return true;
        }
    }

    // --- names

    int32_t name_var(int32_t node, int32_t scope) { return meaning_.var(meaning_.table().nodes[node].object->names, scope); }

    int32_t content_of(const Condition& c) {
        return c.pattern >= 0 ? meaning_.texts().pattern(meaning_.table().text(c.pattern)) : meaning_.strings(c.var, true);
    }

    bool satisfies(int32_t id, const Condition& c) {
        const KeyClass& k = classes_[id];
        const std::pair<int32_t, Condition> key{id, c};
        auto known = satisfies_.find(key);
        if (known != satisfies_.end()) return known->second;
        formulas_.work().spend(64);
        // Undeclared names were told apart by every condition of their plan.
        bool result = k.key >= 0 ? meaning_.texts().holds(content_of(c), meaning_.table().text(k.key))
                                 : std::binary_search(class_conditions_[id].begin(), class_conditions_[id].end(), c);
        formulas_.work().hold(kSatisfies);
        satisfies_.emplace(key, result);
        return result;
    }

    int32_t declared_class(int32_t name) {
        auto found = declared_.emplace(name, static_cast<int32_t>(classes_.size()));
        if (found.second) {
            classes_.push_back({name, 0});
            class_conditions_.emplace_back();
        }
        return found.first->second;
    }

    void add_name(int32_t name, std::vector<int32_t>& names) {
        if (named_.emplace(name, 0).second) names.push_back(name);
    }

    void mentioned(int32_t f, std::vector<int32_t>& names, std::vector<Condition>& conditions) {
        named_.clear();
        for (int32_t n : names) named_.emplace(n, 0);
        std::vector<std::pair<int32_t, int32_t>> places;   // nodes in order of creation, which follows the schema's text
        std::vector<int32_t> required;
        formulas_.each_leaf(f, [&](int32_t leaf) {
            const Formula n = formulas_.at(leaf);
            if (n.op == FOp::Props || n.op == FOp::UnevaluatedProps) places.emplace_back(n.a, n.b);
            if (n.op == FOp::Names) conditions.push_back({-1, name_var(n.a, n.b)});
            if (n.op == FOp::Required)
                for (int32_t k : formulas_.args(leaf)) required.push_back(k);
            if (n.op == FOp::UnevaluatedProps)
                for (const auto& c : meaning_.contributors(n.a, n.b, Kind::Object)) places.emplace_back(c.node, c.scope);
        });
        std::sort(places.begin(), places.end());
        places.erase(std::unique(places.begin(), places.end()), places.end());
        for (const auto& place : places) {
            const ObjectKeywords* o = meaning_.table().nodes[place.first].object.get();
            if (!o) continue;
            for (const auto& p : o->properties) add_name(p.first, names);
            for (const auto& p : o->patterns) conditions.push_back({p.first, -1});
        }
        for (int32_t k : required) add_name(k, names);
    }

    std::vector<int32_t> other_classes(const std::vector<int32_t>& names, const std::vector<Condition>& conditions) {
        std::vector<std::string> declared;
        for (int32_t n : names) declared.push_back(meaning_.table().text(n));
        Texts& texts = meaning_.texts();
        int32_t base = declared.empty() ? texts.any() : texts.complement(texts.literals(declared));
        std::vector<std::pair<int32_t, std::vector<Condition>>> found{{base, {}}};
        for (const Condition& c : conditions) {
            const int32_t inside = content_of(c), outside = texts.complement(inside);
            std::vector<std::pair<int32_t, std::vector<Condition>>> next;
            for (auto& entry : found) {
                const size_t conditions_here = entry.second.size();
                formulas_.work().spend(static_cast<int64_t>(64 + conditions_here / 2));
                formulas_.work().hold(static_cast<int64_t>(sizeof(entry) + conditions_here * sizeof(Condition)));
                int32_t in = meet(entry.first, inside), out = meet(entry.first, outside);
                if (meaning_.alive(in)) {
                    next.emplace_back(in, entry.second);
                    next.back().second.push_back(c);
                }
                if (meaning_.alive(out)) next.emplace_back(out, std::move(entry.second));
            }
            found = std::move(next);
        }
        std::vector<int32_t> ids;
        for (auto& entry : found) {
            ids.push_back(static_cast<int32_t>(classes_.size()));
            classes_.push_back({-1, entry.first});
            bytes_ += static_cast<int64_t>(entry.second.size() * sizeof(Condition));
            class_conditions_.push_back(std::move(entry.second));
        }
        return ids;
    }

    // All names of a class that has few; false where there are many, or where it cannot be told easily.
    bool spell_out(int32_t content, std::vector<std::string>& names) {
        static constexpr char plain[] = "^[^\"\\\\\\x00-\\x1f]*$";
        const int32_t unescaped = meaning_.texts().pattern(plain);
        if (meaning_.alive(meet(content, meaning_.texts().complement(unescaped)))) return false;
        struct Way { LexState* state; std::string text; };
        std::vector<Way> ways{{meaning_.state(content), ""}};
        Lexer& lexer = meaning_.lexer();
        for (size_t i = 0; i < ways.size(); ++i) {
            if (ways.size() > kMostWays || ways[i].text.size() > kLongestName) return false;
            if (ways[i].state->accepting) names.push_back(ways[i].text);
            if (names.size() > kMostNames) return false;
            lexer.prune(ways[i].state);
            for (size_t g = 1; g < ways[i].state->to.size(); ++g) {
                LexState* to = ways[i].state->to[g];
                if (ways[i].state->sets[g].count() > static_cast<int>(kMostNames) + 1) return false;
                std::vector<uint8_t> bytes;
                ways[i].state->sets[g].each([&](uint8_t b) { if (b != '\\') bytes.push_back(b); });
                for (uint8_t b : bytes) ways.push_back({to, ways[i].text + static_cast<char>(b)});
            }
        }
        return true;
    }

    static constexpr int64_t kSatisfies = 96;   // bytes that a memoised answer takes
    static constexpr size_t kMostNames = 64, kMostWays = 1000, kLongestName = 64;

    int32_t meet(int32_t f, int32_t g) {
        const int32_t any = meaning_.texts().any();
        return f == any ? g : g == any ? f : meaning_.lexer().expressions().both({f, g});
    }

    Meaning& meaning_;
    Formulas& formulas_;
    std::deque<KeyClass> classes_;
    std::vector<std::vector<Condition>> class_conditions_;   // sorted, as they were tried in order
    std::deque<Plan> plans_;
    std::map<std::pair<std::vector<int32_t>, std::vector<Condition>>, int32_t> plan_ids_;
    std::map<std::pair<int32_t, Condition>, bool> satisfies_;
    std::unordered_map<int32_t, int32_t> declared_;
    std::unordered_map<int32_t, char> named_;   // scratch of `mentioned`
    PairMemo after_key_, after_item_;
    int64_t bytes_ = 0;
};

}  // namespace guidedgen
