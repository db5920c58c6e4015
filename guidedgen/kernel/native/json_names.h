// The names that the keywords of one object location tell apart: declared ones, and classes of undeclared ones that agree on
// every pattern and propertyNames.
//
// Which classes have a name at all is found in one walk over the product of the conditions' automata; a class is then
// described by as few of the conditions as tell it from the others.
#pragma once

#include "json_meaning.h"
#include "products.h"

namespace guidedgen {

struct KeyClass {
    int32_t key = -1;       // text of a declared name; -1: a class of undeclared names
    int32_t content = -1;   // undeclared: the names, as contents of strings; -1: all but `but`, not worked out yet
    std::vector<int32_t> but;
    bool written = true;    // a declared name can be written with the vocabulary
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

class KeyNames {
  public:
    explicit KeyNames(Meaning& meaning) : meaning_(meaning), formulas_(meaning.formulas()) {}

    int32_t key(int32_t id) const { return classes_[id].key; }
    bool written(int32_t id) const { return classes_[id].written; }
    const Plan& plan(int32_t id) const { return plans_[id]; }
    int64_t memory() const { return static_cast<int64_t>(plans_.size() * 256 + classes_.size() * 160 + satisfies_.size() * kSatisfies) + bytes_; }

    int32_t content(int32_t id) {
        KeyClass& k = classes_[id];
        if (k.content < 0) {
            k.content = all_but(k.but);
            if (prints()) meaning_.state(k.content)->alive = 1;   // finitely many are missing
            k.but.clear();
        }
        return k.content;
    }

    // The plan for objects that some of these formulas (over atoms) are about.
    int32_t plan_of(const std::vector<int32_t>& formulas) {
        std::pair<std::vector<int32_t>, std::vector<Condition>> key;
        auto& [names, conditions] = key;
        for (int32_t f : formulas) mentioned(f, names, conditions);
        std::sort(conditions.begin(), conditions.end());
        conditions.erase(std::unique(conditions.begin(), conditions.end()), conditions.end());
        auto found = plan_ids_.find(key);
        if (found != plan_ids_.end()) return found->second;
        Plan plan;
        for (int32_t name : names) declare(plan, name);
        plan.ordered = plan.declared.size();
        for (int32_t id : other_classes(names, conditions)) {
            std::vector<std::string> few;
            if (!prints() && !meaning_.alive(content(id))) continue;
            if (class_conditions_[id].empty() || !spell_out(content(id), few)) {
                plan.others.push_back(id);
                continue;
            }
            // As if they were declared: each may come once, and that is all there is.
            for (const std::string& name : few) declare(plan, meaning_.table().intern(name));
        }
        plans_.push_back(std::move(plan));
        return plan_ids_[key] = static_cast<int32_t>(plans_.size()) - 1;
    }

    int32_t name_var(int32_t node, int32_t scope) { return meaning_.var(meaning_.table().nodes[node].object->names, scope); }

    bool satisfies(int32_t id, const Condition& c) {
        const std::pair<int32_t, Condition> key{id, c};
        auto known = satisfies_.find(key);
        if (known != satisfies_.end()) return known->second;
        formulas_.work().spend(64);
        formulas_.work().hold(kSatisfies);
        // Undeclared names were told apart by every condition of their plan.
        const int32_t name = classes_[id].key;
        bool result = name >= 0 ? meaning_.texts().holds(content_of(c), meaning_.table().text(name))
                                : std::binary_search(class_conditions_[id].begin(), class_conditions_[id].end(), c);
        satisfies_.emplace(key, result);
        return result;
    }

  private:
    using Marks = std::vector<bool>;   // by condition: whether a name satisfies it; the last one: whether it is declared

    int32_t content_of(const Condition& c) {
        return c.pattern >= 0 ? meaning_.texts().pattern(meaning_.table().text(c.pattern)) : meaning_.strings(c.var, true);
    }

