// Earley-like rows without input offsets. A row is what may come next between two terminals.
//
// An item is a slot plus the frame to return to; a frame is (row in which a nonterminal was predicted, nonterminal).
// Rows are hash-consed by their items after completion, so equal situations share wherever in the text they arise, and a
// prediction before the last symbol of a production hands its own frame on, so right recursion takes constant space.
// Frames refer to the same or an older row: rows form an acyclic graph that a persistent stack needs no copies of.
// Sources: Earley, CACM 1970; nullable symbols as in Aycock and Horspool, "Practical Earley Parsing", 2002.
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
        if (read >= 0 || o.read >= 0) return read == o.read && column == o.column && way == o.way && item.slot == o.item.slot && item.obligation == o.item.obligation;
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
    int8_t clean = -1;               // LALR: memo of clean_stack
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

class Rows {
  public:
    explicit Rows(std::shared_ptr<Symbols> symbols) : symbols_(std::move(symbols)) {}

    Symbols& symbols() const { return *symbols_; }
    int64_t memory() const { return bytes_; }
    int64_t count() const { return static_cast<int64_t>(rows_.size()); }

    Row* start() { return make({{symbols_->start_slot(), -1, nullptr}}); }

    // The row for these items: completes what is at its end, then interns the rest.
    Row* make(std::vector<Item> items) {
        bool complete = false;
        made_.clear();
        for (const Item& item : items) made_.insert(key(item));
        for (size_t i = 0; i < items.size(); ++i) {
            const Item item = items[i];
            if (is_lalr(item)) {
                const Item* const end = lalr_end(item);
                const Item frame = end ? *end : item;
                if (end && !frame.row) complete = true;
                else if (end) each_caller(frame.row, frame.nonterminal, [&](const Item& caller) {
                    const Item next = obliged(caller, item.obligation);
                    if (made_.insert(key(next))) items.push_back(next);
                });
                continue;
            }
            if (is_json(item)) {
                if (!symbols_->json().complete(json_state(item))) continue;
                const Item end{symbols_->json_end(), item.nonterminal, item.row, item.obligation};
                if (made_.insert(key(end))) items.push_back(end);
                continue;
            }
            if (symbols_->slot(item.slot).kind != SlotKind::End) continue;
            if (!item.row) complete = true;
            else
                each_caller(item.row, item.nonterminal, [&](Item caller) {
                    caller.obligation = item.obligation;
                    if (made_.insert(key(caller))) items.push_back(caller);
                });
        }
        items.erase(std::remove_if(items.begin(), items.end(),
                                   [&](const Item& i) { return i.slot >= 0 && symbols_->slot(i.slot).kind == SlotKind::End; }),
                    items.end());
        return intern(std::move(items), complete);
    }

    // The row that expects what either of two expects.
    Row* merge(const Row* left, const Row* right) {
        std::vector<Item> items = left->items;
        items.insert(items.end(), right->items.begin(), right->items.end());
        return intern(std::move(items), left->complete_before || right->complete_before);
    }

    // A row of another arena (or of this one) with the same meaning here; rebuilds the rows its frames refer to.
    Row* import(const Row* source) {
        std::vector<const Row*> order{source};
        std::unordered_map<const Row*, Row*> made;
        while (!order.empty()) {
            const Row* now = order.back();
            bool ready = true;
            for (const Item& item : now->items)
                if (item.row && !made.count(item.row)) {
                    order.push_back(item.row);
                    ready = false;
                }
            if (!ready) continue;
            order.pop_back();
            std::vector<Item> items = now->items;
            for (Item& item : items)
                if (item.row) item.row = made[item.row];
            Row* row = made[now] = intern(std::move(items), now->complete_before);
            if (now->closed) close(row);   // oldest first, as closing needs it
        }
        return made[source];
    }

