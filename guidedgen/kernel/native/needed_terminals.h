// The terminals that texts are made of, and what may always stand behind each: any number of some fillers (whitespace, say).
#pragma once

#include <set>

#include "symbols.h"

namespace guidedgen {

class NeededTerminals {
  public:
    struct Needed {
        LexState* start;
        std::vector<LexState*> fillers;
        bool operator<(const Needed& o) const { return start != o.start ? start->id < o.start->id : fillers < o.fillers; }
    };

    // Fillers are found by their form: a terminal that only ever stands first in pairs with the same repetition of terminals.
    static std::set<Needed> of(const Symbols& g) {
        std::vector<int32_t> behind(g.op_.size(), -1);   // by terminal: the repetition behind it, -2: not always the same
        for (size_t s = 0; s < g.op_.size(); ++s) {
            if (g.op_[s] == SymOp::Token) continue;
            const int32_t first = g.first_[s];
            const bool pair = g.op_[s] == SymOp::Sequence && g.first_[s + 1] - first == 2 && fills(g, g.children_[first + 1]);
            for (int32_t k = first; k < g.first_[s + 1]; ++k) {
                int32_t& known = behind[g.children_[k]];
                const int32_t now = pair && k == first ? g.children_[k + 1] : -2;
                known = known == -1 || known == now ? now : -2;
            }
        }
        std::vector<uint8_t> filler(g.op_.size(), 0);
        for (size_t s = 0; s < g.op_.size(); ++s)
            if (behind[s] >= 0) each_filler(g, behind[s], [&](int32_t t) { filler[t] = 1; });
        std::set<Needed> found;
        for (size_t s = 0; s < g.op_.size(); ++s) {
            if (!g.is_terminal(static_cast<int32_t>(s)) || !g.productive_[s] || filler[s]) continue;
            Needed n{g.lexer_->state(g.expr_[s]), {}};
            if (behind[s] >= 0) each_filler(g, behind[s], [&](int32_t t) { n.fillers.push_back(g.lexer_->state(g.expr_[t])); });
            found.insert(std::move(n));
        }
        return found;
    }

  private:
    // Whether a symbol is any number of some terminals.
    static bool fills(const Symbols& g, int32_t s) {
        if (g.op_[s] != SymOp::Repetition || g.low_[s] != 0 || g.high_[s] >= 0) return false;
        const int32_t child = g.children_[g.first_[s]];
        if (g.op_[child] == SymOp::Terminal) return true;
        if (g.op_[child] != SymOp::Choice) return false;
        auto terminal = [&](int32_t c) { return g.op_[c] == SymOp::Terminal; };
        return std::all_of(g.children_.begin() + g.first_[child], g.children_.begin() + g.first_[child + 1], terminal);
    }

    template <class F>
    static void each_filler(const Symbols& g, int32_t repetition, F f) {
        const int32_t child = g.children_[g.first_[repetition]];
        if (g.op_[child] == SymOp::Terminal) return f(child);
        for (int32_t k = g.first_[child]; k < g.first_[child + 1]; ++k) f(g.children_[k]);
    }
};

}  // namespace guidedgen
