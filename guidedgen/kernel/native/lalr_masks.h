// The mask of a stack of an automaton: what its topmost states read of tokens, and then what the states below do with the rest.
//
// Nothing is made of the stacks that tokens lead to, but behind newlines that begin or end blocks. Only where all that is met is proved to be
// completable (lalr_proof.h); elsewhere rows are made and searched from.
#pragma once

#include "lalr_readings.h"

namespace guidedgen {

class LalrMasks {
  public:
    LalrMasks(Rows& rows, Viability& viability, TokenSets& sets)
        : rows_(rows), viability_(viability), symbols_(rows.symbols()), sets_(sets),
          some_(symbols_.has_lalr() && !symbols_.has_json() && !symbols_.has_limits()) {}

    // Adds the tokens that can be read from a row, or (`part`) those that cross the end of a lexeme there. False, and nothing is added, where
    // that is not known without a search.
    bool add(Row* row, LexMask* part, uint32_t at, TokenSet& set) {
        if (!some_ || row->items.size() != 1 || !is_lalr(row->items[0])) return false;
        const Item& item = row->items[0];
        if (!rows_.clean_and_alone(item)) return false;
        Lalr& machine = symbols_.lalr_at(item.slot);
        LalrReadings* readings = readings_of(machine);
        if (!readings) return false;
        work_.clear();
        tokens_.clear();
        shares_.clear();
        const int32_t state = machine.state_of(item.slot);
        const int32_t blocks = state == machine.start ? LalrBlocks::kOutside : item.nonterminal;
        const int64_t before = readings->memory();
        Row* below = state == machine.start ? nullptr : item.row;
        auto begin = [&](TokenPlace& place) { work_.push_back({&readings->from(place, state, machine.blocks.brackets(blocks)), below, blocks}); };
        if (part) readings->places().each_at(*part, at, item.obligation, state, begin);
        else begin(readings->places().at(nullptr, 0, item.obligation, state));
        bool sure = true;
        while (sure && !work_.empty()) {
            const Work now = work_.back();
            work_.pop_back();
            sure = read(machine, *readings, now);
        }
        rows_.charge(readings->memory() - before);
        if (!sure) return false;
        std::sort(shares_.begin(), shares_.end());
        shares_.erase(std::unique(shares_.begin(), shares_.end()), shares_.end());
        for (const LexMask* share : shares_) sets_.add(set, *share);
        sets_.add(set, tokens_);
        return true;
    }

  private:
    // What was read with the topmost states; `below`: the rest of the stack.
    struct Work {
        const LalrReadings::Result* read;
        Row* below;
        int32_t blocks;
    };

    LalrReadings* readings_of(Lalr& machine) {
        auto& known = readings_[&machine];
        if (!known.asked) {
            known.asked = true;
            if (machine.scans()) known.made = std::make_unique<LalrReadings>(symbols_, viability_, machine);
        }
        return known.made.get();
    }

    // False: not everything is sure.
    bool read(Lalr& machine, LalrReadings& readings, const Work& now) {
        if (!now.read->sure) return false;
        symbols_.lexer().expressions().spend(1 + static_cast<int64_t>(now.read->shares.size() + now.read->tokens.size() / 16));
        tokens_.insert(tokens_.end(), now.read->tokens.begin(), now.read->tokens.end());
        shares_.insert(shares_.end(), now.read->shares.begin(), now.read->shares.end());
        for (const LalrReadings::Pending& p : now.read->pending) {
            Row* row = now.below;
            for (int32_t left = p.pops; row && left > 0; --left)
                row = machine.state_of(row->items[0].slot) == machine.start ? nullptr : row->items[0].row;
            if (!row) continue;
            const int32_t to = machine.after(machine.state_of(row->items[0].slot), p.nonterminal);
            if (to != Lalr::kNone) work_.push_back({&readings.of(*p.rest, to, p.brackets), row, now.blocks});
        }
        for (const LalrReadings::Skip& skip : now.read->skips)
            if (!read_skip(machine, readings, skip, now)) return false;
        for (const LalrReadings::Line& line : now.read->lines)
            if (!read_lines(machine, readings, line, now)) return false;
        return true;
    }

