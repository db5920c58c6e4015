// Hash-consed boolean formulas over what a JSON value has to satisfy.
//
// A formula is about one value. Its leaves are atoms (a keyword with what is still to be seen of it) and variables
// ("this schema holds", for a value that has not been looked at yet). Reading a member or an item turns a formula into
// the formula that is left; see `json_progress.h`.
#pragma once

#include <algorithm>
#include <array>
#include <unordered_map>
#include <vector>

#include "formula_memo.h"
#include "paged.h"
#include "work.h"

namespace guidedgen {

enum class FOp : uint8_t {
    False, True, And, Or, One, Not,   // One: exactly one of the arguments
    Var,                              // a: schema node, b: scope
    Props, Names,                     // a: schema node, b: scope: properties with patterns and additional ones; propertyNames
    Required,                         // arguments: key texts that are still missing
    MinProps, MaxProps,               // a: count
    UnevaluatedProps,                 // a: schema node, b: scope, arguments: truth of what may have evaluated a member
    Items,                            // a: schema node, b: scope, c: index of the next item
    Contains,                         // a: schema node, b: scope, c: minimum, d: maximum or -1
    MinItems, MaxItems,               // a: count
    Unique,                           // arguments: values seen; a: 1 while the last item's value is not known, 2: after unknown ones
    UnevaluatedItems,                 // as for members; c: index
};

struct Formula {
    FOp op;
    bool vars = false;   // some Var is in it
    int32_t a = 0, b = 0, c = 0, d = 0;
    int32_t args = 0, count = 0;
    bool operator==(const Formula& o) const { return op == o.op && a == o.a && b == o.b && c == o.c && d == o.d && count == o.count; }
};

class Formulas {
  public:
    static constexpr int32_t kFalse = 0, kTrue = 1;

    explicit Formulas(Work& work) : work_(work) {
        nodes_.push_back({FOp::False});
        nodes_.push_back({FOp::True});
    }

    Work& work() const { return work_; }
    const Formula& at(int32_t f) const { return nodes_[f]; }
    int64_t memory() const { return static_cast<int64_t>(nodes_.size() * kNodeBytes + args_.size() * sizeof(int32_t)); }
    int32_t arg(const Formula& f, int32_t i) const { return args_[f.args + i]; }
    std::vector<int32_t> args(int32_t f) const {
        const Formula& n = nodes_[f];
        return {args_.begin() + n.args, args_.begin() + n.args + n.count};
    }

    // What a formula is the conjunction of: its arguments, or itself alone.
    std::vector<int32_t> conjuncts(int32_t f) const { return nodes_[f].op == FOp::And ? args(f) : std::vector<int32_t>{f}; }

    int32_t atom(FOp op, int32_t a, int32_t b = 0, int32_t c = 0, int32_t d = 0, const std::vector<int32_t>& arguments = {}) {
        Formula f{op};
        f.a = a;
        f.b = b;
        f.c = c;
        f.d = d;
        return intern(f, arguments);
    }

    int32_t var(int32_t node, int32_t scope) { return atom(FOp::Var, node, scope); }

    // "These members have been seen": true once nothing of it is left.
    int32_t required(std::vector<int32_t> keys) {
        sort_unique(keys);
        return keys.empty() ? kTrue : atom(FOp::Required, 0, 0, 0, 0, keys);
    }

    int32_t min_count(FOp op, int64_t n) { return n <= 0 ? kTrue : atom(op, static_cast<int32_t>(n)); }
    int32_t max_count(FOp op, int64_t n) { return n < 0 ? kFalse : atom(op, static_cast<int32_t>(n)); }

    int32_t negate(int32_t f) {
        if (f == kTrue) return kFalse;
        if (f == kFalse) return kTrue;
        if (nodes_[f].op == FOp::Not) return arg(nodes_[f], 0);
        return intern({FOp::Not}, {f});
    }

    int32_t both(int32_t f, int32_t g) {
        if (f == kTrue || f == g) return g;
        if (g == kTrue) return f;
        if (f == kFalse || g == kFalse) return kFalse;
        return all({f, g});
    }

    int32_t either(int32_t f, int32_t g) {
        if (f == kFalse || f == g) return g;
        if (g == kFalse) return f;
        if (f == kTrue || g == kTrue) return kTrue;
        return any({f, g});
    }

