// An LALR(1) automaton as numbers: what a state does on a terminal, and what completing a stack of states costs at least.
//
// It knows no stacks: rows are those (see rows_lalr.h). The cost after a place in a rule is worked out from the rules alone. Where no
// conflict had to be resolved and any terminal may match, that is what the cheapest completion costs; else it is a lower bound.
#pragma once

#include <unordered_map>
#include <vector>

#include "lalr_blocks.h"

namespace guidedgen {

constexpr int32_t kLalr = -(1 << 30);   // slots of items down from here are states of automata

class Lalr {
  public:
    static constexpr int32_t kNone = INT32_MIN;   // no action
    static constexpr int32_t kTab = 1 << 16;      // in a column of tabs and blanks

    // The row of a LALR symbol; `lalr_table.py` says what it holds, and has checked it.
    Lalr(const int32_t* row, int32_t first_state) : first_state_(first_state) {
        int32_t* const header[] = {&states_, &terminals_, &nonterminals_, &rules_, &start, &end, &newline, &indent, &dedent, &tab, &deepest};
        for (int32_t* field : header) *field = *row++;
        enum { Resolved, Ignored, Opening, Closing, Bodies, Actions, Gotos, Kernels, Scanners, Orders, Owners, Ways, Counts };
        const int32_t* n = row;
        row += Counts;
        auto take = [&](std::vector<int32_t>& list, int64_t count) {
            list.assign(row, row + count);
            row += count;
        };
        take(terminal_symbol, terminals_);
        take(nonterminal_symbol, nonterminals_);
        take(resolved, n[Resolved]);
        take(ignored, n[Ignored]);
        take(opening, n[Opening]);
        take(closing, n[Closing]);
        take(left_, rules_);
        take(rule_first_, rules_ + 1);
        take(body_, n[Bodies]);
        take(action_first_, states_ + 1);
        take(action_terminal_, n[Actions]);
        take(action_, n[Actions]);
        take(goto_first_, states_ + 1);
        take(goto_nonterminal_, n[Gotos]);
        take(goto_, n[Gotos]);
        take(kernel_first_, states_ + 1);
        take(kernel_rule_, n[Kernels]);
        take(kernel_place_, n[Kernels]);
        take(scanner_of_, n[Scanners] ? states_ : 0);
        take(order_first_, n[Scanners] + 1);
        take(order_, n[Orders]);
        take(owner_first_, n[Orders] + 1);
        take(owner_, n[Owners]);
        take(way_first_, n[Orders] + 1);
        take(way_, n[Ways]);
        for (int32_t r = 0; r < rules_; ++r) by_left_[left_[r]].push_back(r);
    }

    int32_t start, end, newline, indent, dedent, tab, deepest;
    std::vector<int32_t> terminal_symbol, nonterminal_symbol, resolved, ignored, opening, closing;
    LalrBlocks blocks;

    // States of all automata of a grammar are numbered on, and stand in the slots of items.
    int32_t slot(int32_t state) const { return kLalr - first_state_ - state; }
    int32_t state_of(int32_t slot) const { return kLalr - first_state_ - slot; }

    int32_t states() const { return states_; }
    int32_t nonterminals() const { return nonterminals_; }
    int32_t rules() const { return rules_; }
    int32_t scanners() const { return static_cast<int32_t>(order_first_.size()) - 1; }
    // What the right side of a rule holds at a place: a terminal, or -1 - nonterminal.
    int32_t symbol(int32_t rule, int32_t place) const { return body_[rule_first_[rule] + place]; }

