// A row as data: its items, what it expects next, whom it returns to, and memos of what others worked out about it.
#pragma once

#include "lalr_stacks.h"
#include "symbols.h"
#include "token_sets.h"

namespace guidedgen {

struct Row;

struct Item {
    int32_t slot;          // below -1: a state of the JSON machine, see json_item(); from kLalr down: of an automaton
    int32_t nonterminal;   // of the frame; -1: the root. What was predicted under an obligation is another, see Obligations
    Row* row;              // of the frame; nullptr: the root
    int32_t obligation = -1;   // what must not begin here: an expression, see Automaton::obligation; -1: nothing
    bool operator==(const Item& o) const {
        return slot == o.slot && nonterminal == o.nonterminal && row == o.row && obligation == o.obligation;
    }
};

// An item in the midst of a JSON text, and the state there.
inline Item json_item(int32_t state, const Item& frame) { return {-2 - state, frame.nonterminal, frame.row}; }
inline Item obliged(Item item, int32_t obligation) {
    item.obligation = obligation;
    return item;
}
inline bool is_json(const Item& item) { return item.slot < -1 && !is_lalr(item); }
inline int32_t json_state(const Item& item) { return -2 - item.slot; }

// A terminal that a row expects, with the items that follow it.
struct Expected {
    LexState* start;
    Item item{-1, -1, nullptr};                 // JSON and LALR: what expects the lexeme. Its obligation: under which it begins, if that matters
    std::unique_ptr<std::vector<Item>> after;   // not for JSON
    Row* target = nullptr;      // the row after this terminal alone; made on demand
    int32_t terminal = -1;      // -1: a lexeme of JSON
    int32_t edge = -1;          // JSON: which lexeme of its state
    uint8_t flags = 0;          // JSON: what it means for registers
    int32_t read = -1;          // LALR: the terminal of the automaton; kIgnored more where the stack stays as it is
    int32_t column = -1;        // LALR: where the line after a newline begins
    int32_t way = 0;            // LALR: which of the ways to read the terminal
    bool sure = false;          // LALR: wherever it ends, the text can be completed

    static constexpr int32_t kIgnored = 1 << 30;

    // All that `same` looks at.
    Expected key() const { return {start, item, nullptr, nullptr, terminal, edge, flags, read, column, way}; }
    bool same(const Expected& o) const {
        if (read >= 0 || o.read >= 0)
            return read == o.read && column == o.column && way == o.way && item.slot == o.item.slot && item.obligation == o.item.obligation;
        return terminal == o.terminal && item.obligation == o.item.obligation && edge == o.edge && (edge < 0 || item.slot == o.item.slot);
    }
};

struct ExpectedTokens {
    int32_t list;
    std::vector<Item> after;
};

// Memo of Budget, by Budget::Unit.
struct RowBounds {
    std::array<int64_t, 2> worst{-1, -1};
    std::vector<std::pair<const Remainder*, int64_t>> crossing[2];
};

struct Row {
    int32_t id = 0;
    std::vector<Item> items;         // sorted; none at the end of its production
    bool complete_before = false;    // the start symbol was completed by what was read
    bool accepting = false;
    bool closed = false;
    bool settled = false;            // Viability has taken away what leads nowhere
    int8_t clean = -1;               // LALR: memo of LalrRows::clean_stack
    int8_t viable = -1;              // memo of Viability: 1: some text leads from here to an end, 0: none
    ByteSet first;                   // bytes that a terminal can begin with
    std::vector<Expected> terminals;
    std::vector<ExpectedTokens> tokens;
    std::vector<std::pair<int32_t, Item>> callers;                           // nonterminal -> item after it; sorted once closed
    std::vector<std::pair<const Remainder*, std::unique_ptr<TokenSet>>> crossing;   // memo: remainders that this row can read
    std::unique_ptr<TokenSet> mask;
    std::unique_ptr<std::vector<std::pair<int32_t, int64_t>>> finish;        // memo: nonterminal -> cost after it
    int64_t cost = -1;
    std::unique_ptr<RowBounds> bounds;
};

}  // namespace guidedgen