    int32_t all(std::vector<int32_t> parts) { return junction(FOp::And, kTrue, kFalse, std::move(parts)); }
    int32_t any(std::vector<int32_t> parts) { return junction(FOp::Or, kFalse, kTrue, std::move(parts)); }

    // Exactly one. Parts are kept apart even where they are equal: two equal ones that hold are two.
    int32_t one(std::vector<int32_t> parts) {
        parts.erase(std::remove(parts.begin(), parts.end(), kFalse), parts.end());
        auto certain = std::find(parts.begin(), parts.end(), kTrue);
        if (certain != parts.end()) {
            parts.erase(certain);
            for (int32_t& p : parts) p = negate(p);
            return all(std::move(parts));
        }
        if (parts.empty()) return kFalse;
        if (parts.size() == 1) return parts[0];
        std::sort(parts.begin(), parts.end());
        for (size_t i = 0; i + 1 < parts.size(); ++i) {   // a part that is there twice cannot be the only one
            if (parts[i] != parts[i + 1]) continue;
            int32_t twice = parts[i];
            parts.erase(std::remove(parts.begin(), parts.end(), twice), parts.end());
            return both(negate(twice), one(std::move(parts)));
        }
        return intern({FOp::One}, parts);
    }

    // The formula with every leaf replaced; `leaf` gets the id of an atom or variable. Memoised by the caller's map. What `open` says
    // no to has no leaf that would be replaced.
    template <class F, class Open>
    int32_t rebuild(int32_t f, FormulaMemo& memo, const F& leaf, const Open& open) {
        const Formula n = nodes_[f];
        if (n.op <= FOp::True || !open(n)) return f;
        if (n.op > FOp::Not) return leaf(f);
        if (const int32_t known = memo.find(f); known >= 0) return known;
        work_.spend(n.count + 4);
        std::vector<int32_t> parts;
        bool changed = false;
        for (int32_t i = 0; i < n.count; ++i) {
            const int32_t part = args_[n.args + i], made = rebuild(part, memo, leaf, open);
            if (!changed && made != part) {
                changed = true;
                parts.reserve(static_cast<size_t>(n.count));
                parts.assign(args_.begin() + n.args, args_.begin() + n.args + i);
            }
            if (changed) parts.push_back(made);
        }
        const int32_t made = changed ? combined(n.op, std::move(parts)) : f;
        memo.insert(f, made);
        return made;
    }

    template <class F>
    int32_t rebuild(int32_t f, FormulaMemo& memo, const F& leaf) {
        return rebuild(f, memo, leaf, [](const Formula&) { return true; });
    }

    // The same once: with a memo that is given back.
    template <class F>
    int32_t rebuild(int32_t f, const F& leaf) {
        const FormulaMemos::Lent memo = memos_.lend();
        return rebuild(f, *memo, leaf);
    }

    FormulaMemos::Lent memo() { return memos_.lend(); }

    // Calls `leaf` for every atom and variable, also those that atoms hold as arguments.
    template <class F>
    void each_leaf(int32_t f, F leaf) const {
        std::vector<int32_t> work{f};
        std::unordered_map<int32_t, char> met;
        while (!work.empty()) {
            int32_t now = work.back();
            work.pop_back();
            if (now <= kTrue || !met.emplace(now, 0).second) continue;
            work_.spend(2);
            const Formula n = nodes_[now];   // a copy: `leaf` may add formulas
            if (n.op > FOp::Not) leaf(now);
            if (n.op <= FOp::Not || n.op == FOp::UnevaluatedProps || n.op == FOp::UnevaluatedItems)
                for (int32_t i = n.count; i-- > 0;) work.push_back(args_[n.args + i]);
        }
    }

  private:
    static void sort_unique(std::vector<int32_t>& v) {
        std::sort(v.begin(), v.end());
        v.erase(std::unique(v.begin(), v.end()), v.end());
    }

