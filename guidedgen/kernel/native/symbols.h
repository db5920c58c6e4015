// The context-free structure: the symbol table as read, and productions that come into being when they are predicted.
//
// A nonterminal is a symbol, a counted repetition with its remaining bounds, or an unordered collection with what was
// seen of it; neither counts nor orders are unrolled up front.
#pragma once

#include <deque>
#include <map>
#include <unordered_map>
#include <vector>

#include "explicit_automaton.h"
#include "json_texts.h"
#include "lalr_proof.h"
#include "lalr_stacks.h"
#include "obligations.h"
#include "token_counts.h"
#include "unordered.h"

namespace guidedgen {

enum class SymOp : int32_t { Terminal, Sequence, Choice, Repetition, Token, Rule, Unordered, Json, Limited, Lalr = 10 };

struct Table {
    const int32_t *exprs, *symbols, *pool;
    int64_t n_exprs, n_symbols;
    const uint8_t* byte_sets;
    const uint8_t* literals;
    int32_t start;
};

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

class Symbols {
  public:
    // `json`: the texts that symbols of the table stand for.
    Symbols(const Table& table, JsonTexts json, std::shared_ptr<Lexer> lexer)
        : lexer_(std::move(lexer)), obligations_(*lexer_), counts_(*lexer_), json_(std::move(json)), mixed_(true) {
        finish_production();   // the end of JSON texts
        json_end_ = 0;
        read_expressions(table);
        read_symbols(table);
        nullable_ = fixpoint([this](int32_t s) { return lexer_->state(expr_[s])->accepting; }, false,
                             [](const Unordered& u, const std::vector<uint8_t>&) { return u.required == 0 && u.low == 0; });
        productive_ = fixpoint([this](int32_t s) { return lexer_->alive(lexer_->state(expr_[s])) && fits_its_limit(s); }, true,
                               [](const Unordered& u, const std::vector<uint8_t>& holds) { return u.productive(holds); });
        for (const Unordered& u : unordered_) u.check_nonempty(nullable_);
        if (!productive_[table.start]) throw UnsatisfiableError("the grammar derives no text at all");
        start_ = table.start;
    }

    // A grammar that is nothing but the JSON texts of a schema.
    Symbols(std::unique_ptr<JsonMachine> json, std::shared_ptr<Lexer> lexer) : lexer_(std::move(lexer)), obligations_(*lexer_), counts_(*lexer_) {
        json_.add(std::move(json));
        slots_.push_back({SlotKind::Json, false, 0, -1});
        finish_production();
        start_slot_ = 0;
    }

    JsonTexts& json() { return json_; }
    bool has_json() const { return !json_.empty(); }
    // Whether there is anything but JSON: a text may be read as JSON and as something else at once.
    bool mixed() const { return mixed_; }
    // Where a production ends: what a JSON text that is complete has come to.
    int32_t json_end() const { return json_end_; }

    // The automaton that is at a slot, or stands in an item with it.
    Lalr& lalr(const Slot& slot) { return *lalr_[slot.value]; }
    Lalr& lalr_at(int32_t slot) { return *lalr_[lalr_of_state_[kLalr - slot]]; }

    const LalrProof& proof(const Lalr& machine) {
        auto& known = lalr_proofs_[lalr_of_state_[kLalr - machine.slot(machine.start)]];
        if (!known) known = std::make_unique<LalrProof>(*lexer_, machine, lexemes(machine));
        return *known;
    }
    bool has_lalr() const { return !lalr_.empty(); }
    LalrLexemes& lexemes(const Lalr& machine) { return *lalr_lexemes_[lalr_of_state_[kLalr - machine.slot(machine.start)]]; }

    Lexer& lexer() const { return *lexer_; }
    const std::shared_ptr<Lexer>& lexer_ptr() const { return lexer_; }
    const Slot& slot(int32_t at) const { return slots_[at]; }
    Nonterminal& nonterminal(int32_t id) { return nonterminals_[id]; }
    LexState* terminal(int32_t id) const { return terminals_[id]; }
    // How many tokens it may take; -1: any number.
    int32_t limit(int32_t terminal) const { return limit_of_[terminal]; }
    bool has_limits() const { return has_limits_; }
    TokenCounts& counts() { return counts_; }

    // Whether some terminals oblige what follows them.
    bool lexes() const { return lexes_; }
    Obligations& obligations() { return obligations_; }
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