    // The stack with some states on top.
    static LalrTrial<Item> stack_of(Lalr& machine, const std::vector<int32_t>& states, int32_t brackets, const Work& now) {
        const int32_t blocks = machine.blocks.bracket(now.blocks, brackets - machine.blocks.brackets(now.blocks));
        LalrTrial<Item> stack(machine, {machine.slot(states.back()), states.back() == machine.start ? -1 : blocks, now.below});
        stack.pushed.assign(states.rbegin() + 1, states.rend());
        stack.blocks = blocks;
        return stack;
    }

    // What is ignored, where something can come after it.
    bool read_skip(Lalr& machine, LalrReadings& readings, const LalrReadings::Skip& skip, const Work& now) {
        const LalrTrial<Item> stack = stack_of(machine, skip.states, skip.brackets, now);
        const Answer answer = readings.each_end(skip, [&](int32_t obligation) {
            const Answer answer = rows_.clean(stack) ? viability_.goes_on(stack, obligation) : Answer::Unknown;
            if (answer != Answer::Unknown) return answer;
            return viability_.viable(rows_.make({obliged(rows_.pushed(stack), obligation)})) ? Answer::Yes : Answer::No;
        });
        if (answer != Answer::Yes) return answer == Answer::No;
        const Item top = rows_.pushed(stack);
        for (LexMask* share : readings.shares(skip)) {
            shares_.push_back(share);
            readings.places().each_behind(*share, skip.states[0], [&](TokenPlace& place) {
                if (!place.bytes.empty()) work_.push_back({&readings.from(place, skip.states[0], skip.brackets), top.row, stack.blocks});
            });
        }
        return true;
    }

    // Newlines, one for each column that the next line may have.
    bool read_lines(Lalr& machine, LalrReadings& readings, const LalrReadings::Line& line, const Work& now) {
        const LalrTrial<Item> stack = stack_of(machine, line.states, 0, now);
        const int32_t blocks = stack.blocks;
        auto each = [&](const LalrTrial<Item>& after, int32_t column) {
            const auto& shares = readings.places().lines(*line.place, line.states[0], column);
            if (shares.empty()) return true;
            if (!rows_.ends(after)) return true;
            if (!rows_.clean(after)) return false;
            for (LexMask* share : shares) {
                shares_.push_back(share);
                const int32_t state = after.top();
                readings.places().each_behind(*share, state, [&](TokenPlace& place) {
                    const Item top = rows_.pushed(after);
                    work_.push_back({&readings.from(place, state, 0), top.row, top.nonterminal});
                });
            }
            return true;
        };
        for (int32_t b = blocks; b >= 0; b = machine.blocks.outer(b)) {
            LalrTrial<Item> trial = stack;
            symbols_.lexer().expressions().spend(1);
            if (trial.read_newline(machine.blocks.column(b)) && !each(trial, machine.blocks.column(b))) return false;
        }
        const int32_t last = machine.blocks.column(blocks);
        LalrTrial<Item> deeper = stack;
        if (!deeper.read_newline(last + 1)) return true;
        bool all = true;
        machine.each_deeper(last, [&](int32_t column) {
            deeper.blocks = machine.blocks.inner(blocks, column);
            all = all && each(deeper, column);
        });
        return all;
    }

    struct Known {
        bool asked = false;
        std::unique_ptr<LalrReadings> made;
    };

    Rows& rows_;
    Viability& viability_;
    Symbols& symbols_;
    TokenSets& sets_;
    const bool some_;
    std::unordered_map<const Lalr*, Known> readings_;
    std::vector<Work> work_;                 // scratch of `add`
    std::vector<int32_t> tokens_;
    std::vector<const LexMask*> shares_;
};

}  // namespace guidedgen