    int32_t junction(FOp op, int32_t neutral, int32_t absorbing, std::vector<int32_t> parts) {
        for (size_t i = 0; i < parts.size();) {
            if (nodes_[parts[i]].op == op) {
                const Formula n = nodes_[parts[i]];
                parts[i] = args_[n.args];
                for (int32_t k = 1; k < n.count; ++k) parts.push_back(args_[n.args + k]);
            } else {
                ++i;
            }
        }
        work_.spend(static_cast<int64_t>(parts.size()) * kSorting);
        sort_unique(parts);
        if (!parts.empty() && parts.front() <= kTrue) {
            if (std::binary_search(parts.begin(), parts.end(), absorbing)) return absorbing;
            parts.erase(std::remove(parts.begin(), parts.end(), neutral), parts.end());
        }
        for (int32_t p : parts)
            if (nodes_[p].op == FOp::Not && std::binary_search(parts.begin(), parts.end(), arg(nodes_[p], 0))) return absorbing;
        if (op == FOp::And && merge_atoms(parts)) return all(std::move(parts));
        if (parts.empty()) return neutral;
        if (parts.size() == 1) return parts[0];
        return intern({op}, parts);
    }

    int32_t combined(FOp op, std::vector<int32_t> parts) {
        switch (op) {
            case FOp::And: return all(std::move(parts));
            case FOp::Or: return any(std::move(parts));
            case FOp::One: return one(std::move(parts));
            default: return negate(parts[0]);
        }
    }

    // Conjunctions of counts and of required keys are one atom each, so that their state does not depend on its history.
    bool merge_atoms(std::vector<int32_t>& parts) {
        std::array<size_t, static_cast<size_t>(FOp::UnevaluatedItems) + 1> first{};   // by operator: where the first one is, and one more
        size_t kept = 0;
        for (const int32_t part : parts) {
            const FOp op = nodes_[part].op;
            const bool merges = op == FOp::Required || op == FOp::MinProps || op == FOp::MinItems || op == FOp::MaxProps || op == FOp::MaxItems;
            size_t& place = first[static_cast<size_t>(op)];
            if (merges && place > 0) {
                parts[place - 1] = merged(parts[place - 1], part);
                continue;
            }
            if (merges) place = kept + 1;
            parts[kept++] = part;
        }
        const bool changed = kept < parts.size();
        parts.resize(kept);
        return changed;
    }

    int32_t merged(int32_t f, int32_t g) {
        const Formula m = nodes_[f], n = nodes_[g];
        if (m.op == FOp::MinProps || m.op == FOp::MinItems) return m.a >= n.a ? f : g;
        if (m.op == FOp::MaxProps || m.op == FOp::MaxItems) return m.a <= n.a ? f : g;
        std::vector<int32_t> keys = args(f), more = args(g);
        keys.insert(keys.end(), more.begin(), more.end());
        return required(std::move(keys));
    }

    int32_t intern(Formula f, const std::vector<int32_t>& arguments) {
        f.count = static_cast<int32_t>(arguments.size());
        uint64_t h = mix(static_cast<uint64_t>(f.op), static_cast<uint32_t>(f.a));
        h = mix(mix(mix(h, static_cast<uint32_t>(f.b)), static_cast<uint32_t>(f.c)), static_cast<uint32_t>(f.d));
        for (int32_t x : arguments) h = mix(h, static_cast<uint32_t>(x));
        const int32_t known = index_.find(h, [&](int32_t id) {
            return nodes_[id] == f && std::equal(arguments.begin(), arguments.end(), args_.begin() + nodes_[id].args);
        });
        if (known >= 0) return known;
        f.vars = f.op == FOp::Var;
        if (f.op <= FOp::Not || f.op == FOp::UnevaluatedProps || f.op == FOp::UnevaluatedItems)
            for (int32_t x : arguments) f.vars |= nodes_[x].vars;
        work_.hold(static_cast<int64_t>(kNodeBytes + arguments.size() * sizeof(int32_t)));
        f.args = static_cast<int32_t>(args_.size());
        args_.insert(args_.end(), arguments.begin(), arguments.end());
        nodes_.push_back(f);
        const int32_t made = static_cast<int32_t>(nodes_.size()) - 1;
        index_.insert(h, made);
        return made;
    }

    static constexpr size_t kNodeBytes = sizeof(Formula) + 48;
    static constexpr int64_t kSorting = 4;   // steps that an item of a junction counts for

    Work& work_;
    FormulaMemos memos_;
    std::vector<Formula> nodes_;
    std::vector<int32_t> args_;
    IdTable index_;
};

}  // namespace guidedgen
