// Sets of tokens that masks are made of: a share of the vocabulary that somebody else holds, and a few tokens beside it.
#pragma once

#include <algorithm>
#include <cstring>

#include "lexer_states.h"

namespace guidedgen {

// A token set as a base bitmask plus the tokens that it lacks.
struct TokenSet {
    const std::vector<uint32_t>* base = nullptr;
    const std::vector<int32_t>* less = nullptr;   // tokens of `base` that are not in the set, unless they are in it otherwise
    std::vector<uint32_t> owned;
    std::unique_ptr<std::vector<int32_t>> lacking;   // where `less` is of this set alone
    std::vector<int32_t> extra;
    std::vector<int32_t> perhaps;    // tokens that depend on registers: in the set only where these allow them
    const LexMask* shared = nullptr;    // all of its list is in the set, and perhaps not in `extra`
    const LexMask* opening = nullptr;   // the same
    // A base always holds more tokens than the mask has words, and what is shared more than one.
    bool single() const { return !base && !shared && !opening && owned.empty() && extra.size() == 1; }
};

// Unions of token sets of one vocabulary.
class TokenSets {
  public:
    // `marks`: scratch of so many words, all zero between calls.
    TokenSets(size_t words, std::vector<uint32_t>& marks) : words_(words), marks_(marks) { marks_.resize(words); }

    size_t words() const { return words_; }

    static void write(const TokenSet& set, uint32_t* out, size_t words) {
        const std::vector<uint32_t>* base = set.owned.empty() ? set.base : &set.owned;
        if (base) std::memcpy(out, base->data(), words * 4);
        else std::memset(out, 0, words * 4);
        if (set.less)
            for (int32_t t : *set.less) out[t >> 5] &= ~(1u << (t & 31));
        if (set.opening)
            for (int32_t t : set.opening->list) out[t >> 5] |= 1u << (t & 31);
        if (set.shared)
            for (int32_t t : set.shared->list) out[t >> 5] |= 1u << (t & 31);
        for (int32_t t : set.extra) out[t >> 5] |= 1u << (t & 31);
    }

    void add(TokenSet& set, const LexMask& part) {
        if (part.wide) {
            add_base(set, part.wide->dense, &part.gone);
            add(set, part.list);
        } else if (part.dense.empty()) {
            if (part.opening) open(set, *part.opening);
            if (!share(set, part)) add(set, part.list);
        } else {
            add_base(set, part.dense);
        }
    }

    void add(TokenSet& set, const TokenSet& part) {
        if (!part.owned.empty()) add_base(set, part.owned);
        else if (part.base) add_base(set, *part.base, part.less);
        if (part.opening) open(set, *part.opening);
        if (part.shared && !share(set, *part.shared)) add(set, part.shared->list);
        add(set, part.extra);
        set.perhaps.insert(set.perhaps.end(), part.perhaps.begin(), part.perhaps.end());
    }

    void add(TokenSet& set, const std::vector<int32_t>& tokens) { set.extra.insert(set.extra.end(), tokens.begin(), tokens.end()); }

    // Leaves each token in the set once.
    void finish(TokenSet& set) {
        const std::vector<uint32_t>* base = !set.owned.empty() ? &set.owned : set.less ? nullptr : set.base;
        auto& extra = set.extra;
        size_t kept = 0;
        for (int32_t t : extra) {
            const uint32_t bit = 1u << (t & 31);
            if ((marks_[t >> 5] & bit) || (base && ((*base)[t >> 5] & bit))) continue;
            marks_[t >> 5] |= bit;
            extra[kept++] = t;
        }
        extra.resize(kept);
        for (int32_t t : extra) marks_[t >> 5] = 0;
        if (extra.size() > words_) {   // a difference that is larger than the mask itself
            own(set);
            for (int32_t t : extra) set.owned[t >> 5] |= 1u << (t & 31);
            extra.clear();
        }
        extra.shrink_to_fit();
    }

    // Takes tokens away.
    void take(TokenSet& set, std::vector<int32_t> gone) {
        for (int32_t t : gone) marks_[t >> 5] |= 1u << (t & 31);
        const auto taken = [this](int32_t t) { return (marks_[t >> 5] >> (t & 31)) & 1; };
        for (const LexMask** part : {&set.shared, &set.opening})
            if (*part && std::any_of((*part)->list.begin(), (*part)->list.end(), taken)) {
                add(set, (*part)->list);
                *part = nullptr;
            }
        set.extra.erase(std::remove_if(set.extra.begin(), set.extra.end(), taken), set.extra.end());
        for (int32_t t : gone) marks_[t >> 5] = 0;
        if (!set.owned.empty()) {
            for (int32_t t : gone) set.owned[t >> 5] &= ~(1u << (t & 31));
        } else if (set.base) {
            if (set.less) gone.insert(gone.end(), set.less->begin(), set.less->end());
            set.lacking = std::make_unique<std::vector<int32_t>>(std::move(gone));
            set.less = set.lacking.get();
        }
    }

  private:
    void open(TokenSet& set, const LexMask& opening) {
        if (!set.opening) set.opening = &opening;
        else if (set.opening != &opening) add(set, opening.list);
    }

    // Long lists are referred to, the longest of them, rather than copied.
    bool share(TokenSet& set, const LexMask& part) {
        if (&part == set.shared) return true;
        if (part.list.size() < (set.shared ? set.shared->list.size() : kLong)) return false;
        if (set.shared) add(set, set.shared->list);
        set.shared = &part;
        return true;
    }

    // Makes the base a bit set of its own.
    void own(TokenSet& set) {
        if (!set.owned.empty()) return;
        set.owned = set.base ? *set.base : std::vector<uint32_t>(words_, 0);
        if (set.less)
            for (int32_t t : *set.less) set.owned[t >> 5] &= ~(1u << (t & 31));
        set.less = nullptr;
    }

    void add_base(TokenSet& set, const std::vector<uint32_t>& bits, const std::vector<int32_t>* less = nullptr) {
        if (!set.base && set.owned.empty()) {
            set.base = &bits;
            set.less = less;
            return;
        }
        if (set.base == &bits && set.owned.empty() && (set.less == less || !less || !set.less)) {
            if (set.less != less) set.less = nullptr;
            return;
        }
        own(set);
        std::vector<int32_t> lacking;
        if (less)
            for (int32_t t : *less)
                if (!((set.owned[t >> 5] >> (t & 31)) & 1)) lacking.push_back(t);
        for (size_t i = 0; i < words_; ++i) set.owned[i] |= bits[i];
        for (int32_t t : lacking) set.owned[t >> 5] &= ~(1u << (t & 31));
    }

    static constexpr size_t kLong = 48;   // tokens of a list

    size_t words_;
    std::vector<uint32_t>& marks_;
};

}  // namespace guidedgen
