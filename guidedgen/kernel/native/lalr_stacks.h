// Stacks of an LALR(1) automaton as rows: an item is the state on top, the row below it holds the rest.
//
// An item's `nonterminal` is the number of its blocks (LalrBlocks); rows below have none, so that they are shared. The lowest row is
// that of the start state; its item's frame says where to go on once the whole text of the automaton was read.
// What a terminal does is tried on a copy that holds only the states that it pushes: nothing is made for what is refused.
#pragma once

#include "lalr.h"

namespace guidedgen {

template <class Item>
bool is_lalr(const Item& item) {
    return item.slot <= kLalr;
}

// A stack that is being tried: what was pushed on top of an item of a row.
template <class Item>
struct LalrTrial {
    LalrTrial(Lalr& of, const Item& item)
        : machine(of), base(item), blocks(of.state_of(item.slot) == of.start ? LalrBlocks::kOutside : item.nonterminal) {}

    Lalr& machine;
    Item base;
    std::vector<int32_t> pushed;
    int32_t blocks;
    int64_t steps = 0;

    int32_t top() const { return pushed.empty() ? machine.state_of(base.slot) : pushed.back(); }

    // Reads a terminal after all reductions that it calls for; false: it cannot come.
    bool read(int32_t terminal) {
        Reductions reductions(*this);
        for (;;) {
            const int32_t action = machine.action(top(), terminal);
            if (action == Lalr::kNone) return false;
            if (action >= 0) {
                pushed.push_back(action);
                return true;
            }
            if (!reduce(-1 - action) || reductions.endless()) return false;
        }
    }

    // Whether the text may end; the lowest row is `base` then.
    bool end() {
        for (; machine.blocks.outer(blocks) >= 0; blocks = machine.blocks.outer(blocks))
            if (!read(machine.dedent)) return false;
        for (Reductions reductions(*this);;) {
            const int32_t action = machine.action(top(), machine.end_of_text());
            if (action == Lalr::kNone || action >= 0 || !reduce(-1 - action) || reductions.endless()) return false;
            if (top() == machine.end) return machine.state_of(base.slot) == machine.start && pushed.size() == 1;
        }
    }

    // Reads a terminal of a text: brackets are counted.
    bool read_text(int32_t terminal) {
        if (!read(terminal)) return false;
        if (machine.newline < 0) return true;
        auto among = [terminal](const std::vector<int32_t>& list) { return std::find(list.begin(), list.end(), terminal) != list.end(); };
        const int32_t step = among(machine.opening) ? 1 : among(machine.closing) ? -1 : 0;
        if (step) blocks = machine.blocks.bracket(blocks, step);
        return blocks >= 0;
    }

    // Reads a newline that the next line follows at a column, and what begins or ends blocks there.
    bool read_newline(int32_t column) {
        if (!read(machine.newline)) return false;
        if (column > machine.blocks.column(blocks)) {
            blocks = machine.blocks.inner(blocks, column);
            return read(machine.indent);
        }
        for (; column < machine.blocks.column(blocks); blocks = machine.blocks.outer(blocks))
            if (!read(machine.dedent)) return false;
        return true;
    }

  private:
    // Reductions that one terminal calls for. Rules of high priority can call for each other for ever: no text is read so.
    class Reductions {
      public:
        explicit Reductions(const LalrTrial& trial) : trial_(trial), kept_(trial.pushed.size()) {}

        // After a reduction: whether it has come back to where it was, or to the same state on top of what is still there.
        bool endless() {
            const std::vector<int32_t>& now = trial_.pushed;
            kept_ = std::min(kept_, now.size() - 1);
            if (std::find(now.begin() + static_cast<std::ptrdiff_t>(kept_), now.end() - 1, now.back()) != now.end() - 1) return true;
            if (++count_ < kFew) return false;
            if (count_ > kMost) throw fixed_limit("steps", kMost, "reductions before a single terminal");
            if (now == before_ && trial_.base.row == row_ && trial_.base.slot == slot_) return true;
            if ((count_ & (count_ - 1)) == 0) {
                before_ = now;
                row_ = trial_.base.row;
                slot_ = trial_.base.slot;
            }
            return false;
        }

      private:
        static constexpr int64_t kFew = 16, kMost = 1 << 22;

        const LalrTrial& trial_;
        size_t kept_;                    // states from here on were pushed for this terminal
        int64_t count_ = 0;
        std::vector<int32_t> before_;    // what was pushed some time ago, and on which row
        const void* row_ = nullptr;
        int32_t slot_ = 0;
    };

    bool reduce(int32_t rule) {
        ++steps;
        for (int32_t left = machine.length(rule); left > 0; --left) {
            if (!pushed.empty()) {
                pushed.pop_back();
            } else {
                if (machine.state_of(base.slot) == machine.start) return false;   // never in a table that was built from rules
                base = base.row->items[0];
            }
        }
        const int32_t next = machine.after(top(), machine.left(rule));
        if (next == Lalr::kNone) return false;
        pushed.push_back(next);
        return true;
    }
};

}  // namespace guidedgen