    int32_t declared_names(const std::vector<int32_t>& names) {
        std::vector<std::string> declared;
        for (int32_t n : names) declared.push_back(meaning_.table().text(n));
        return meaning_.texts().literals(declared);
    }

    int32_t all_but(const std::vector<int32_t>& names) { return meaning_.texts().complement(declared_names(names)); }

    void declare(Plan& plan, int32_t name) {
        if (!plan.index.emplace(name, static_cast<int32_t>(plan.declared.size())).second) return;
        auto found = declared_.emplace(name, static_cast<int32_t>(classes_.size()));
        if (found.second) add_class({name, 0, {}, meaning_.writes_name(name)}, {});
        plan.declared.push_back(found.first->second);
    }

    int32_t add_class(KeyClass made, std::vector<Condition> conditions) {
        classes_.push_back(std::move(made));
        bytes_ += static_cast<int64_t>(conditions.size() * sizeof(Condition));
        class_conditions_.push_back(std::move(conditions));
        return static_cast<int32_t>(classes_.size()) - 1;
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
        if (conditions.empty()) return {add_class({-1, -1, names}, {})};
        std::vector<int32_t> contents;
        for (const Condition& c : conditions) contents.push_back(content_of(c));
        contents.push_back(declared_names(names));
        std::vector<Marks> all;
        if (!kinds_of_names(contents, all)) return split_classes(names, conditions);
        std::vector<int32_t> ids;
        for (size_t i = 0; i < all.size(); ++i) {
            if (all[i].back()) continue;
            const int32_t names_of = told_apart(contents, all, i);
            if (prints()) meaning_.state(names_of)->alive = 1;
            ids.push_back(add_class({-1, names_of, {}}, satisfied(conditions, all[i])));
        }
        return ids;
    }

    static std::vector<Condition> satisfied(const std::vector<Condition>& conditions, const Marks& marks) {
        std::vector<Condition> result;
        for (size_t i = 0; i < conditions.size(); ++i)
            if (marks[i]) result.push_back(conditions[i]);
        return result;
    }

    // All combinations of membership that some name has, those that satisfy the first conditions first; false: the search
    // would take too long. The last content is a finite one.
    bool kinds_of_names(const std::vector<int32_t>& contents, std::vector<Marks>& all) {
        Products::Combination start{{0, meaning_.state(meaning_.texts().canonical())}};
        for (size_t i = 0; i < contents.size(); ++i)
            if (contents[i] != Expressions::kEmpty) start.push_back({i + 1, meaning_.state(contents[i])});
        std::map<Marks, char, std::greater<Marks>> found;
        const size_t free = contents.size() - (contents.back() == Expressions::kEmpty);   // nothing is declared: never
        const size_t most = free < 16 ? size_t{1} << free : SIZE_MAX;
        Marks now(contents.size());
        const auto walk = products_.each(start, kMostWork, [&](const Products::Combination& at) {
            if (!at[0].state->accepting) return at.size() > 1 ? Products::Next::Follow : Products::Next::Leave;
            std::fill(now.begin(), now.end(), false);
            bool open = false;   // some condition may still change
            for (size_t i = 1; i < at.size(); ++i) {
                now[at[i].automaton - 1] = at[i].state->accepting;
                open |= at[i].automaton < contents.size() && at[i].state->expr != meaning_.texts().any();
            }
            found.emplace(now, 0);
            if (!open && at.back().automaton == contents.size()) {   // both are still to come
                now.back() = !now.back();
                found.emplace(now, 0);
            }
            if (found.size() >= std::min(most, kMostClasses)) return Products::Next::End;
            return open ? Products::Next::Follow : Products::Next::Leave;
        });
        if (walk == Products::Walk::TooLong || found.size() >= kMostClasses) return false;
        for (auto& entry : found) all.push_back(entry.first);
        return true;
    }

