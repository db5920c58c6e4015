// What rules say of blocks and brackets: whether each rule closes what it opens, which the proof of an automaton (lalr_proof.h) relies on.
#pragma once

#include "lalr.h"

namespace guidedgen {

class LalrIndents {
  public:
    explicit LalrIndents(const Lalr& machine) : m_(machine) {}

    // No newline is wanted where brackets are open, since it is ignored there.
    bool brackets_hold() const {
        if (m_.newline < 0) return true;
        std::vector<uint8_t> has(m_.nonterminals(), 0);
        for (bool changed = true; changed;) {
            changed = false;
            for (int32_t r = 0; r < m_.rules(); ++r)
                if (!has[m_.left(r)] && any_in(r, 0, m_.length(r), has)) has[m_.left(r)] = 1, changed = true;
        }
        for (int32_t r = 0; r < m_.rules(); ++r) {
            std::vector<int32_t> open;
            for (int32_t k = 0; k < m_.length(r); ++k) {
                const int32_t s = m_.symbol(r, k);
                if (among(m_.opening, s)) open.push_back(k);
                if (!among(m_.closing, s)) continue;
                if (open.empty() || any_in(r, open.back(), k, has)) return false;
                open.pop_back();
            }
            if (!open.empty()) return false;
        }
        return true;
    }

    // Every block that a rule begins it ends, and no other.
    bool blocks_hold() const {
        if (m_.newline < 0) return false;
        for (int32_t r = 0; r < m_.rules(); ++r) {
            int32_t open = 0;
            for (int32_t k = 0; k < m_.length(r) && open >= 0; ++k) open += (m_.symbol(r, k) == m_.indent) - (m_.symbol(r, k) == m_.dedent);
            if (open) return false;
        }
        return true;
    }

    static bool among(const std::vector<int32_t>& list, int32_t s) { return std::find(list.begin(), list.end(), s) != list.end(); }

  private:
    bool any_in(int32_t rule, int32_t from, int32_t to, const std::vector<uint8_t>& has) const {
        for (int32_t k = from; k < to; ++k) {
            const int32_t s = m_.symbol(rule, k);
            if (s >= 0 ? s == m_.newline : has[-1 - s]) return true;
        }
        return false;
    }

    const Lalr& m_;
};

}  // namespace guidedgen