    void close(Row* row) {
        if (row->closed) return;
        row->accepting = row->complete_before;
        std::vector<Item> work = row->items;
        try {
            for (const Item& item : work) seen_.insert(key(item));
            for (size_t i = 0; i < work.size(); ++i) {
                symbols_->lexer().expressions().spend(kVisit);
                visit(row, Item(work[i]), work);
            }
            for (const Expected& e : row->terminals) row->first = row->first | symbols_->lexer().first(e.start);
        } catch (...) {   // a limit was reached: leave nothing half done
            seen_.clear();
            row->terminals.clear();
            row->tokens.clear();
            row->callers.clear();
            throw;
        }
        row->closed = true;
        seen_.clear();
        std::sort(row->callers.begin(), row->callers.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
        bytes_ += static_cast<int64_t>(row->callers.size() * sizeof(row->callers[0]) + work.size() * sizeof(Item) +
                                       row->terminals.size() * sizeof(Expected));
    }

    // The row after a terminal that leaves an obligation.
    Row* after(Row* row, size_t index, int32_t obligation = -1) {
        Expected& e = row->terminals[index];
        if (obligation < 0) return e.target ? e.target : e.target = make(after_items(row, index));
        Row*& target = obliged_[{&e, obligation}];
        if (target) return target;
        bytes_ += kObliged;
        return target = make(after_items(row, index, obligation));
    }

    // The row after a lexeme that ends an item whose text is known.
    Row* after_item(Row* row, size_t index, const std::string& text) { return make(items_after_item(row, index, text)); }

    std::vector<Item> items_after_item(Row* row, size_t index, const std::string& text, int32_t obligation = -1) {
        const Expected& e = row->terminals[index];
        if (!(e.flags & JsonMachine::kEndsItem)) return after_items(row, index, obligation);
        return {obliged(json_item(symbols_->json().follow_item(json_state(e.item), e.edge, text), e.item), obligation)};
    }

    // Whether behind a lexeme that comes before an item any string may come, and the array may end after it.
    bool takes_any_string(Row* row, size_t index) {
        const Expected& e = row->terminals[index];
        return (e.flags & JsonMachine::kNextItem) && symbols_->json().takes_any_string(json_state(e.item));
    }

    // One row for all that may follow several terminals that end together.
    template <class Ended, class F>
    Row* after_all(const Ended& ended, F items_of) {
        std::vector<Item> items;
        for (const auto& e : ended) {
            const std::vector<Item> after = items_of(e);
            items.insert(items.end(), after.begin(), after.end());
        }
        return make(std::move(items));
    }

    std::vector<Item> after_items(Row* row, size_t index, int32_t obligation = -1) {
        const Expected& e = row->terminals[index];
        if (e.read >= 0) return {obliged(lalr_after(e), obligation)};
        if (e.edge < 0) {
            std::vector<Item> items = *e.after;
            if (symbols_->lexes())
                for (Item& item : items) item.obligation = obligation;
            return items;
        }
        return {obliged(json_item(symbols_->json().follow(json_state(e.item), e.edge), e.item), obligation)};
    }

    template <class F>
    void each_caller(Row* row, int32_t nonterminal, F f) {
        close(row);
        auto at = std::lower_bound(row->callers.begin(), row->callers.end(), nonterminal,
                                   [](const auto& entry, int32_t n) { return entry.first < n; });
        for (; at != row->callers.end() && at->first == nonterminal; ++at) {
            symbols_->lexer().expressions().spend(1);
            f(at->second);
        }
    }

    // How many tokens what a row expects may take; -1: any number.
    int32_t limit(const Expected& e) const { return e.terminal < 0 ? -1 : symbols_->limit(e.terminal); }

    void charge(int64_t bytes) { bytes_ += bytes; }

    // Least cost of completing the start symbol from a row, in bytes (a special token counts as one).
    int64_t cost(Row* row) {
        if (row->cost >= 0) return row->cost;
        finish_older_rows(row);
        close(row);
        int64_t best = row->accepting ? 0 : kFar;
        for (const Item& item : row->items) best = std::min(best, item_cost(item));
        return row->cost = best;
    }

  private:
    static constexpr int64_t kVisit = 4;   // steps that an item of a row counts for

    int64_t item_cost(const Item& item) {
        if (is_lalr(item)) return lalr_cost(item);
        const int64_t rest = item.row ? finish(item.row, item.nonterminal) : 0;
        if (is_json(item)) return std::min(kFar, symbols_->json().cost(json_state(item)) + rest);
        return std::min(kFar, symbols_->suffix_cost(item.slot) + rest);
    }

    static constexpr int64_t kObliged = 64;   // bytes that a row after an obligation takes in `obliged_`

    using Key = Item;
    struct KeyHash {
        size_t operator()(const Key& k) const {
            const uint64_t place = mix(static_cast<uint32_t>(k.slot), static_cast<uint32_t>(k.nonterminal));
            return mix(mix(place, static_cast<uint32_t>(k.obligation)), reinterpret_cast<uintptr_t>(k.row));
        }
    };
    // A flat set with linear search while it is small: most rows have a handful of items.
    struct Seen {
        std::vector<Key> few;
        std::unordered_map<Key, char, KeyHash> many;
        bool insert(const Key& k) {
            if (many.empty()) {
                if (std::find(few.begin(), few.end(), k) != few.end()) return false;
                few.push_back(k);
                if (few.size() > 24)
                    for (const Key& f : few) many.emplace(f, 0);
                return true;
            }
            return many.emplace(k, 0).second;
        }
        void clear() {
            few.clear();
            if (!many.empty()) many = {};   // clear() would go over as many buckets as there ever were, for each row to come
        }
    };

    static const Key& key(const Item& item) { return item; }

    Row* intern(std::vector<Item> items, bool complete) {
        std::sort(items.begin(), items.end(), [](const Item& a, const Item& b) {
            if (a.slot != b.slot) return a.slot < b.slot;
            if (a.nonterminal != b.nonterminal) return a.nonterminal < b.nonterminal;
            if (a.row != b.row) return (a.row ? a.row->id : -1) < (b.row ? b.row->id : -1);
            return a.obligation < b.obligation;
        });
        items.erase(std::unique(items.begin(), items.end()), items.end());
        uint64_t h = mix(items.size(), complete);
        for (const Item& i : items) {
            h = mix(mix(h, static_cast<uint32_t>(i.slot)), mix(static_cast<uint32_t>(i.nonterminal), i.row ? i.row->id + 1 : 0));
            if (i.obligation >= 0) h = mix(h, static_cast<uint32_t>(i.obligation));
        }
        const int32_t known = index_.find(h, [&](int32_t id) {
            const Row& row = rows_[static_cast<size_t>(id)];
            return row.complete_before == complete && row.items == items;
        });
        if (known >= 0) return &rows_[static_cast<size_t>(known)];
        rows_.emplace_back();
        Row* row = &rows_.back();
        row->id = static_cast<int32_t>(rows_.size()) - 1;
        row->items = std::move(items);
        row->complete_before = complete;
        index_.insert(h, row->id);
        bytes_ += static_cast<int64_t>(sizeof(Row) + 64 + row->items.size() * sizeof(Item));
        return row;
    }

    void visit(Row* row, const Item item, std::vector<Item>& work) {
        auto push = [&](const Item& next) {
            if (seen_.insert(key(next))) work.push_back(next);
        };
        if (is_json(item)) return visit_json(row, item);
        if (is_lalr(item)) return visit_lalr(row, item);
        const Slot slot = symbols_->slot(item.slot);
        const Item after{item.slot + 1, item.nonterminal, item.row, item.obligation};
        switch (slot.kind) {
            case SlotKind::End:
                // A completion into this very row is covered by skipping nullable symbols where they are predicted.
                if (!item.row) row->accepting = true;
                else if (item.row != row)
                    each_caller(item.row, item.nonterminal, [&](const Item& caller) { push(obliged(caller, item.obligation)); });
                return;
            case SlotKind::Terminal: expect(row, slot.value, after); break;
            case SlotKind::Token:
                row->tokens.push_back({slot.value, {obliged(after, -1)}});
                break;
            case SlotKind::Json: {
                Item frame = item;
                if (symbols_->slot(after.slot).kind != SlotKind::End) {
                    frame = {0, symbols_->obligations().frame(-2 - slot.value, item.obligation), row};
                    row->callers.emplace_back(frame.nonterminal, obliged(after, -1));
                }
                push(obliged(json_item(symbols_->json().start(slot.value), frame), item.obligation));
                break;
            }
            case SlotKind::Lalr: {
                Item frame = item;
                if (symbols_->slot(after.slot).kind != SlotKind::End) {
                    frame = {0, symbols_->obligations().frame(kLalr - slot.value, item.obligation), row};
                    row->callers.emplace_back(frame.nonterminal, obliged(after, -1));
                }
                const Lalr& machine = symbols_->lalr(slot);
                push({machine.slot(machine.start), frame.nonterminal, frame.row, item.obligation});
                break;
            }
            case SlotKind::Nonterminal: {
                const std::vector<int32_t> productions = symbols_->productions(slot.value);
                Item frame{0, item.nonterminal, item.row};
                if (symbols_->slot(after.slot).kind != SlotKind::End) {
                    frame = {0, symbols_->obligations().frame(slot.value, item.obligation), row};
                    row->callers.emplace_back(frame.nonterminal, obliged(after, -1));
                }
                for (int32_t first : productions) push({first, frame.nonterminal, frame.row, item.obligation});
                break;
            }
        }
        if (slot.nullable) push(after);
    }

    // Notes that a terminal may begin, with an item that follows it, which has the obligation under which it begins.
    void expect(Row* row, int32_t terminal, const Item& after) {
        LexState* plain = symbols_->terminal(terminal);
        LexState* start = symbols_->obligations().start(plain, after.obligation);
        const int32_t limit = symbols_->limit(terminal);
        if (!start || (limit >= 0 && start != plain && !symbols_->counts().fits(start, limit))) return;
        const int32_t obligation = start == plain ? -1 : after.obligation;
        for (Expected& e : row->terminals)
            if (e.terminal == terminal && e.item.obligation == obligation) return e.after->push_back(obliged(after, -1));
        row->terminals.push_back({start, {-1, -1, nullptr, obligation}, std::make_unique<std::vector<Item>>(1, obliged(after, -1))});
        row->terminals.back().terminal = terminal;
    }

    void visit_json(Row* row, const Item& item) {
        const auto& edges = symbols_->json().expect(json_state(item));
        row->terminals.reserve(row->terminals.size() + edges.size());
        for (size_t i = 0; i < edges.size(); ++i) {
            LexState* start = symbols_->obligations().start(edges[i].start, item.obligation);
            if (!start) continue;
            const Item by = start == edges[i].start ? obliged(item, -1) : item;
            row->terminals.push_back({start, by, nullptr, nullptr, -1, static_cast<int32_t>(i), edges[i].flags});
        }
    }

    int64_t finish(Row* row, int32_t nonterminal) {
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

    // --- rows that are stacks of an automaton

    static bool is_stack(const Row* row) { return row->items.size() == 1 && is_lalr(row->items[0]); }

    // What an automaton's state expects. Each terminal is tried: that a state has an action for it does not say that it can come.
    void visit_lalr(Row* row, const Item& item) {
        Lalr& machine = symbols_->lalr_at(item.slot);
        const LalrTrial<Item> now(machine, item);
        const LalrProof& proof = symbols_->proof(machine);
        auto sure = [&](const LalrTrial<Item>& trial) {
            if (!clean_stack(machine, proof, trial.base)) return false;
            return std::all_of(trial.pushed.begin(), trial.pushed.end(), [&](int32_t state) { return proof.clean(state); });
        };
        auto sure_after = [&](int32_t ignored) {
            return proof.clean_after(machine.state_of(item.slot), ignored) && clean_stack(machine, proof, item);
        };
        auto expect = [&](int32_t terminal, int32_t column, int32_t flag, bool sure) {
            int32_t way = 0;
            LalrLexemes& lexemes = symbols_->lexemes(machine);
            const int32_t state = machine.state_of(item.slot);
            const bool skipped = flag && terminal != machine.newline;
            for (LexState* plain : skipped ? lexemes.of_ignored(state, terminal) : lexemes.of(state, terminal, column)) {
                LexState* start = symbols_->obligations().start(plain, item.obligation);
                if (!start || !symbols_->lexer().can_continue(start)) continue;
                row->terminals.push_back({start, item, nullptr});
                row->terminals.back().read = terminal | flag;
                row->terminals.back().column = column;
                row->terminals.back().way = way++;
                row->terminals.back().sure = sure;
            }
        };
        auto finishes = [&](LalrTrial<Item>& trial) { return machine.always_ends() || lalr_cost(pushed_item(trial)) < kFar; };
        machine.each_terminal(machine.state_of(item.slot), [&](int32_t terminal) {
            if (terminal == machine.end_of_text() || machine.terminal_symbol[terminal] < 0 || terminal == machine.newline) return;
            LalrTrial<Item> trial = now;
            if (trial.read_text(terminal) && finishes(trial)) expect(terminal, -1, 0, sure(trial));
            symbols_->lexer().expressions().spend(1 + trial.steps);
        });
        for (int32_t terminal : machine.ignored) expect(terminal, -1, Expected::kIgnored, sure_after(terminal));
        if (machine.newline < 0) return;
        if (machine.blocks.brackets(now.blocks) > 0) return expect(machine.newline, -1, Expected::kIgnored, sure_after(machine.newline));
        auto expect_line = [&](int32_t column) {
            LalrTrial<Item> trial = now;
            if (trial.read_newline(column) && finishes(trial)) expect(machine.newline, column, 0, sure(trial));
            return trial.steps;
        };
        for (int32_t b = now.blocks; b >= 0; b = machine.blocks.outer(b)) symbols_->lexer().expressions().spend(1 + expect_line(machine.blocks.column(b)));
        const int32_t last = machine.blocks.column(now.blocks);
        for (int32_t column = last + 1; column <= last + machine.deepest; ++column) symbols_->lexer().expressions().spend(1 + expect_line(column));
    }

    // Whether all states of a stack are clean, see LalrProof. An automaton inside of a larger grammar is not asked.
    static bool clean_stack(const Lalr& machine, const LalrProof& proof, const Item& item) {
        if (!proof.clean(machine.state_of(item.slot))) return false;
        std::vector<Row*> above;
        Row* row = machine.state_of(item.slot) == machine.start ? nullptr : item.row;
        bool clean = row || (!item.row && machine.state_of(item.slot) == machine.start);
        for (; row && row->clean < 0; above.push_back(row), row = row->items[0].row)
            if (machine.state_of(row->items[0].slot) == machine.start) {
                row->clean = !row->items[0].row && proof.clean(machine.start);
                break;
            }
        if (row) clean = row->clean == 1;
        for (; !above.empty(); above.pop_back()) {
            clean = clean && proof.clean(machine.state_of(above.back()->items[0].slot));
            above.back()->clean = clean;
        }
        return clean;
    }

    Item lalr_after(const Expected& e) {
        if (e.read & Expected::kIgnored) return e.item;
        LalrTrial<Item> trial(symbols_->lalr_at(e.item.slot), e.item);
        const bool read = e.column >= 0 ? trial.read_newline(e.column) : trial.read_text(e.read);
        if (!read) throw std::logic_error("an automaton refuses what it expects");
        return pushed_item(trial);
    }

    // The frame of an automaton's text that may end here, or nullptr.
    const Item* lalr_end(const Item& item) {
        LalrTrial<Item> trial(symbols_->lalr_at(item.slot), item);
        if (!trial.end()) return nullptr;
        scratch_ = trial.base;
        return &scratch_;
    }

    // The item on top of all that was pushed; the rows below it are made.
    Item pushed_item(const LalrTrial<Item>& trial) {
        Item top = trial.base;
        for (int32_t state : trial.pushed) top = {trial.machine.slot(state), 0, lowered(trial.machine, top)};
        if (!trial.pushed.empty()) top.nonterminal = trial.blocks;
        return top;
    }

    // The row of a state that others are pushed on.
    Row* lowered(const Lalr& machine, const Item& item) {
        Item bare = obliged(item, -1);
        if (machine.state_of(item.slot) != machine.start) bare.nonterminal = 0;
        return intern({bare}, false);
    }

    int64_t lalr_cost(const Item& item) {
        Lalr& machine = symbols_->lalr_at(item.slot);
        if (item.row && !item.row->finish) finish_rows_from(item.row, nullptr);
        const int32_t state = machine.state_of(item.slot);
        int64_t best = kFar;
        for (int32_t i = 0; i < machine.places(state); ++i)
            best = std::min(best, machine.rest(machine.rule(state, i), machine.place(state, i)) + lalr_finish(machine, item, i));
        return std::min(kFar, best);
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
            if (costs[k] < best) best = std::min(best, costs[k] + finish(const_cast<Row*>(row), static_cast<int32_t>(k)));
        return best;
    }

    void finish_stack(Row* row) {
        const Item& item = row->items[0];
        Lalr& machine = symbols_->lalr_at(item.slot);
        const int32_t places = machine.places(machine.state_of(item.slot));
        auto costs = std::make_unique<std::vector<std::pair<int32_t, int64_t>>>();
        for (int32_t i = 0; i < places; ++i) costs->emplace_back(i, lalr_finish(machine, item, i));
        row->finish = std::move(costs);
    }

    void finish_row(Row* row) {
        if (is_stack(row)) return finish_stack(row);
        std::unordered_map<int32_t, int64_t> best;
        for (bool changed = true; changed;) {   // frames of one row may refer to each other (left recursion)
            changed = false;
            for (const auto& entry : row->callers) {
                const Item& caller = entry.second;
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
        row->finish = std::make_unique<std::vector<std::pair<int32_t, int64_t>>>(best.begin(), best.end());
    }

    std::shared_ptr<Symbols> symbols_;
    std::deque<Row> rows_;
    IdTable index_;
    std::map<std::pair<const Expected*, int32_t>, Row*> obliged_;   // memo of `after`
    Seen seen_, made_;   // scratch of `close` and of `make`
    Item scratch_{-1, -1, nullptr};   // what lalr_end returns
    int64_t bytes_ = 0;
};

}  // namespace guidedgen
