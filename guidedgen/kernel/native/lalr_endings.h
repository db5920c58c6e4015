// How the text of an automaton can be brought to an end behind which certain bytes may follow: a second, stronger proof for automata that
// stand before other text, such as a program before a line break and a fence, where a newline would take the line break for its own.
//
// Which classes of terminals (lalr_proof.h) may be the last ones is given. A state is good for a class if, wherever it stands on a stack and
// that class was read last, samples lead to such an end: at one of its places the rule can be completed so that each state to which that
// leads, whatever lies below, is good for the class that the rule ends by. What is good has an end: stacks get lower, and as long as one
// does not (a rule one symbol of which was read is completed) states count only for what was found before, as in a least fixpoint.
#pragma once

#include <array>

#include "lalr.h"
#include "work.h"

namespace guidedgen {

class LalrEndings {
  public:
    static constexpr int kMostClasses = 32;
    using Bits = uint32_t;
    using Ways = std::array<Bits, kMostClasses>;   // by the class that was read last: those by which the rule at a place may end

    // `stands`: the states that are looked at; no other is on any stack that is asked about.
    LalrEndings(const Lalr& machine, Work& work, const std::vector<uint8_t>& stands) : m_(machine) {
        for (int32_t s = 0; s < m_.states(); ++s) {
            first_.push_back(static_cast<int32_t>(behind_.size()));
            behind_.resize(behind_.size() + static_cast<size_t>(m_.places(s)));
        }
        for (int32_t below = 0; below < m_.states(); ++below)
            if (stands[static_cast<size_t>(below)]) note_rules(below, work);
    }

    // The classes that each state is good for, where those that may be the last ones are given. `ways_of`: nullptr where a place does not count.
    template <class F>
    std::vector<Bits> good(Bits last, Work& work, F ways_of) const {
        if (ends_elsewhere_) return std::vector<Bits>(first_.size(), 0);
        std::vector<Bits> lower(first_.size(), ~Bits{0});
        for (;;) {
            std::vector<Bits> now = good_above(lower, last, work, ways_of);
            if (now == lower) return now;
            lower = std::move(now);
        }
    }

  private:
    // The classes that each state is good for if states lower on stacks are for what `lower` says.
    template <class F>
    std::vector<Bits> good_above(const std::vector<Bits>& lower, Bits last, Work& work, F ways_of) const {
        std::vector<Bits> good(first_.size(), 0);
        good[static_cast<size_t>(m_.end)] = last;
        for (bool changed = true; changed;) {
            changed = false;
            for (int32_t s = 0; s < m_.states(); ++s) {
                Bits& now = good[static_cast<size_t>(s)];
                const Bits before = now;
                for (int32_t i = 0; i < m_.places(s); ++i) {
                    const Bits allowed = allowed_behind(s, i, m_.place(s, i) > 1 ? lower : good);
                    const Ways* ways = allowed ? ways_of(s, i) : nullptr;
                    for (int c = 0; ways && c < kMostClasses; ++c)
                        if ((*ways)[static_cast<size_t>(c)] & allowed) now |= Bits{1} << c;
                }
                work.spend(1 + m_.places(s));
                changed = changed || now != before;
            }
        }
        return good;
    }

    // Goes through the rules that a state predicts: wherever one stands, the state behind its nonterminal comes once it is complete.
    void note_rules(int32_t below, Work& work) {
        m_.each_after(below, [&](int32_t nonterminal, int32_t to) {
            ends_elsewhere_ = ends_elsewhere_ || (to == m_.end && below != m_.start);
            m_.each_rule(nonterminal, [&](int32_t rule) {
                int32_t now = below;
                for (int32_t k = 0; k < m_.length(rule) && now >= 0; ++k) {
                    const int32_t s = m_.symbol(rule, k);
                    now = s >= 0 ? m_.action(now, s) : m_.after(now, -1 - s);
                    if (now >= 0) note(now, rule, k + 1, to);
                }
                work.spend(1);
            });
        });
        if (below == m_.start) behind_[static_cast<size_t>(first_[static_cast<size_t>(below)])].push_back(m_.end);   // rule 0 is the whole text
    }

    void note(int32_t state, int32_t rule, int32_t place, int32_t to) {
        for (int32_t i = 0; i < m_.places(state); ++i) {
            if (m_.rule(state, i) != rule || m_.place(state, i) != place) continue;
            auto& known = behind_[static_cast<size_t>(first_[static_cast<size_t>(state)] + i)];
            if (std::find(known.begin(), known.end(), to) == known.end()) known.push_back(to);
        }
    }

    Bits allowed_behind(int32_t state, int32_t i, const std::vector<Bits>& good) const {
        const auto& states = behind_[static_cast<size_t>(first_[static_cast<size_t>(state)] + i)];
        Bits allowed = states.empty() ? 0 : ~Bits{0};
        for (int32_t to : states) allowed &= good[static_cast<size_t>(to)];
        return allowed;
    }

    const Lalr& m_;
    std::vector<int32_t> first_;                  // by state: the first of its places in `behind_`
    std::vector<std::vector<int32_t>> behind_;    // by place: where the automaton goes on once the rule there is complete
    bool ends_elsewhere_ = false;                 // the state behind the whole text is met within it
};

}  // namespace guidedgen
