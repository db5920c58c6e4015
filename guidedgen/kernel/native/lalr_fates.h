// Which places of an automaton's states can still be completed, where some of its terminals have no text at all.
//
// Grammars say by such terminals what must not follow. What an automaton's stack holds in front of one is a dead end, although the
// same states may stand elsewhere, where they are none. A state has an outlook for each of its places: whether the text can be completed
// once the rule there is complete. Where it can be met with different outlooks it becomes several states that do the same; they
// are found from the start state on. After that a state alone says which of its places lead nowhere.
#pragma once

#include <map>

#include "lalr.h"
#include "work.h"

namespace guidedgen {

class LalrFates {
  public:
    LalrFates(Lalr& machine, Work& work) : m_(machine), work_(work) {
        if (machine.always_ends()) return;
        const int32_t most = machine.states() * 2 + kMore;
        outlook_.resize(static_cast<size_t>(machine.states()));
        for (int32_t s = 0; s < machine.states(); ++s) original_.push_back(s);
        meet(machine.start, Outlook(static_cast<size_t>(machine.places(machine.start)), 1));
        for (size_t i = 0; i < met_.size() && known_; ++i) {
            leave(met_[i]);
            known_ = machine.states() <= most;
        }
        numbers_.clear();
    }

    // False: there are too many outlooks to tell them apart.
    bool known() const { return known_; }

    // Whether the text can be completed once the rule at a state's i-th place is complete.
    bool ends(int32_t state, int32_t i) const {
        if (outlook_.empty()) return true;
        const Outlook& known = outlook_[static_cast<size_t>(state)];
        return known.empty() || known[static_cast<size_t>(i)];   // empty: no text leads to that state
    }

  private:
    static constexpr int32_t kMore = 1000;   // states
    using Outlook = std::vector<uint8_t>;    // by place

    // The state that does what another one did in the beginning, and has an outlook.
    int32_t meet(int32_t state, Outlook outlook) {
        const int32_t original = original_[static_cast<size_t>(state)];
        const auto known = numbers_.find({original, outlook});
        if (known != numbers_.end()) return known->second;
        int32_t number = original;
        if (!outlook_[static_cast<size_t>(original)].empty()) {
            number = m_.copy(original);
            original_.push_back(original);
            outlook_.emplace_back();
        }
        outlook_[static_cast<size_t>(number)] = outlook;
        numbers_.emplace(std::make_pair(original, std::move(outlook)), number);
        met_.push_back(number);
        return number;
    }

    // Every state that follows becomes one with the outlook that it has from here.
    void leave(int32_t state) {
        const Outlook here = outlook_[static_cast<size_t>(state)];
        const std::vector<uint8_t> alive = predicted(state, here);
        m_.replace_next(state, [&](int32_t to) {
            Outlook there;
            for (int32_t i = 0; i < m_.places(to); ++i) {
                const int32_t rule = m_.rule(to, i), place = m_.place(to, i);
                there.push_back(place == 1 ? alive[static_cast<size_t>(m_.left(rule))] : outlook_at(state, here, rule, place - 1));
            }
            work_.spend(1 + m_.places(to));
            return meet(to, std::move(there));
        });
    }

    uint8_t outlook_at(int32_t state, const Outlook& here, int32_t rule, int32_t place) const {
        for (int32_t i = 0; i < m_.places(state); ++i)
            if (m_.rule(state, i) == rule && m_.place(state, i) == place) return here[static_cast<size_t>(i)];
        return 0;
    }

    // The nonterminals after which a text can be completed, of those that may come next.
    std::vector<uint8_t> predicted(int32_t state, const Outlook& here) {
        std::vector<uint8_t> alive(static_cast<size_t>(m_.nonterminals()), 0);
        std::vector<int32_t> work;
        auto add = [&](int32_t rule, int32_t place) {
            work_.spend(1);
            if (place >= m_.length(rule) || m_.symbol(rule, place) >= 0 || m_.rest(rule, place + 1) >= kFar) return;
            const int32_t next = -1 - m_.symbol(rule, place);
            if (alive[static_cast<size_t>(next)]) return;
            alive[static_cast<size_t>(next)] = 1;
            work.push_back(next);
        };
        for (int32_t i = 0; i < m_.places(state); ++i)
            if (here[static_cast<size_t>(i)]) add(m_.rule(state, i), m_.place(state, i));
        while (!work.empty()) {
            const int32_t now = work.back();
            work.pop_back();
            m_.each_rule(now, [&](int32_t rule) { add(rule, 0); });
        }
        return alive;
    }

    Lalr& m_;
    Work& work_;
    bool known_ = true;
    std::vector<int32_t> original_;                            // by state: which one it is a copy of
    std::vector<Outlook> outlook_;                             // by state
    std::map<std::pair<int32_t, Outlook>, int32_t> numbers_;   // by original and outlook
    std::vector<int32_t> met_;
};

}  // namespace guidedgen
