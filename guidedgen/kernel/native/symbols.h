// The context-free structure: on top of the symbol table as read, productions that come into being when they are predicted.
//
// A nonterminal is a symbol, a counted repetition with its remaining bounds, or an unordered collection with what was
// seen of it; neither counts nor orders are unrolled up front.
#pragma once

#include <deque>
#include <map>
#include <unordered_map>
#include <vector>

#include "symbol_table.h"

namespace guidedgen {

enum class SlotKind : uint8_t { Terminal, Nonterminal, Token, Json, Lalr, End };

// A position in a production: what comes next there.
struct Slot {
    SlotKind kind;
    bool nullable;
    int32_t value;    // terminal, nonterminal or token-list number
    int32_t symbol;   // of the table, for messages
};

struct Nonterminal {
    int32_t symbol, low, high;          // bounds of a repetition; set of seen members and count of an unordered collection
    bool nullable;
    bool expanded = false;
    std::vector<int32_t> productions;   // first slots
};

class Symbols : public SymbolTable {
  public:
    // `json`: the texts that symbols of the table stand for.
    Symbols(const Table& table, JsonTexts json, std::shared_ptr<Lexer> lexer) : SymbolTable(table, std::move(json), std::move(lexer)) {
        finish_production();   // the end of JSON texts
        json_end_ = 0;
        set_costs_of_guests();
    }

    // A grammar that is nothing but the JSON texts of a schema.
    Symbols(std::unique_ptr<JsonMachine> json, std::shared_ptr<Lexer> lexer) : SymbolTable(std::move(lexer)) {
        json_.add(std::move(json));
        slots_.push_back({SlotKind::Json, false, 0, -1});
        finish_production();
        start_slot_ = 0;
    }

    // Whether what a nonterminal obliges the rest to ends with its text.
    bool ends_text(int32_t nonterminal) const {
        return nonterminal >= 0 && !Obligations::is_obliged(nonterminal) && is_fence(nonterminals_[nonterminal].symbol);
    }

    // Where a production ends: what a JSON text that is complete has come to.
    int32_t json_end() const { return json_end_; }

    // The automaton that is at a slot.
    Lalr& lalr(const Slot& slot) { return *lalr_[slot.value]; }

    // The nonterminal that a guest of an automaton is.
    int32_t guest(const Lalr& machine, int32_t terminal) { return nonterminal_of(machine.terminal_symbol[terminal], 0, 0); }

    const Slot& slot(int32_t at) const { return slots_[at]; }
    Nonterminal& nonterminal(int32_t id) { return nonterminals_[id]; }
    LexState* terminal(int32_t id) const { return terminals_[id]; }
    // How many tokens it may take; -1: any number.
    int32_t limit(int32_t terminal) const { return limit_of_[terminal]; }

    const std::vector<int32_t>& token_list(int32_t id) const { return token_lists_[id]; }
    int64_t memory() const {
        return static_cast<int64_t>(slots_.size() * sizeof(Slot) + nonterminals_.size() * (sizeof(Nonterminal) + 64)) +
               json_.memory() + counts_.memory() + obligations_.memory();
    }
    int64_t count() const { return static_cast<int64_t>(nonterminals_.size()) + json_.count(); }

    // First slot of the production that is just the start symbol.
    int32_t start_slot() {
        if (start_slot_ < 0) {
            int32_t at = static_cast<int32_t>(slots_.size());
            append(start_);
            finish_production();
            start_slot_ = at;
        }
        return start_slot_;
    }

    const std::vector<int32_t>& productions(int32_t id) {
        if (!nonterminals_[id].expanded) expand(id);
        return nonterminals_[id].productions;
    }

    // Least number of bytes that the rest of a production derives; a special token counts as one.
    int64_t suffix_cost(int32_t at) {
        if (min_length_.empty()) compute_min_lengths();
        suffix_cost_.resize(slots_.size(), -1);
        int32_t end = at;
        while (suffix_cost_[end] < 0 && slots_[end].kind != SlotKind::End) ++end;
        int64_t sum = slots_[end].kind == SlotKind::End ? 0 : suffix_cost_[end];
        while (end-- > at) suffix_cost_[end] = sum = std::min(kFar, sum + cost(slots_[end]));
        return sum;
    }

  private:
    friend class NeededTerminals;

    // Guests have no automata in them, so that their costs do not depend on those.
    void set_costs_of_guests() {
        const auto has_guests = [](const auto& machine) { return machine->has_guests(); };
        if (std::none_of(lalr_.begin(), lalr_.end(), has_guests)) return;
        compute_min_lengths();
        for (const auto& machine : lalr_) {
            if (!machine->has_guests()) continue;
            const std::vector<int64_t> known = machine->terminal_costs();
            machine->set_costs([&](int32_t t) { return machine->guest(t) ? min_length_[machine->terminal_symbol[t]] : known[t]; });
        }
        min_length_.clear();
    }

