// Earley-like rows without input offsets. A row is what may come next between two terminals.
//
// An item is a slot plus the frame to return to; a frame is (row in which a nonterminal was predicted, nonterminal).
// Rows are hash-consed by their items after completion, so equal situations share wherever in the text they arise, and a
// prediction before the last symbol of a production hands its own frame on, so right recursion takes constant space.
// Frames refer to the same or an older row: rows form an acyclic graph that a persistent stack needs no copies of.
// What a row is stands in `row.h`, what completing it costs in `row_costs.h`, stacks of LALR automata in `lalr_rows.h`.
// Sources: Earley, CACM 1970; nullable symbols as in Aycock and Horspool, "Practical Earley Parsing", 2002.
#pragma once

#include "lalr_rows.h"

namespace guidedgen {

class Rows final : public LalrRows {
  public:
    explicit Rows(std::shared_ptr<Symbols> symbols) : LalrRows(std::move(symbols)) {}

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
                if (end && !frame.row) complete = complete || may_end(item);
                else if (end) each_return(frame, item.obligation, [&](const Item& next) {
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
            if (!item.row) complete = complete || may_end(item);
            else
                each_return(item, item.obligation, [&](const Item& next) {
                    if (made_.insert(key(next))) items.push_back(next);
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

    void close(Row* row) override {
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
            symbols_->lexer().expressions().work().hold(closed_memory(*row));
        } catch (...) {   // a limit was reached: leave nothing half done
            seen_.clear();
            row->terminals.clear();
            row->tokens.clear();
            row->callers.clear();
            throw;
        }
        row->closed = true;
        if (!row->callers.empty()) row->finish = nullptr;   // of a stack below others: it has waited for no guests so far
        seen_.clear();
        std::sort(row->callers.begin(), row->callers.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
        bytes_ += closed_memory(*row);
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

    // Those who wait for the nonterminal of a frame, once it is complete under an obligation; that ends with a text of its own.
    template <class F>
    void each_return(const Item& frame, int32_t obligation, F f) {
        const bool ends = symbols_->ends_text(frame.nonterminal);
        if (ends && !symbols_->obligations().may_end(obligation)) return;
        each_caller(frame.row, frame.nonterminal, [&](const Item& caller) { f(obliged(caller, ends ? -1 : obligation)); });
    }

    // How many tokens what a row expects may take; -1: any number.
    int32_t limit(const Expected& e) const { return e.terminal < 0 ? -1 : symbols_->limit(e.terminal); }

  protected:
    int8_t proved_behind(const Item& frame, LalrProof& proof) override {
        const auto known = proved_behind_.find({frame.row, frame.nonterminal});
        if (known != proved_behind_.end()) return known->second;
        // An end may be ruled out, whatever comes behind it; or this is asked for what stands behind itself, as between tags that repeat.
        if (symbols_->obligations().marks_ends() || proving_) return kNotClean;
        proving_ = true;
        Seen seen, made;   // this is asked in the midst of closing the frame's row
        std::swap(seen, seen_);
        std::swap(made, made_);
        std::vector<Item> items;   // some of those that return there: one that can be completed is enough
        for (const auto& [nonterminal, caller] : frame.row->callers)
            if (nonterminal == frame.nonterminal) items.push_back(obliged(caller, -1));
        auto restore = [&] {
            std::swap(seen, seen_);
            std::swap(made, made_);
            proving_ = false;
        };
        int8_t proved = kNotClean;
        try {
            proved = proved_of(make(std::move(items)), proof);
        } catch (...) {   // a limit was reached
            restore();
            throw;
        }
        restore();
        return proved_behind_[{frame.row, frame.nonterminal}] = proved;
    }

  private:
    // Of an automaton's text that stands before what a row expects.
    int8_t proved_of(Row* behind, LalrProof& proof) {
        close(behind);
        if (behind->accepting) return kWithin;   // nothing stands there: the end of the whole text lets all end
        int8_t proved = kNotClean;
        for (uint32_t i = 0; i < behind->terminals.size(); ++i) {
            const ByteSet first = symbols_->lexer().first(behind->terminals[i].start);
            if (!leaves_nothing(behind->terminals[i]) || !completes_freely(after(behind, i))) continue;
            if (proof.lets_follow(first)) return kWithin;
            const int32_t ending = proved == kNotClean ? proof.ending_before(first) : -1;
            if (ending >= 0) proved = static_cast<int8_t>(kBefore + ending);
        }
        return proved;
    }

    // Whether a terminal obliges what follows to nothing.
    bool leaves_nothing(const Expected& e) {
        return e.terminal >= 0 && limit(e) < 0 && !symbols_->lexer().expressions().is_longest(e.start->expr);
    }

    // Whether some few terminals that oblige to nothing complete the text; false where that is not found at once.
    bool completes_freely(Row* from) {
        std::vector<Row*> rows{from};
        for (size_t i = 0; i < rows.size() && i < kFewRows; ++i) {
            close(rows[i]);
            if (rows[i]->accepting) return true;
            for (uint32_t k = 0; k < rows[i]->terminals.size() && rows.size() < kFewRows; ++k)
                if (leaves_nothing(rows[i]->terminals[k])) rows.push_back(after(rows[i], k));
        }
        return false;
    }

    // What closing a row adds to it.
    static int64_t closed_memory(const Row& row) {
        size_t items = 0;
        for (const Expected& e : row.terminals) items += e.after ? e.after->capacity() + 2 : 0;
        for (const ExpectedTokens& e : row.tokens) items += e.after.capacity() + 2;
        return static_cast<int64_t>(row.callers.capacity() * sizeof(row.callers[0]) + items * sizeof(Item) +
                                    row.terminals.capacity() * sizeof(Expected));
    }

    static constexpr int32_t kGuest = -(1 << 29);   // from here down: frames of an automaton's guests
    static constexpr size_t kFewRows = 32;
    static constexpr int64_t kVisit = 4;   // steps that an item of a row counts for

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

    void visit(Row* row, const Item item, std::vector<Item>& work) {
        auto push = [&](const Item& next) {
            if (seen_.insert(key(next))) work.push_back(next);
        };
        if (is_json(item)) return visit_json(row, item);
        if (is_lalr(item)) {
            visit_lalr(row, item);
            return each_guest(item, [&](int32_t nonterminal, const Item& behind) {
                const Item frame{0, symbols_->obligations().frame(kGuest - nonterminal, item.obligation), row};
                row->callers.emplace_back(frame.nonterminal, behind);
                for (int32_t first : std::vector<int32_t>(symbols_->productions(nonterminal))) push({first, frame.nonterminal, frame.row, item.obligation});
            });
        }
        const Slot slot = symbols_->slot(item.slot);
        const Item after{item.slot + 1, item.nonterminal, item.row, item.obligation};
        switch (slot.kind) {
            case SlotKind::End:
                // A completion into this very row is covered by skipping nullable symbols where they are predicted.
                if (!item.row) row->accepting = row->accepting || may_end(item);
                else if (item.row != row) each_return(item, item.obligation, push);
                return;
            case SlotKind::Terminal: expect(row, slot.value, after); break;
            case SlotKind::Token:
                if (may_end(item)) row->tokens.push_back({slot.value, {obliged(after, -1)}});
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
                if (symbols_->slot(after.slot).kind != SlotKind::End || symbols_->ends_text(slot.value)) {
                    frame = {0, symbols_->obligations().frame(slot.value, item.obligation), row};
                    row->callers.emplace_back(frame.nonterminal, obliged(after, -1));
                }
                for (int32_t first : productions) push({first, frame.nonterminal, frame.row, item.obligation});
                break;
            }
        }
        if (slot.nullable) push(after);
    }

    bool may_end(const Item& item) { return symbols_->obligations().may_end(item.obligation); }

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

    std::map<std::pair<Row*, int32_t>, int8_t> proved_behind_;   // memo, by frame
    std::map<std::pair<const Expected*, int32_t>, Row*> obliged_;   // memo of `after`
    bool proving_ = false;   // within `proved_behind`
    Seen seen_, made_;   // scratch of `close` and of `make`
};

}  // namespace guidedgen