    template <class F>
    void each_goto(int32_t state, F f) const {
        for (int32_t k = goto_first_[state]; k < goto_first_[state + 1]; ++k) f(goto_[k]);
    }
    template <class F>
    void each_after(int32_t state, F f) const {
        for (int32_t k = goto_first_[state]; k < goto_first_[state + 1]; ++k) f(goto_nonterminal_[k], goto_[k]);
    }
    // Puts the state that `f` says in the place of each one that follows a state; `f` may make copies.
    template <class F>
    void replace_next(int32_t state, F f) {
        auto replace = [&](std::vector<int32_t>& list, int32_t at) {
            const int32_t now = list[at] >= 0 ? f(list[at]) : list[at];
            list[at] = now;
        };
        for (int32_t k = action_first_[state]; k < action_first_[state + 1]; ++k) replace(action_, k);
        for (int32_t k = goto_first_[state]; k < goto_first_[state + 1]; ++k) replace(goto_, k);
    }

    // A new state that does what another one does.
    int32_t copy(int32_t state) {
        auto append = [state](std::vector<int32_t>& first, std::initializer_list<std::vector<int32_t>*> lists) {
            for (std::vector<int32_t>* list : lists)
                for (int32_t k = first[state]; k < first[state + 1]; ++k) list->push_back(int32_t{(*list)[k]});
            first.push_back(first.back() + first[state + 1] - first[state]);
        };
        append(action_first_, {&action_terminal_, &action_});
        append(goto_first_, {&goto_nonterminal_, &goto_});
        append(kernel_first_, {&kernel_rule_, &kernel_place_});
        if (scans()) scanner_of_.push_back(int32_t{scanner_of_[state]});
        return states_++;
    }

    // Guests are terminals that no scanner reads: symbols of the grammar around, which stand where the automaton expects them.
    void note_guest(int32_t terminal) {
        guest_.resize(static_cast<size_t>(terminals_), 0);
        guest_[static_cast<size_t>(terminal)] = 1;
    }
    bool has_guests() const { return !guest_.empty(); }
    bool guest(int32_t terminal) const { return has_guests() && terminal < terminals_ && guest_[static_cast<size_t>(terminal)]; }
    // Whether a scanner reads it.
    bool lexed(int32_t terminal) const { return terminal < terminals_ && terminal_symbol[terminal] >= 0 && !guest(terminal); }

    int32_t terminals() const { return terminals_; }
    int32_t end_of_text() const { return terminals_; }
    bool scans() const { return !scanner_of_.empty(); }

    // Columns at which a line may be deeper than one at a column. Where tabs count for no number of columns (tab is 0), a column has
    // the tabs and the blanks behind them: a deeper line begins with those of the line around, so that it has more of one of them.
    template <class F>
    void each_deeper(int32_t column, F f) const {
        for (int32_t more = 1; more <= deepest; ++more) f(column + more);
        if (tab || column % kTab) return;
        for (int32_t tabs = 1; tabs <= (deepest + 7) / 8; ++tabs) f(column + tabs * kTab);
    }

    // A state to shift to, -1 - rule to reduce, or kNone.
    int32_t action(int32_t state, int32_t terminal) const { return find(action_first_, action_terminal_, action_, state, terminal); }
    // The actions of a state for terminals that are asked for in ascending order.
    class Actions {
      public:
        Actions(const Lalr& machine, int32_t state) : m_(machine), at_(machine.action_first_[state]), end_(machine.action_first_[state + 1]) {}
        int32_t of(int32_t terminal) {
            while (at_ < end_ && m_.action_terminal_[at_] < terminal) ++at_;
            return at_ < end_ && m_.action_terminal_[at_] == terminal ? m_.action_[at_] : kNone;
        }

      private:
        const Lalr& m_;
        int32_t at_, end_;
    };
    // The state after a nonterminal, or kNone.
    int32_t after(int32_t state, int32_t nonterminal) const { return find(goto_first_, goto_nonterminal_, goto_, state, nonterminal); }
    int32_t left(int32_t rule) const { return left_[rule]; }
    int32_t length(int32_t rule) const { return rule_first_[rule + 1] - rule_first_[rule]; }

    // --- scanners: the order in which terminals are tried, a place for each

