// Places in a text: half-read terminals, and the row between terminals. `positions.h` makes them and their masks.
#pragma once

#include <atomic>

#include "viability.h"

namespace guidedgen {

// A terminal that has been read in part: `state` of its automaton, and the row (and its entry there) that expected it.
struct Reading {
    LexState* state;
    Row* row;
    uint32_t index;
    int32_t left = -1;            // how many tokens it may still take, the one that is being read included; -1: any number
    const Text* text = nullptr;   // of a member's name: its bytes so far
    bool same_place(const Reading& o) const { return state == o.state && row == o.row && index == o.index && text == o.text; }
    bool operator==(const Reading& o) const { return same_place(o) && left == o.left; }
    uint8_t flags() const { return row->terminals[index].flags; }
};

// An unhashed position, reused as scratch while bytes are read.
struct Front {
    std::vector<Reading> reading;
    Row* between = nullptr;   // the row at a boundary between terminals, if this can be one
    const Register* registers = nullptr;
    bool dead() const { return reading.empty() && !between; }
};

struct Position;

// Memo of Budget: the tokens of a mask by the position that they lead to.
struct Choices {
    std::vector<std::pair<Position*, TokenSet>> groups;
};

struct Position {
    Front front;
    bool accepting = false;
    std::unique_ptr<TokenSet> made;
    std::atomic<const TokenSet*> mask{nullptr};   // published once `made` is complete
    std::vector<std::pair<int32_t, Position*>> after;   // memo: token -> position
    std::atomic<int64_t> worst{-1};       // memo of Budget: no allowed token leaves more tokens to come; -1: not known
    bool in_tokens = false;               // it was worked out in tokens, not only in bytes
    int32_t need = -1;                    // memo of Shortest
    std::unique_ptr<Choices> choices;
};

}  // namespace guidedgen