    int32_t nonterminal_of(int32_t s, int32_t low, int32_t high) {
        uint64_t key = mix(mix(static_cast<uint32_t>(s), static_cast<uint32_t>(low)), static_cast<uint32_t>(high));
        for (int32_t id : by_key_[key]) {
            const Nonterminal& n = nonterminals_[id];
            if (n.symbol == s && n.low == low && n.high == high) return id;
        }
        int32_t id = static_cast<int32_t>(nonterminals_.size());
        bool nullable = op_[s] == SymOp::Repetition  ? low == 0 || nullable_[children_[first_[s]]]
                        : op_[s] == SymOp::Unordered ? unordered_[low_[s]].may_end(seen_sets_.at(low), high)
                                                     : nullable_[s];
        nonterminals_.push_back({s, low, high, nullable, false, {}});
        by_key_[key].push_back(id);
        return id;
    }

    int32_t terminal_of(int32_t s) {
        LexState* start = lexer_->state(expr_[s]);
        const int32_t limit = op_[s] == SymOp::Limited ? high_[s] : -1;
        auto found = terminal_ids_[limit].emplace(start, static_cast<int32_t>(terminals_.size()));
        if (found.second) {
            terminals_.push_back(start);
            limit_of_.push_back(limit);
        }
        return found.first->second;
    }

    // Appends the slots of one symbol to the production under construction.
    void append(int32_t s) {
        s = resolve(s);
        switch (op_[s]) {
            case SymOp::Terminal:
            case SymOp::Limited:
                if (lexer_->can_continue(lexer_->state(expr_[s]))) {
                    slots_.push_back({SlotKind::Terminal, nullable_[s] != 0, terminal_of(s), s});
                }
                break;   // the empty text alone: nothing to read
            case SymOp::Sequence:
                for (int32_t k = first_[s]; k < first_[s + 1]; ++k) append_part(children_[k]);
                break;
            case SymOp::Token:
                token_lists_.emplace_back(children_.begin() + first_[s], children_.begin() + first_[s + 1]);
                slots_.push_back({SlotKind::Token, false, static_cast<int32_t>(token_lists_.size()) - 1, s});
                break;
            case SymOp::Lalr: slots_.push_back({SlotKind::Lalr, nullable_[s] != 0, low_[s], s}); break;
            case SymOp::Json: slots_.push_back({SlotKind::Json, false, low_[s], s}); break;
            case SymOp::Repetition: append_repetition(s, low_[s], high_[s]); break;
            default: {
                int32_t id = nonterminal_of(s, 0, 0);
                slots_.push_back({SlotKind::Nonterminal, nonterminals_[id].nullable, id, s});
            }
        }
    }

    // Sequences inside sequences stay nonterminals of their own: inlining them would recurse as deep as the input nests.
    void append_part(int32_t s) {
        int32_t at = resolve(s);
        if (op_[at] != SymOp::Sequence) return append(at);
        int32_t id = nonterminal_of(at, 0, 0);
        slots_.push_back({SlotKind::Nonterminal, nonterminals_[id].nullable, id, at});
    }

    void append_repetition(int32_t s, int32_t low, int32_t high) {
        if (high == 0 || !productive_[children_[first_[s]]]) return;
        if (nullable_[children_[first_[s]]]) low = 0;
        int32_t id = nonterminal_of(s, low, high);
        slots_.push_back({SlotKind::Nonterminal, nonterminals_[id].nullable, id, s});
    }

    void finish_production() { slots_.push_back({SlotKind::End, true, 0, -1}); }

    void expand(int32_t id) {
        const Nonterminal n = nonterminals_[id];
        std::vector<int32_t> made;
        int32_t s = n.symbol;
        if (op_[s] == SymOp::Repetition) {
            made.push_back(static_cast<int32_t>(slots_.size()));
            append_part(children_[first_[s]]);
            append_repetition(s, std::max(n.low - 1, 0), n.high < 0 ? -1 : n.high - 1);
            finish_production();
        } else if (op_[s] == SymOp::Unordered) {
            expand_unordered(n, made);
        } else if (op_[s] == SymOp::Rule) {
            made.push_back(static_cast<int32_t>(slots_.size()));
            append_part(children_[first_[s]]);
            finish_production();
        } else if (op_[s] == SymOp::Choice) {
            for (int32_t k = first_[s]; k < first_[s + 1]; ++k) {
                if (!productive_[children_[k]]) continue;
                made.push_back(static_cast<int32_t>(slots_.size()));
                append(children_[k]);
                finish_production();
            }
        } else {
            made.push_back(static_cast<int32_t>(slots_.size()));
            append(s);
            finish_production();
        }
        nonterminals_[id].productions = std::move(made);
        nonterminals_[id].expanded = true;
    }