    int32_t scanner(int32_t state) const { return scans() ? scanner_of_[state] : -1; }

    template <class F>
    void each_ordered(int32_t scanner, F f) const {
        for (int32_t place = order_first_[scanner]; place < order_first_[scanner + 1]; ++place) f(place, order_[place]);
    }

    // Terminals that own some of the texts of the one at a place; until `f` says that it is enough.
    template <class F>
    void each_owner(int32_t place, F f) const {
        for (int32_t k = owner_first_[place]; k < owner_first_[place + 1]; ++k)
            if (!f(owner_[k])) return;
    }

    // Whether scanners say which texts of terminals are read, in place of an order: symbols of their texts.
    bool told() const { return !way_.empty(); }
    // Numbers of the ways to read a terminal that a scanner tells; `ignored`: where its texts are ignored.
    template <class F>
    void each_way(int32_t scanner, int32_t terminal, bool ignored, F f) const {
        each_ordered(scanner, [&](int32_t place, int32_t ordered) {
            for (int32_t k = way_first_[place]; ordered == terminal && k < way_first_[place + 1]; ++k)
                if ((way_[k] < 0) == ignored) f(k);
        });
    }
    // The symbols of all ways, by number.
    std::vector<int32_t> way_symbols() const {
        std::vector<int32_t> symbols;
        for (int32_t way : way_) symbols.push_back(way < 0 ? -1 - way : way);
        return symbols;
    }

    bool ignores(int32_t terminal) const { return std::find(ignored.begin(), ignored.end(), terminal) != ignored.end(); }

    bool owns(int32_t place, int32_t terminal) const {
        const auto end = owner_.begin() + owner_first_[place + 1];
        return std::find(owner_.begin() + owner_first_[place], end, terminal) != end;
    }

    template <class F>
    void each_terminal(int32_t state, F f) const {
        for (int32_t k = action_first_[state]; k < action_first_[state + 1]; ++k) f(action_terminal_[k]);
    }

    // The places where a state stands: rule `rule(state, i)`, `place(state, i)` symbols of which were read.
    int32_t places(int32_t state) const { return kernel_first_[state + 1] - kernel_first_[state]; }
    int32_t rule(int32_t state, int32_t i) const { return kernel_rule_[kernel_first_[state] + i]; }
    int32_t place(int32_t state, int32_t i) const { return kernel_place_[kernel_first_[state] + i]; }

    int64_t memory() const {
        const size_t pairs = action_.size() + goto_.size() + kernel_rule_.size();
        const size_t numbers = 2 * pairs + body_.size() + order_.size() + owner_.size() + way_.size();
        return static_cast<int64_t>(4 * numbers) + 1024 + bytes_ + blocks.memory();
    }

    // --- costs, once those of terminals are known

    template <class F>
    void set_costs(F of_terminal) {
        terminal_cost_.resize(terminals_);
        for (int32_t t = 0; t < terminals_; ++t) terminal_cost_[t] = terminal_symbol[t] < 0 ? 0 : of_terminal(t);
        cost_.assign(nonterminals_, kFar);
        for (bool changed = true; changed;) {
            changed = false;
            for (int32_t r = 0; r < rules_; ++r) {
                const int64_t cost = rest(r, 0);
                if (cost >= cost_[left_[r]]) continue;
                cost_[left_[r]] = cost;
                changed = true;
            }
        }
        always_ends_ = true;
        for (int64_t c : terminal_cost_) always_ends_ = always_ends_ && c < kFar;
        for (int64_t c : cost_) always_ends_ = always_ends_ && c < kFar;
    }

    // Whether whatever rules mention can be completed.
    bool always_ends() const { return always_ends_; }
    int64_t least() const { return cost_[left_[0]]; }

    int64_t terminal_cost(int32_t terminal) const { return terminal_cost_[terminal]; }
    const std::vector<int64_t>& terminal_costs() const { return terminal_cost_; }