    // The names with the marks all[which], by as few of the contents as tell them from names with other marks.
    int32_t told_apart(const std::vector<int32_t>& contents, const std::vector<Marks>& all, size_t which) {
        const Marks& marks = all[which];
        std::vector<size_t> left;
        for (size_t i = 0; i < all.size(); ++i)
            if (i != which) left.push_back(i);
        int32_t result = meaning_.texts().any();
        while (!left.empty()) {
            size_t best = 0;
            int64_t most = -1;
            for (size_t c = 0; c < contents.size(); ++c) {
                int64_t apart = 0;
                for (size_t i : left) apart += all[i][c] != marks[c];
                if (apart = 2 * apart + (apart && marks[c]); apart > most) most = apart, best = c;   // what holds is simpler than a complement
            }
            result = meet(result, marks[best] ? contents[best] : meaning_.texts().complement(contents[best]));
            left.erase(std::remove_if(left.begin(), left.end(), [&](size_t i) { return all[i][best] != marks[best]; }), left.end());
        }
        return result;
    }

    // The same condition by condition, where the walk would meet too many combinations.
    std::vector<int32_t> split_classes(const std::vector<int32_t>& names, const std::vector<Condition>& conditions) {
        std::vector<std::pair<int32_t, std::vector<Condition>>> found{{all_but(names), {}}};
        for (const Condition& c : conditions) {
            const int32_t inside = content_of(c), outside = meaning_.texts().complement(inside);
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
        for (auto& entry : found) ids.push_back(add_class({-1, entry.first, {}}, std::move(entry.second)));
        return ids;
    }

    // All names of a class that has few; false where there are many, or where it cannot be told easily.
    bool spell_out(int32_t content, std::vector<std::string>& names) {
        struct Way { LexState* state; std::string text; };
        std::vector<Way> ways{{meaning_.state(content), ""}};
        Lexer& lexer = meaning_.lexer();
        for (size_t i = 0; i < ways.size(); ++i) {
            // Each way that is open leads to a name of its own.
            if (ways.size() - i + names.size() > kMostNames || ways[i].text.size() > kLongestName) return false;
            LexState* state = ways[i].state;
            if (state->accepting) names.push_back(ways[i].text);
            lexer.prune(state);
            for (size_t e = 0; e < state->edges.size(); ++e) {
                if (state->edges[e].bytes.count() > static_cast<int>(kMostNames) + 1) return false;
                state->edges[e].bytes.each([&](uint8_t b) {
                    if (b != '\\') ways.push_back({lexer.target(state, e), ways[i].text + static_cast<char>(b)});
                });
            }
        }
        // What is found: names that need no escape.
        return !meaning_.alive(meet(content, meaning_.texts().complement(meaning_.texts().plain())));
    }

    // Whether the vocabulary can write what names usually consist of.
    bool prints() const { return meaning_.lexer().expressions().prints(); }

    static constexpr int64_t kSatisfies = 96;   // bytes that a memoised answer takes
    static constexpr size_t kMostNames = 64, kLongestName = 64;
    static constexpr size_t kMostWork = 50'000, kMostClasses = 256;

    int32_t meet(int32_t f, int32_t g) { return meaning_.texts().both({f, g}); }

    Meaning& meaning_;
    Formulas& formulas_;
    Products products_{meaning_.lexer()};
    Stable<KeyClass> classes_;
    std::vector<std::vector<Condition>> class_conditions_;   // sorted, as conditions are
    Stable<Plan> plans_;
    std::map<std::pair<std::vector<int32_t>, std::vector<Condition>>, int32_t> plan_ids_;
    std::map<std::pair<int32_t, Condition>, bool> satisfies_;
    int64_t bytes_ = 0;                                      // of conditions
    std::unordered_map<int32_t, int32_t> declared_;
    std::unordered_map<int32_t, char> named_;   // scratch of `mentioned`
};

}  // namespace guidedgen