    void expand_unordered(const Nonterminal& n, std::vector<int32_t>& made) {
        const Unordered& u = unordered_[low_[n.symbol]];
        if (n.high > 0 && !productive_[u.separator]) return;
        auto open = [&](int32_t item, int32_t seen) {
            made.push_back(static_cast<int32_t>(slots_.size()));
            if (n.high > 0) append_part(u.separator);
            append_part(item);
            int32_t id = nonterminal_of(n.symbol, seen, u.next_count(n.high));
            slots_.push_back({SlotKind::Nonterminal, nonterminals_[id].nullable, id, n.symbol});
            finish_production();
        };
        const Seen seen = seen_sets_.at(n.low);
        const Unordered::Left left = u.left(seen, productive_);
        const bool member[] = {u.may_take(true, false, n.high, left), u.may_take(true, true, n.high, left)};
        for (int32_t m = 0; m < u.size(); ++m)
            if (member[u.needed[m]] && productive_[u.members[m]] && !u.has(seen, m)) open(u.members[m], seen_sets_.with(n.low, m));
        if (left.rest && u.may_take(false, false, n.high, left)) open(u.rest, n.low);
    }

    int64_t cost(const Slot& slot) {
        if (slot.kind == SlotKind::Json) return json_.cost(json_.start(slot.value));
        if (slot.kind == SlotKind::Token) return 1;
        if (slot.kind == SlotKind::Lalr) return lalr_[slot.value]->least();
        if (slot.nullable) return 0;
        if (slot.kind == SlotKind::Terminal) return min_length_[slot.symbol];
        const Nonterminal& n = nonterminals_[slot.value];
        if (op_[n.symbol] == SymOp::Unordered) return unordered_[low_[n.symbol]].cost(seen_sets_.at(n.low), n.high, min_length_);
        if (op_[n.symbol] != SymOp::Repetition) return min_length_[n.symbol];
        return far_times(min_length_[children_[first_[n.symbol]]], n.low);
    }

    int64_t combine(int32_t s) const {
        if (op_[s] == SymOp::Unordered) return unordered_[low_[s]].cost({}, 0, min_length_);
        int64_t result = op_[s] == SymOp::Choice ? kFar : 0;
        for (int32_t k = first_[s]; k < first_[s + 1]; ++k) {
            int64_t child = min_length_[children_[k]];
            result = op_[s] == SymOp::Choice ? std::min(result, child) : std::min(kFar, result + child);
        }
        return op_[s] == SymOp::Repetition ? far_times(result, low_[s]) : result;
    }

    // Label-correcting passes until nothing improves (Knuth 1977 gives the well-founded minimum that this reaches).
    void compute_min_lengths() {
        min_length_.assign(op_.size(), kFar);
        try {
            improve_min_lengths();
        } catch (...) {   // a limit was reached: what is there is not the minimum
            min_length_.clear();
            throw;
        }
    }

    void improve_min_lengths() {
        size_t n = op_.size();
        for (bool changed = true; changed;) {
            changed = false;
            lexer_->expressions().spend(static_cast<int64_t>(n));
            for (size_t s = 0; s < n; ++s) {
                if (!productive_[s]) continue;
                int32_t id = static_cast<int32_t>(s);
                int64_t now = is_terminal(id) ? (min_length_[s] < kFar ? min_length_[s] : terminal_length(id))
                              : op_[s] == SymOp::Token  ? 1
                              : op_[s] == SymOp::Lalr   ? lalr_[low_[s]]->least()
                              : op_[s] == SymOp::Json   ? json_.cost(json_.start(low_[s]))
                                                        : combine(id);
                if (now < min_length_[s]) {
                    min_length_[s] = now;
                    changed = true;
                }
            }
        }
    }

    int64_t terminal_length(int32_t s) { return nullable_[s] ? 0 : lexer_->distance(lexer_->state(expr_[s])); }

    int32_t json_end_ = 1, start_slot_ = -1;
    std::vector<int64_t> min_length_, suffix_cost_;   // by symbol; by slot, -1: not computed
    SeenSets seen_sets_;
    std::vector<Slot> slots_;
    Stable<Nonterminal> nonterminals_;
    std::unordered_map<uint64_t, std::vector<int32_t>> by_key_;
    std::vector<LexState*> terminals_;
    std::vector<int32_t> limit_of_;   // by terminal
    std::map<int32_t, std::unordered_map<LexState*, int32_t>> terminal_ids_;   // by limit
    std::vector<std::vector<int32_t>> token_lists_;
};

}  // namespace guidedgen