    // Of what follows a place in a rule.
    int64_t rest(int32_t rule, int32_t place) const {
        int64_t sum = 0;
        for (int32_t k = rule_first_[rule] + place; k < rule_first_[rule + 1]; ++k)
            sum = std::min(kFar, sum + (body_[k] >= 0 ? terminal_cost_[body_[k]] : cost_[-1 - body_[k]]));
        return sum;
    }

    // After `nonterminal`, predicted in `state`: to the end of the rule at each of the state's places.
    const std::vector<int64_t>& after_cost(int32_t state, int32_t nonterminal) {
        AfterCosts& known = after_cost_[state];
        if (known.empty()) fill_after_costs(state, known);
        static const std::vector<int64_t> never;
        const auto found = known.find(nonterminal);
        return found == known.end() ? never : found->second;
    }

    template <class F>
    void each_rule(int32_t nonterminal, F f) const {
        const auto known = by_left_.find(nonterminal);
        if (known == by_left_.end()) return;
        for (int32_t rule : known->second) f(rule);
    }

  private:
    using AfterCosts = std::unordered_map<int32_t, std::vector<int64_t>>;   // by nonterminal

    static int32_t find(const std::vector<int32_t>& first, const std::vector<int32_t>& keys, const std::vector<int32_t>& values, int32_t row, int32_t key) {
        const auto begin = keys.begin() + first[row], end = keys.begin() + first[row + 1];
        const auto at = std::lower_bound(begin, end, key);
        return at == end || *at != key ? kNone : values[at - keys.begin()];
    }

    // Shortest ways from each place of a state through the rules that are predicted there, improved until nothing changes.
    void fill_after_costs(int32_t state, AfterCosts& known) {
        const int32_t n = places(state);
        std::vector<int32_t> work;
        auto improve = [&](int32_t nonterminal, int32_t i, int64_t cost) {
            auto& costs = known.try_emplace(nonterminal, n, kFar).first->second;
            const bool fresh = costs[i] > cost;
            if (fresh) costs[i] = cost;
            return fresh;
        };
        auto begins = [&](int32_t rule, int32_t place) {   // the nonterminal that stands there, or -1
            const int32_t k = rule_first_[rule] + place;
            return k < rule_first_[rule + 1] && body_[k] < 0 ? -1 - body_[k] : -1;
        };
        for (int32_t i = 0; i < n; ++i) {
            const int32_t r = rule(state, i), at = place(state, i), next = begins(r, at);
            if (next < 0) continue;
            improve(next, i, rest(r, at + 1));
            work.assign(1, next);
            while (!work.empty()) {
                const int32_t now = work.back();
                work.pop_back();
                for (int32_t below : by_left_[now]) {
                    const int32_t first = begins(below, 0);
                    if (first < 0) continue;
                    const bool met = known.count(first) > 0;
                    const int64_t cost = std::min(kFar, known.at(now)[i] + rest(below, 1));
                    if (improve(first, i, cost) || !met) work.push_back(first);
                }
            }
        }
        bytes_ += static_cast<int64_t>(known.size()) * (64 + 8 * n);
    }

    int32_t first_state_;
    int32_t states_, terminals_, nonterminals_, rules_;
    std::vector<int32_t> left_, rule_first_, body_, action_first_, action_terminal_, action_, goto_first_, goto_nonterminal_, goto_, kernel_first_,
        kernel_rule_, kernel_place_, scanner_of_, order_first_, order_, owner_first_, owner_, way_first_, way_;
    std::unordered_map<int32_t, std::vector<int32_t>> by_left_;
    std::vector<uint8_t> guest_;
    std::vector<int64_t> terminal_cost_, cost_;
    bool always_ends_ = false;
    std::unordered_map<int32_t, AfterCosts> after_cost_;
    int64_t bytes_ = 0;
};

}  // namespace guidedgen