    void read_expressions(const Table& t) {
        Expressions& e = lexer_->expressions();
        expr_of_.resize(t.n_exprs);
        for (int64_t i = 0; i < t.n_exprs; ++i) {
            int32_t op = t.exprs[3 * i], a = t.exprs[3 * i + 1], b = t.exprs[3 * i + 2], id = 0;
            std::vector<int32_t> items;
            if (op == kLongest) {   // terminals that are read by rules of a lexer are never empty
                expr_of_[i] = e.longest(e.nonempty(expr_of_[a]), expr_of_[b]);
                lexes_ = true;
                continue;
            }
            if (op >= 4 && op <= 6)
                for (int32_t k = 0; k < b; ++k) items.push_back(expr_of_[t.pool[a + k]]);
            switch (static_cast<Op>(op)) {
                case Op::Empty: id = Expressions::kEmpty; break;
                case Op::Epsilon: id = Expressions::kEpsilon; break;
                case Op::Bytes: {
                    ByteSet set;
                    std::memcpy(set.w.data(), t.byte_sets + 32 * int64_t{a}, 32);
                    id = e.bytes(set);
                    break;
                }
                case Op::Literal: id = e.literal(t.literals + a, b); break;
                case Op::Concat:
                    id = Expressions::kEpsilon;
                    for (size_t k = items.size(); k-- > 0;) id = e.concat(items[k], id);
                    break;
                case Op::Or: id = e.either(std::move(items)); break;
                case Op::And: id = e.both(std::move(items)); break;
                case Op::Not: id = e.negate(expr_of_[a]); break;
                case Op::Repeat: id = e.repeat(expr_of_[a], t.pool[b], t.pool[b + 1]); break;
                case Op::Lazy: id = ExplicitAutomaton::language(e, t.pool + a); break;
                case Op::Longest: break;   // not by these numbers
            }
            expr_of_[i] = id;
        }
    }

    void read_symbols(const Table& t) {
        size_t n = static_cast<size_t>(t.n_symbols);
        op_.resize(n);
        expr_.assign(n, 0);
        low_.assign(n, 0);
        high_.assign(n, 0);
        first_.assign(n + 1, 0);
        for (size_t s = 0; s < n; ++s) {
            const int32_t* row = t.symbols + 3 * s;
            op_[s] = static_cast<SymOp>(row[0]);
            first_[s] = static_cast<int32_t>(children_.size());
            switch (op_[s]) {
                case SymOp::Terminal: expr_[s] = expr_of_[row[1]]; break;
                case SymOp::Sequence:
                case SymOp::Choice:
                case SymOp::Token: children_.insert(children_.end(), t.pool + row[1], t.pool + row[1] + row[2]); break;
                case SymOp::Repetition:
                    children_.push_back(row[1]);
                    low_[s] = t.pool[row[2]];
                    high_[s] = t.pool[row[2] + 1];
                    break;
                case SymOp::Rule: children_.push_back(row[1]); break;
                case SymOp::Json: low_[s] = row[1]; break;
                case SymOp::Limited:
                    expr_[s] = expr_of_[row[1]];
                    high_[s] = row[2];
                    has_limits_ = true;
                    break;
                case SymOp::Unordered:
                    low_[s] = static_cast<int32_t>(unordered_.size());
                    unordered_.emplace_back(t.pool + row[1], row[2]);
                    unordered_.back().append_parts(children_);
                    break;
                case SymOp::Lalr:
                    low_[s] = static_cast<int32_t>(lalr_.size());
                    read_lalr(t.pool + row[1]);
                    break;
            }
        }
        first_[n] = static_cast<int32_t>(children_.size());
        body_.assign(n, -1);
        expr_of_.clear();
        expr_of_.shrink_to_fit();
    }

    void read_lalr(const int32_t* row) {
        lalr_.push_back(std::make_unique<Lalr>(row, static_cast<int32_t>(lalr_of_state_.size())));
        Lalr& machine = *lalr_.back();
        lalr_of_state_.insert(lalr_of_state_.end(), machine.states(), static_cast<int32_t>(lalr_.size()) - 1);
        std::vector<int32_t> exprs;
        for (int32_t symbol : machine.terminal_symbol) exprs.push_back(symbol < 0 ? -1 : expr_[symbol]);
        machine.set_costs([&](int32_t terminal) {
            LexState* start = lexer_->state(exprs[terminal]);
            return lexer_->alive(start) ? int64_t{lexer_->distance(start)} : kFar;
        });
        lalr_lexemes_.push_back(std::make_unique<LalrLexemes>(*lexer_, machine, std::move(exprs)));
        lalr_proofs_.emplace_back();
        lexes_ = lexes_ || machine.scans() || machine.newline >= 0 || !machine.resolved.empty();
    }

