// The symbol table as read: its expressions in the lexer, its LALR automata, and which symbols derive the empty text or any text at
// all. Productions come later, see `symbols.h`.
#pragma once

#include <map>
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

class SymbolTable {
  public:
    JsonTexts& json() { return json_; }
    bool has_json() const { return !json_.empty(); }
    // The symbol whose text a state of the JSON machines is in; -1: there are no symbols.
    int32_t json_symbol(int32_t state) const {
        for (size_t s = 0; s < op_.size(); ++s)
            if (op_[s] == SymOp::Json && low_[s] == state % json_.size()) return static_cast<int32_t>(s);
        return -1;
    }
    // Whether there is anything but JSON: a text may be read as JSON and as something else at once.
    bool mixed() const { return mixed_; }

    bool has_lalr() const { return !lalr_.empty(); }
    // The automaton that stands in an item with a slot.
    Lalr& lalr_at(int32_t slot) { return *lalr_[lalr_of_state_[kLalr - slot]]; }
    LalrProof& proof(const Lalr& machine) {
        const size_t number = static_cast<size_t>(lalr_of_state_[kLalr - machine.slot(machine.start)]);
        auto& known = lalr_proofs_[number];
        if (!known) known = std::make_unique<LalrProof>(*lexer_, *lalr_[number], lexemes(machine), lalr_fates_[number]);
        return *known;
    }
    LalrLexemes& lexemes(const Lalr& machine) { return *lalr_lexemes_[lalr_of_state_[kLalr - machine.slot(machine.start)]]; }

    Lexer& lexer() const { return *lexer_; }
    const std::shared_ptr<Lexer>& lexer_ptr() const { return lexer_; }

    // Whether some terminals may take only so many tokens.
    bool has_limits() const { return has_limits_; }
    TokenCounts& counts() { return counts_; }

    // Whether some terminals oblige what follows them.
    bool lexes() const { return lexes_; }
    Obligations& obligations() { return obligations_; }

  protected:
    // `json`: the texts that symbols of the table stand for.
    SymbolTable(const Table& table, JsonTexts json, std::shared_ptr<Lexer> lexer)
        : lexer_(std::move(lexer)), obligations_(*lexer_), counts_(*lexer_), json_(std::move(json)), mixed_(true) {
        read_expressions(table);
        read_symbols(table);
        nullable_ = fixpoint([this](int32_t s) { return lexer_->state(expr_[s])->accepting; }, false,
                             [](const Unordered& u, const std::vector<uint8_t>&) { return u.required == 0 && u.low == 0; });
        productive_ = fixpoint([this](int32_t s) { return lexer_->alive(lexer_->state(expr_[s])) && fits_its_limit(s); }, true,
                               [](const Unordered& u, const std::vector<uint8_t>& holds) { return u.productive(holds); });
        for (const Unordered& u : unordered_) u.check_nonempty(nullable_);
        check_guests();
        if (!productive_[table.start]) throw UnsatisfiableError("the grammar derives no text at all");
        start_ = table.start;
    }

    // No symbols.
    explicit SymbolTable(std::shared_ptr<Lexer> lexer) : lexer_(std::move(lexer)), obligations_(*lexer_), counts_(*lexer_) {}
    ~SymbolTable() = default;

    bool is_terminal(int32_t s) const { return op_[s] == SymOp::Terminal || op_[s] == SymOp::Limited; }

    // A rule whose text is one of its own: what its terminals oblige the rest to ends with it.
    bool is_fence(int32_t s) const { return op_[s] == SymOp::Rule && high_[s] == 1; }

    // The symbol behind a chain of rules; a chain that bites its own tail is unproductive and never gets here.
    int32_t resolve(int32_t s) {
        int32_t at = s;
        while (op_[at] == SymOp::Rule && !is_fence(at)) at = body_[at] >= 0 ? body_[at] : children_[first_[at]];
        if (op_[s] == SymOp::Rule) body_[s] = at;
        return at;
    }

    std::shared_ptr<Lexer> lexer_;
    Obligations obligations_;
    TokenCounts counts_;
    JsonTexts json_;
    std::vector<SymOp> op_;
    std::vector<int32_t> expr_, low_, high_, first_, children_, body_;
    std::vector<uint8_t> nullable_, productive_;
    std::vector<Unordered> unordered_;
    std::vector<std::unique_ptr<Lalr>> lalr_;
    int32_t start_ = 0;

  private:
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
                    if (set == ByteSet::single(Obligations::kEndOfText)) obligations_.note_marks_ends();
                    if (set == ByteSet::single(Obligations::kBeginning)) obligations_.note_marks_beginnings();
                    if (set == ByteSet::single(Lexer::kEndOfTerminal)) lexer_->note_marks_terminals();
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
                case SymOp::Rule:
                    children_.push_back(row[1]);
                    high_[s] = row[2];
                    break;
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
        std::vector<int32_t> exprs;
        for (int32_t t = 0; t < machine.terminals(); ++t) {
            const int32_t symbol = machine.terminal_symbol[t];
            if (symbol >= 0 && op_[symbol] != SymOp::Terminal) machine.note_guest(t);
            exprs.push_back(machine.lexed(t) ? expr_[symbol] : -1);
        }
        for (int32_t expr : exprs)
            if (expr >= 0 && lexer_->state(expr)->accepting) throw std::invalid_argument("a terminal of an automaton derives the empty text");
        machine.set_costs([&](int32_t terminal) {
            if (machine.guest(terminal)) return int64_t{1};   // until costs of symbols are known
            LexState* start = lexer_->state(exprs[terminal]);
            return lexer_->alive(start) ? int64_t{lexer_->distance(start)} : kFar;
        });
        lalr_fates_.emplace_back(machine, lexer_->expressions().work());
        lalr_of_state_.insert(lalr_of_state_.end(), machine.states(), static_cast<int32_t>(lalr_.size()) - 1);
        std::vector<int32_t> ways = machine.way_symbols();
        for (int32_t& way : ways) {
            way = expr_[way];
            if (lexer_->state(way)->accepting) throw std::invalid_argument("a terminal of an automaton derives the empty text");
        }
        lalr_lexemes_.push_back(std::make_unique<LalrLexemes>(*lexer_, obligations_, machine, std::move(exprs), std::move(ways)));
        lalr_proofs_.emplace_back();
        lexes_ = lexes_ || machine.scans() || machine.newline >= 0 || !machine.resolved.empty() || machine.has_guests();
    }

    void check_guests() const {
        for (const auto& machine : lalr_)
            for (int32_t t = 0; t < machine->terminals(); ++t) {
                if (!machine->guest(t)) continue;
                if (nullable_[machine->terminal_symbol[t]]) throw std::invalid_argument("a guest of an automaton derives the empty text");
                if (!productive_[machine->terminal_symbol[t]]) throw UnsatisfiableError("a part of the grammar derives no text at all");
            }
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

    bool fits_its_limit(int32_t s) { return op_[s] != SymOp::Limited || counts_.fits(lexer_->state(expr_[s]), high_[s]); }

    static constexpr int32_t kLongest = 10;   // opcode in a table

    bool mixed_ = false, has_limits_ = false, lexes_ = false;
    std::vector<int32_t> expr_of_;                 // table expression -> lexer expression, while reading
    std::vector<int32_t> lalr_of_state_;
    std::vector<std::unique_ptr<LalrLexemes>> lalr_lexemes_;
    Stable<LalrFates> lalr_fates_;
    std::vector<std::unique_ptr<LalrProof>> lalr_proofs_;   // made on demand
};

}  // namespace guidedgen
