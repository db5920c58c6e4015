// Rows that are stacks of an LALR(1) automaton, see `lalr_stacks.h`: what the state on top expects, and the item after it.
#pragma once

#include "row_costs.h"

namespace guidedgen {

class LalrRows : public RowCosts {
  public:
    // Whether all states of the stack that ends with an item are clean, see LalrProof, and what may stand behind the whole text can, perhaps
    // once more was read.
    bool clean(const Item& item) { return clean_stack(symbols_->lalr_at(item.slot), item) != kNotClean; }

    // Whether nothing at all stands behind the automaton's text, too.
    bool clean_and_alone(const Item& item) { return clean_stack(symbols_->lalr_at(item.slot), item) == kAlone; }

    // The same of a stack that is being tried.
    bool clean(const LalrTrial<Item>& trial) {
        const LalrProof& proof = symbols_->proof(trial.machine);
        const int8_t behind = clean_stack(trial.machine, trial.base);
        if (behind == kNotClean) return false;
        if (!std::all_of(trial.pushed.begin(), trial.pushed.end(), [&](int32_t state) { return proof.clean(state); })) return false;
        return behind < kBefore || proof.clean_before(behind - kBefore, trial.top());
    }

    // Whether a stack that is being tried, all of whose states are clean, can be completed after something that is ignored.
    bool clean_after(const LalrTrial<Item>& trial, int32_t ignored) {
        const LalrProof& proof = symbols_->proof(trial.machine);
        const int8_t behind = clean_stack(trial.machine, trial.base);
        if (behind < kBefore) return behind != kNotClean && proof.clean_after(trial.top(), ignored);
        return proof.clean_before(behind - kBefore, trial.top(), ignored);
    }

    // Whether what stands behind the automaton's text is sure to be able to follow under an obligation where that text may end.
    bool lets_end(const Item& item, int32_t obligation) {
        const Lalr& machine = symbols_->lalr_at(item.slot);
        const int8_t behind = clean_stack(machine, item);
        if (behind < kBefore || obligation < 0) return behind != kNotClean;
        return (symbols_->lexer().first(symbols_->lexer().state(obligation)) & symbols_->proof(machine).bytes_behind(behind - kBefore)).empty();
    }

    // Whether a stack that is being tried can be completed, if it is clean.
    bool ends(const LalrTrial<Item>& trial) {
        const LalrProof& proof = symbols_->proof(trial.machine);
        return std::all_of(trial.pushed.begin(), trial.pushed.end(), [&](int32_t state) { return proof.ends(state); });
    }

    // The item on top of all that was pushed; the rows below it are made.
    Item pushed(const LalrTrial<Item>& trial) {
        Item top = trial.base;
        for (int32_t state : trial.pushed) top = {trial.machine.slot(state), 0, lowered(trial.machine, top)};
        if (!trial.pushed.empty()) top.nonterminal = trial.blocks;
        return top;
    }

  protected:
    using RowCosts::RowCosts;
    ~LalrRows() = default;

    // What an automaton's state expects. Each terminal is tried: that a state has an action for it does not say that it can come.
    void visit_lalr(Row* row, const Item& item) {
        Lalr& machine = symbols_->lalr_at(item.slot);
        const LalrTrial<Item> now(machine, item);
        auto sure_after = [&](int32_t ignored) { return clean_after(now, ignored); };
        auto expect = [&](int32_t terminal, int32_t column, int32_t flag, bool sure) {
            int32_t way = 0;
            LalrLexemes& lexemes = symbols_->lexemes(machine);
            const int32_t state = machine.state_of(item.slot);
            const bool skipped = flag && terminal != machine.newline;
            for (LexState* start : lexemes.under(item.obligation, state, terminal, column, skipped)) {
                row->terminals.push_back({start, item, nullptr});
                row->terminals.back().read = terminal | flag;
                row->terminals.back().column = column;
                row->terminals.back().way = way++;
                row->terminals.back().sure = sure;
            }
        };
        machine.each_terminal(machine.state_of(item.slot), [&](int32_t terminal) {
            if (!machine.lexed(terminal) || terminal == machine.newline) return;
            if (symbols_->lexemes(machine).under(item.obligation, machine.state_of(item.slot), terminal, -1, false).empty()) return;
            LalrTrial<Item> trial = now;
            if (trial.read_text(terminal) && finishes(trial)) expect(terminal, -1, 0, clean(trial));
            symbols_->lexer().expressions().spend(1 + trial.steps);
        });
        for (int32_t terminal : machine.ignored) expect(terminal, -1, Expected::kIgnored, sure_after(terminal));
        if (machine.newline < 0) return;
        if (machine.blocks.brackets(now.blocks) > 0) return expect(machine.newline, -1, Expected::kIgnored, sure_after(machine.newline));
        auto expect_line = [&](int32_t column) {
            LalrTrial<Item> trial = now;
            if (trial.read_newline(column) && finishes(trial)) expect(machine.newline, column, 0, clean(trial));
            return trial.steps;
        };
        for (int32_t b = now.blocks; b >= 0; b = machine.blocks.outer(b)) symbols_->lexer().expressions().spend(1 + expect_line(machine.blocks.column(b)));
        const int32_t last = machine.blocks.column(now.blocks);
        machine.each_deeper(last, [&](int32_t column) { symbols_->lexer().expressions().spend(1 + expect_line(column)); });
    }

