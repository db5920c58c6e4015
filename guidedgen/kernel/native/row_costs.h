// The least cost of completing the start symbol from a row: what an item lacks, and what comes after its frame's nonterminal,
// which each row remembers. Rows are asked oldest first, since frames refer to the same or an older row.
#pragma once

#include "row_store.h"

namespace guidedgen {

class RowCosts : public RowStore {
  public:
    // Works out what a row expects and which callers it has.
    virtual void close(Row* row) = 0;

    // Least cost of completing the start symbol from a row, in bytes (a special token counts as one).
    int64_t cost(Row* row) {
        if (row->cost >= 0) return row->cost;
        finish_older_rows(row);
        close(row);
        int64_t best = row->accepting ? 0 : kFar;
        for (const Item& item : row->items) best = std::min(best, item_cost(item));
        return row->cost = best;
    }

  protected:
    using RowStore::RowStore;
    ~RowCosts() = default;

    static bool is_stack(const Row* row) { return row->items.size() == 1 && is_lalr(row->items[0]); }

    // Least cost from an automaton's state on.
    int64_t lalr_cost(const Item& item) {
        Lalr& machine = symbols_->lalr_at(item.slot);
        if (item.row && !item.row->finish) finish_rows_from(item.row, nullptr);
        const int32_t state = machine.state_of(item.slot);
        int64_t best = kFar;
        for (int32_t i = 0; i < machine.places(state); ++i)
            best = std::min(best, machine.rest(machine.rule(state, i), machine.place(state, i)) + lalr_finish(machine, item, i));
        return std::min(kFar, best);
    }

  private:
    int64_t item_cost(const Item& item) {
        if (is_lalr(item)) return lalr_cost(item);
        const int64_t rest = item.row ? finish(item.row, item.nonterminal) : 0;
        if (is_json(item)) return std::min(kFar, symbols_->json().cost(json_state(item)) + rest);
        return std::min(kFar, symbols_->suffix_cost(item.slot) + rest);
    }

    static constexpr int32_t kPlace = -(1 << 28);   // from here down: the places of an automaton's state, among frames of what a row predicted

    // The cost after a nonterminal that a row predicted, where it was worked out.
    int64_t finish(Row* row, int32_t nonterminal) {
        if (!row->finish && is_stack(row)) finish_rows_from(row, nullptr);
        if (!row->finish) return kFar;
        for (const auto& entry : *row->finish)
            if (entry.first == nonterminal) return entry.second;
        return kFar;
    }

    // Costs after the nonterminals of all rows that `top` can return to, oldest first.
    void finish_older_rows(Row* top) {
        for (const Item& item : top->items)
            if (item.row && !item.row->finish) finish_rows_from(item.row, top);
    }

    // The same for `from` and all older ones; what `top` is left out.
    void finish_rows_from(Row* from, Row* top) {
        std::vector<Row*> order, stack{from};
        std::unordered_map<Row*, char> met{{from, 0}};
        if (top) met.emplace(top, 0);
        while (!stack.empty()) {
            Row* row = stack.back();
            stack.pop_back();
            if (row != top) {
                if (!is_stack(row)) close(row);
                order.push_back(row);
            }
            for (const Item& item : row->items)
                if (item.row && !item.row->finish && met.emplace(item.row, 0).second) stack.push_back(item.row);
        }
        std::sort(order.begin(), order.end(), [](const Row* a, const Row* b) { return a->id < b->id; });
        for (Row* row : order) finish_row(row);
    }

    // Least cost once the rule at a state's i-th place is complete.
    int64_t lalr_finish(Lalr& machine, const Item& item, int32_t i) {
        const int32_t state = machine.state_of(item.slot);
        if (state == machine.start) return item.row ? finish(item.row, item.nonterminal) : 0;
        const Row* row = nullptr;   // where the rule began
        const Item* at = &item;
        for (int32_t back = machine.place(state, i); back > 0; --back) {
            if (machine.state_of(at->slot) == machine.start) return kFar;   // never in a table that was built from rules
            row = at->row;
            at = &row->items[0];
        }
        const std::vector<int64_t>& costs = machine.after_cost(machine.state_of(at->slot), machine.left(machine.rule(state, i)));
        int64_t best = kFar;
        for (size_t k = 0; k < costs.size(); ++k)
            if (costs[k] < best) best = std::min(best, costs[k] + finish(const_cast<Row*>(row), kPlace - static_cast<int32_t>(k)));
        return best;
    }

    void finish_stack(Row* row) {
        const Item& item = row->items[0];
        Lalr& machine = symbols_->lalr_at(item.slot);
        const int32_t places = machine.places(machine.state_of(item.slot));
        for (int32_t i = 0; i < places; ++i) row->finish->emplace_back(kPlace - i, lalr_finish(machine, item, i));
    }

    void finish_row(Row* row) {
        row->finish = std::make_unique<std::vector<std::pair<int32_t, int64_t>>>();
        try {
            if (is_stack(row)) finish_stack(row);
            if (!row->callers.empty()) finish_callers(row);
        } catch (...) {   // a limit was reached: leave nothing half done
            row->finish = nullptr;
            throw;
        }
    }

    void finish_callers(Row* row) {
        const size_t places = row->finish->size();
        auto set = [&](const std::unordered_map<int32_t, int64_t>& best) {
            row->finish->resize(places);
            row->finish->insert(row->finish->end(), best.begin(), best.end());
        };
        std::unordered_map<int32_t, int64_t> best;
        improve_finish(row, best);
        set(best);
        // What a stack that waits for a guest costs follows from that: what stands behind its automaton may be predicted by the same row.
        bool stacks = false;
        for (const auto& [nonterminal, caller] : row->callers) {
            if (!is_lalr(caller)) continue;
            const int64_t cost = lalr_cost(caller);
            auto& known = best.emplace(nonterminal, cost).first->second;
            known = std::min(known, cost);
            stacks = true;
        }
        if (!stacks) return;
        improve_finish(row, best);
        set(best);
    }

    // Adds what follows from what is known already.
    void improve_finish(Row* row, std::unordered_map<int32_t, int64_t>& best) {
        for (bool changed = true; changed;) {   // frames of one row may refer to each other (left recursion)
            changed = false;
            for (const auto& entry : row->callers) {
                const Item& caller = entry.second;
                if (is_lalr(caller)) continue;
                int64_t rest = 0;
                if (caller.row == row) {
                    auto known = best.find(caller.nonterminal);
                    rest = known == best.end() ? kFar : known->second;
                } else if (caller.row) {
                    rest = finish(caller.row, caller.nonterminal);
                }
                int64_t cost = std::min(kFar, rest + symbols_->suffix_cost(caller.slot));
                auto slot = best.emplace(entry.first, kFar).first;
                if (cost < slot->second) {
                    slot->second = cost;
                    changed = true;
                }
            }
        }
    }
};

}  // namespace guidedgen
