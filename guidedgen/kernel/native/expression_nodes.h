// What an expression is made of; `expression_table.h` keeps them, `expression_forms.h` makes and `expressions.h` derives them.
#pragma once

#include <algorithm>
#include <memory>
#include <unordered_map>
#include <vector>

#include "common.h"

namespace guidedgen {

enum class Op : uint8_t { Empty, Epsilon, Bytes, Literal, Concat, Or, And, Not, Repeat, Lazy, Longest };

struct Expr {
    Op op;
    bool nullable;
    bool boolean;       // contains And or Not: emptiness must be searched for
    int32_t reach;      // bytes after which the largest bound of a repetition in it can matter; see clamp()
    // Bytes: set; Concat: head, tail; Not, Repeat: child; Or, And: args offset, count; Lazy: source, state; Longest: accepted, tracked
    int32_t a = 0, b = 0;
    int32_t low = 0, high = -1;        // Repeat; Longest: low is its ban
    int32_t shortest = 0;              // no text in it has fewer bytes; one has as many, unless `boolean` or `lazy`
    bool sure = false;                 // some text is in it, which is plain to see
    bool lazy = false;                 // contains Lazy
    bool text = false;                 // all of it is in the universe; see ExpressionTable::set_universe
    bool finite = false;               // it is plain to see that it has finitely many texts
    bool endless = false;              // ... and here, that it has not
    bool vague() const { return boolean || lazy; }   // `shortest` may not be the length of a text
};

using Partition = std::vector<std::pair<ByteSet, int32_t>>;   // disjoint byte sets and what follows each

// A language whose derivatives are worked out state by state, where no expression describes them in reasonable size:
// remainders of a division, say. Where no state is dead (`sure`), searches for accepted texts are spared.
struct Derivation {
    virtual ~Derivation() = default;
    virtual int32_t start() = 0;   // its expression
    virtual Partition derive(int32_t state) = 0;
    virtual bool accepts(int32_t state) const = 0;
    virtual bool sure() const { return true; }   // as long as all of ASCII that is printable can be written
    virtual bool knows_bytes() const { return false; }   // that holds whatever can be written
    virtual int32_t nearest(int32_t state) const = 0;    // no text from the state has fewer bytes; falls by 1 a byte at most
    virtual const class ByteGraph* graph() const { return nullptr; }   // where its states are those of an explicit automaton
};

// All derivations of one set of expressions, by name.
struct Derivations {
    std::vector<std::unique_ptr<Derivation>> all;
    std::unordered_map<std::string, int32_t> names;

    // The one of that name, which `make` (given its number) makes the first time.
    template <class F>
    Derivation& at(const std::string& name, F make) {
        auto found = names.find(name);
        if (found == names.end()) {
            all.push_back(make(static_cast<int32_t>(all.size())));
            found = names.emplace(name, static_cast<int32_t>(all.size()) - 1).first;
        }
        return *all[found->second];
    }
};

constexpr int32_t kManyBytes = 1 << 28;   // lengths of texts are exact below

inline int32_t times_bytes(int32_t count, int32_t bytes) {
    return static_cast<int32_t>(std::min<int64_t>(kManyBytes, int64_t{count} * bytes));
}

inline uint64_t key_hash(const Expr& e) {
    uint64_t h = mix(static_cast<uint64_t>(e.op), static_cast<uint32_t>(e.a));
    h = mix(h, static_cast<uint32_t>(e.b));
    return mix(mix(h, static_cast<uint32_t>(e.low)), static_cast<uint32_t>(e.high));
}

}  // namespace guidedgen