    static bool takes_empty_text(Lalr& machine) {
        struct Alone {
            struct Row {
                std::vector<Alone> items;
            };
            int32_t slot, nonterminal;
            Row* row;
        };
        return LalrTrial<Alone>(machine, {machine.slot(machine.start), 0, nullptr}).end();
    }

    // Least fixpoint of a property that sequences need of all parts and choices of one (Horn clauses, linear time).
    template <class F, class G>
    std::vector<uint8_t> fixpoint(F of_terminal, bool of_token, G of_unordered) {
        size_t n = op_.size();
        std::vector<uint8_t> holds(n, 0);
        std::vector<int32_t> missing(n, 0), ready, head(n, -1), link, owner;
        for (size_t s = 0; s < n; ++s) {
            int32_t id = static_cast<int32_t>(s), parts = first_[s + 1] - first_[s];
            bool now = false;
            if (is_terminal(id)) {
                now = of_terminal(id);
            } else if (op_[s] == SymOp::Token || op_[s] == SymOp::Json) {
                now = of_token;
            } else if (op_[s] == SymOp::Lalr) {
                now = of_token ? lalr_[low_[s]]->least() < kFar : takes_empty_text(*lalr_[low_[s]]);
            } else if (op_[s] == SymOp::Repetition && low_[s] == 0) {
                now = true;
            } else {
                missing[s] = op_[s] == SymOp::Sequence ? parts : 1;
                now = op_[s] == SymOp::Unordered ? of_unordered(unordered_[low_[s]], holds) : missing[s] == 0;
                for (int32_t k = first_[s]; k < first_[s + 1]; ++k) {
                    link.push_back(head[children_[k]]);
                    owner.push_back(id);
                    head[children_[k]] = static_cast<int32_t>(link.size()) - 1;
                }
            }
            if (now) {
                holds[s] = 1;
                ready.push_back(id);
            }
        }
        while (!ready.empty()) {
            int32_t s = ready.back();
            ready.pop_back();
            for (int32_t k = head[s]; k >= 0; k = link[k]) {
                int32_t above = owner[k];
                if (holds[above]) continue;
                if (op_[above] == SymOp::Unordered ? of_unordered(unordered_[low_[above]], holds) : --missing[above] <= 0) {
                    holds[above] = 1;
                    ready.push_back(above);
                }
            }
        }
        return holds;
    }

    // The symbol behind a chain of rules; a chain that bites its own tail is unproductive and never gets here.
    int32_t resolve(int32_t s) {
        int32_t at = s;
        while (op_[at] == SymOp::Rule) at = body_[at] >= 0 ? body_[at] : children_[first_[at]];
        if (op_[s] == SymOp::Rule) body_[s] = at;
        return at;
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

    bool is_terminal(int32_t s) const { return op_[s] == SymOp::Terminal || op_[s] == SymOp::Limited; }

    bool fits_its_limit(int32_t s) { return op_[s] != SymOp::Limited || counts_.fits(lexer_->state(expr_[s]), high_[s]); }

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

    static constexpr int32_t kLongest = 10;   // opcode in a table

    std::shared_ptr<Lexer> lexer_;
    Obligations obligations_;
    TokenCounts counts_;
    JsonTexts json_;
    bool mixed_ = false, has_limits_ = false;
    int32_t json_end_ = 1;
    std::vector<int32_t> expr_of_;                 // table expression -> lexer expression, while reading
    std::vector<SymOp> op_;
    std::vector<int32_t> expr_, low_, high_, first_, children_, body_;
    std::vector<uint8_t> nullable_, productive_;
    std::vector<int64_t> min_length_, suffix_cost_;   // by symbol; by slot, -1: not computed
    std::vector<Unordered> unordered_;
    std::vector<std::unique_ptr<Lalr>> lalr_;
    std::vector<int32_t> lalr_of_state_;
    std::vector<std::unique_ptr<LalrLexemes>> lalr_lexemes_;
    std::vector<std::unique_ptr<LalrProof>> lalr_proofs_;   // made on demand
    SeenSets seen_sets_;
    int32_t start_ = 0, start_slot_ = -1;
    bool lexes_ = false;
    std::vector<Slot> slots_;
    std::deque<Nonterminal> nonterminals_;
    std::unordered_map<uint64_t, std::vector<int32_t>> by_key_;
    std::vector<LexState*> terminals_;
    std::vector<int32_t> limit_of_;   // by terminal
    std::map<int32_t, std::unordered_map<LexState*, int32_t>> terminal_ids_;   // by limit
    std::vector<std::vector<int32_t>> token_lists_;
};

}  // namespace guidedgen