    // Whether a stack that is being tried can be completed by the rules.
    bool finishes(const LalrTrial<Item>& trial) {
        if (trial.machine.always_ends()) return true;
        if (!ends(trial)) return false;
        return clean(trial) || lalr_cost(pushed(trial)) < kFar;
    }

    // Calls `f` with each guest that an automaton's state expects, and the item after it.
    template <class F>
    void each_guest(const Item& item, F f) {
        Lalr& machine = symbols_->lalr_at(item.slot);
        if (!machine.has_guests()) return;
        machine.each_terminal(machine.state_of(item.slot), [&](int32_t terminal) {
            if (!machine.guest(terminal)) return;
            LalrTrial<Item> trial(machine, item);
            if (trial.read_text(terminal) && finishes(trial)) f(symbols_->guest(machine, terminal), obliged(pushed(trial), -1));
            symbols_->lexer().expressions().spend(1 + trial.steps);
        });
    }

    // The item after a terminal of an automaton.
    Item lalr_after(const Expected& e) {
        if (e.read & Expected::kIgnored) return e.item;
        LalrTrial<Item> trial(symbols_->lalr_at(e.item.slot), e.item);
        const bool read = e.column >= 0 ? trial.read_newline(e.column) : trial.read_text(e.read);
        if (!read) throw std::logic_error("an automaton refuses what it expects");
        return pushed(trial);
    }

    // The frame of an automaton's text that may end here, or nullptr.
    const Item* lalr_end(const Item& item) {
        LalrTrial<Item> trial(symbols_->lalr_at(item.slot), item);
        if (!trial.end()) return nullptr;
        scratch_ = trial.base;
        return &scratch_;
    }

    // What is proved of the end of an automaton's text. From `kBefore` on: that what stands behind can be completed, but may follow only some
    // ends of the text, by the proof of that number (LalrProof::ending_before).
    static constexpr int8_t kNotClean = 0, kAlone = 1, kWithin = 2, kBefore = 3;

    // What is proved where an automaton's text returns to a frame. `kWithin`: what is behind can stand there and be completed, whatever the text
    // ends with.
    virtual int8_t proved_behind(const Item& frame, LalrProof& proof) = 0;

  private:

    int8_t clean_stack(const Lalr& machine, const Item& item) {
        LalrProof& proof = symbols_->proof(machine);
        if (!proof.clean(machine.state_of(item.slot))) return kNotClean;
        if (machine.state_of(item.slot) == machine.start) return clean_end(item, proof);
        std::vector<Row*> above;
        Row* row = item.row;
        for (; row->clean < 0; above.push_back(row), row = row->items[0].row)
            if (machine.state_of(row->items[0].slot) == machine.start) {
                row->clean = proof.clean(machine.start) ? clean_end(row->items[0], proof) : kNotClean;
                break;
            }
        int8_t clean = row->clean;
        for (; !above.empty(); above.pop_back()) {
            if (!proof.clean(machine.state_of(above.back()->items[0].slot))) clean = kNotClean;
            above.back()->clean = clean;
        }
        return clean;
    }

    // The same of what the automaton's text ends before.
    int8_t clean_end(const Item& frame, LalrProof& proof) { return frame.row ? proved_behind(frame, proof) : kAlone; }

    // The row of a state that others are pushed on.
    Row* lowered(const Lalr& machine, const Item& item) {
        Item bare = obliged(item, -1);
        if (machine.state_of(item.slot) != machine.start) bare.nonterminal = 0;
        return intern({bare}, false);
    }

    Item scratch_{-1, -1, nullptr};   // what lalr_end returns
};

}  // namespace guidedgen
