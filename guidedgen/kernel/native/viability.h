// Whether a text can be completed under the obligations that its terminals leave, and in how many bytes.
//
// Rows say what may follow by structure; what a terminal obliges the rest to can leave nothing of that. A row is viable if some
// text leads from it to an end: found by a search over rows, cheapest first (A*, guided by costs without obligations). Most
// rows need none: an obligation is free where every terminal can be reached from it, perhaps behind something ignored, and
// leaves a free one again. A settled row expects only what leads to viable rows.
#pragma once

#include "needed_terminals.h"
#include "lalr_viability.h"

namespace guidedgen {

class Viability {
  public:
    explicit Viability(Rows& rows) : rows_(rows), symbols_(rows.symbols()), lexer_(symbols_.lexer()) {}

    // A way to end a lexeme: with which obligation, and the fewest bytes to it.
    struct End {
        int32_t obligation;
        int64_t bytes;
        std::vector<int32_t> tracked;   // as a ban names it
    };

    // The ways to end from a state, the nearest first.
    const std::vector<End>& ends(LexState* s) {
        auto& known = ends_[s];
        if (known.empty()) known = find_ends(s);
        return known;
    }

    // Makes a row ready for reading: closed, and what it expects can be completed.
    void settle(Row* row) {
        rows_.close(row);
        if (row->settled) return;
        if (symbols_.lexes() && !always()) restrict_to_viable(row);
        row->settled = true;
    }

    bool viable(Row* row) {
        if (row->viable < 0 && row->items.size() == 1 && is_lalr(row->items[0]) && rows_.clean(row->items[0])) {
            const Item& item = row->items[0];
            const Answer answer = goes_on(LalrTrial<Item>(symbols_.lalr_at(item.slot), item), item.obligation);
            if (answer != Answer::Unknown) row->viable = answer == Answer::Yes;
        }
        if (row->viable < 0) {
            rows_.close(row);
            auto sure = [](const Expected& e) { return e.sure; };
            if (row->accepting || always() || std::any_of(row->terminals.begin(), row->terminals.end(), sure)) row->viable = 1;
            else search(row, false, [](Row* r) { return r->viable == 1 ? int64_t{0} : int64_t{-1}; });
        }
        return row->viable == 1;
    }

    // Whether a text can be completed on a clean stack, under an obligation, as far as the proof of the automaton says.
    Answer goes_on(const LalrTrial<Item>& stack, int32_t obligation) {
        return LalrViability(rows_, symbols_, stack).goes_on(obligation, [this](LexState* s) -> const std::vector<End>& { return ends(s); });
    }

    // Bytes of the shortest completion of a row; a special token counts as one.
    int64_t cost(Row* row) {
        if (!symbols_.lexes()) return rows_.cost(row);
        const auto known = costs_.find(row);
        if (known != costs_.end()) return known->second;
        auto value = [this](Row* r) {
            const auto found = costs_.find(r);
            return found == costs_.end() ? int64_t{-1} : found->second;
        };
        const int64_t tight = symbols_.has_lalr() ? search(row, true, value, true) : kFar;
        return tight < kFar ? tight : search(row, true, value);
    }

    // Whether a terminal is on a way through an automaton that is shortest by its rules. Where there is one, no others are looked
    // at for a completion: blanks and columns make many ways differ by little, and searching all of them would take too long.
    bool tight(Row* row, size_t index) {
        const Expected& e = row->terminals[index];
        if (e.read < 0) return true;
        const int64_t least = e.read & Expected::kIgnored ? 0 : symbols_.lalr_at(e.item.slot).terminal_cost(e.read);
        return rows_.cost(rows_.after(row, index)) + least == rows_.cost(row);
    }

    // The same of a terminal that is being read.
    int64_t cost(LexState* s, Row* row, size_t index) {
        if (!symbols_.lexes()) return std::min(kFar, lexer_.distance(s) + rows_.cost(rows_.after(row, index)));
        int64_t best = kFar;
        for (const End& end : ends(s)) {
            if (end.bytes >= best) break;
            Row* behind = rows_.after(row, index, end.obligation);
            if (end.bytes + rows_.cost(behind) < best) best = std::min(best, end.bytes + cost(behind));
        }
        return best;
    }

    // Whether every row is viable, whatever was read before it.
    bool always() {
        if (always_ < 0) always_ = !symbols_.has_json() && !symbols_.has_lalr() && !symbols_.obligations().marks_ends() && reaches_everything();
        return always_ == 1;
    }

    // Where every row is viable: how many bytes more than by itself a terminal takes at most, with what is ignored before it.
    int64_t gap() const { return gap_; }

    // Whether every row behind a terminal that ends so is viable, whatever was read before it.
    bool free(const Expected& e, const End& end) {
        return always() || (e.terminal >= 0 && free_.count({symbols_.terminal(e.terminal), end.obligation}) > 0);
    }

  private:
    static constexpr size_t kMostLeft = 64;          // what terminals leave, looked at together before rows are one by one
    static constexpr int64_t kEach = 64;             // steps that a row of a search counts for, and bytes that a memo takes

    std::vector<End> find_ends(LexState* s) {
        if (!s->accepting && !lexer_.can_continue(s)) return {};
        if (!lexer_.expressions().is_longest(s->expr)) return {{-1, s->accepting ? 0 : lexer_.distance(s), {Expressions::kFree}}};
        std::vector<End> found;
        std::unordered_map<LexState*, int64_t> depths{{s, 0}};
        std::vector<LexState*> order{s};
        for (size_t i = 0; i < order.size(); ++i) {   // breadth first: all edges are one byte
            LexState* now = order[i];
            const int64_t depth = depths[now];
            if (now->accepting) note_end(now, depth, found);
            lexer_.prune(now);
            lexer_.expressions().spend(static_cast<int64_t>(now->edges.size()) + 1);
            lexer_.expressions().work().hold(kEach);
            for (size_t k = 0; k < now->edges.size(); ++k) {
                LexState* to = lexer_.target(now, k);
                if (depths.emplace(to, depth + 1).second) order.push_back(to);
            }
        }
        return found;
    }

    void note_end(LexState* now, int64_t depth, std::vector<End>& found) {
        const bool longest = lexer_.expressions().is_longest(now->expr);
        const int32_t tracked = longest ? lexer_.expressions().tracked(now->expr) : Expressions::kFree;
        const int32_t obligation = lexer_.obligation(now);
        for (End& e : found) {
            if (e.obligation != obligation) continue;
            if (std::find(e.tracked.begin(), e.tracked.end(), tracked) == e.tracked.end()) e.tracked.push_back(tracked);
            return;
        }
        found.push_back({obligation, depth, {tracked}});
    }

    void restrict_to_viable(Row* row) {
        for (uint32_t i = 0; i < row->terminals.size(); ++i) {
            LexState* start = row->terminals[i].start;
            if (row->terminals[i].sure) continue;
            std::set<int32_t> bad;
            for (const End& end : ends(start))
                if (!free(row->terminals[i], end) && !viable(rows_.after(row, i, end.obligation))) bad.insert(end.tracked.begin(), end.tracked.end());
            if (!bad.empty()) row->terminals[i].start = without(start, std::move(bad));
        }
        auto dead = [this](const ExpectedTokens& e) { return !viable(rows_.make(e.after)); };
        row->tokens.erase(std::remove_if(row->tokens.begin(), row->tokens.end(), dead), row->tokens.end());
        row->first = ByteSet{};
        for (const Expected& e : row->terminals) row->first = row->first | lexer_.first(e.start);
    }

    LexState* without(LexState* start, std::set<int32_t> bad) {
        Expressions& e = lexer_.expressions();
        if (!e.is_longest(start->expr)) return lexer_.state(Expressions::kEmpty);
        LexState* made = lexer_.state(e.longest(e.accepted(start->expr), e.tracked(start->expr), e.ban_of(std::move(bad))));
        return lexer_.alive(made) ? made : lexer_.state(Expressions::kEmpty);
    }

    // --- the search

    struct Visit {
        Row* row;
        size_t parent;
        int64_t bytes;
    };

    // Bytes of a completion, of the shortest one where `exact`; `known` says what a row still costs where that is known, else -1.
    // The rows on the way are viable, and none of those that were visited where there is no way.
    template <class F>
    int64_t search(Row* from, bool exact, F known, bool only_tight = false) {
        std::map<int64_t, std::vector<Visit>> waiting{{0, {{from, 0, 0}}}};
        std::unordered_map<Row*, int64_t> best;
        std::vector<Visit> visits;
        while (!waiting.empty()) {
            const auto next = waiting.begin();
            const Visit now = next->second.back();
            next->second.pop_back();
            if (next->second.empty()) waiting.erase(next);
            const auto [met, first] = best.emplace(now.row, now.bytes);
            if (!first && met->second <= now.bytes) continue;
            met->second = now.bytes;
            visits.push_back(now);
            rows_.close(now.row);
            const int64_t rest = now.row->accepting ? 0 : known(now.row);
            if (rest >= 0 && rest < kFar) return found(visits, rest, exact);
            if (rest < 0) expand(now.row, visits.size() - 1, now.bytes, only_tight, waiting);
        }
        if (only_tight) return kFar;
        for (const auto& entry : best) {
            entry.first->viable = 0;
            costs_[entry.first] = kFar;
        }
        return kFar;
    }

    int64_t found(const std::vector<Visit>& visits, int64_t rest, bool exact) {
        const int64_t whole = visits.back().bytes + rest;
        for (size_t i = visits.size() - 1;; i = visits[i].parent) {
            visits[i].row->viable = 1;
            if (exact) costs_[visits[i].row] = whole - visits[i].bytes;
            if (i == 0) return whole;
        }
    }

    void expand(Row* row, size_t at, int64_t bytes, bool only_tight, std::map<int64_t, std::vector<Visit>>& waiting) {
        Expressions& e = lexer_.expressions();
        auto offer = [&](Row* to, int64_t after) {
            e.spend(kEach);
            e.work().hold(sizeof(Row));
            if (to->viable == 0) return;
            const int64_t least = rows_.cost(to);
            if (least < kFar) waiting[after + least].push_back({to, at, after});
        };
        for (uint32_t i = 0; i < row->terminals.size(); ++i) {
            if (only_tight && !tight(row, i)) continue;
            for (const End& end : ends(row->terminals[i].start)) {
                Row* to = rows_.after(row, i, end.obligation);
                if (to->viable < 0 && free(row->terminals[i], end)) to->viable = 1;
                offer(to, bytes + end.bytes);
            }
        }
        for (const ExpectedTokens& t : row->tokens) offer(rows_.make(t.after), bytes + 1);
    }

    // --- without a search

    // What was read last, a terminal or a filler: the obligation that it left, and the fillers that may always stand there.
    struct Left {
        int32_t obligation;
        const std::vector<LexState*>* fillers;
        bool operator<(const Left& o) const { return obligation != o.obligation ? obligation < o.obligation : *fillers < *o.fillers; }
    };
    using Ways = std::vector<std::vector<size_t>>;   // by terminal: what it can leave

    // Whatever terminal was read, and whichever comes next: perhaps behind fillers it can be read, and leave what this holds for
    // again. (A greatest fixed point: what some terminal cannot follow is taken out.)
    bool reaches_everything() {
        const std::set<NeededTerminals::Needed> needed = NeededTerminals::of(symbols_);
        const std::vector<LexState*> none;
        std::vector<Left> left;
        std::map<Left, size_t> numbers;
        std::vector<Ways> after;
        auto number = [&](const Left& one) {
            const auto known = numbers.emplace(one, left.size());
            if (known.second) left.push_back(one);
            return known.first->second;
        };
        number({-1, &none});
        for (const NeededTerminals::Needed& n : needed) number({-1, &n.fillers});   // fillers may come first, too
        for (size_t i = 0; i < left.size(); ++i) {
            after.emplace_back();
            const std::map<int32_t, int64_t> before = behind_fillers(left[i]);
            for (const auto& entry : before) number({entry.first, left[i].fillers});
            for (const NeededTerminals::Needed& n : needed) {
                std::set<size_t> ways;
                int64_t least = kFar;
                for (const auto& [obligation, filled] : before)
                    each_end(n.start, obligation, [&, bytes = filled](const End& end) {
                        ways.insert(number({end.obligation, &n.fillers}));
                        least = std::min(least, bytes + end.bytes);
                    });
                if (least < kFar) gap_ = std::max(gap_, least - lexer_.distance(n.start));
                after.back().emplace_back(ways.begin(), ways.end());
                if (left.size() > kMostLeft) return false;
            }
        }
        return note_free(needed, left, those_that_last(after));
    }

    // False: some obligation that can arise is not free.
    bool note_free(const std::set<NeededTerminals::Needed>& needed, const std::vector<Left>& left, const std::vector<uint8_t>& in) {
        std::map<std::pair<LexState*, int32_t>, bool> all;   // a terminal may have several kinds of fillers
        auto note = [&](LexState* start, const Left& l, bool holds) {
            const auto known = all.emplace(std::make_pair(start, l.obligation), holds);
            known.first->second = known.first->second && holds;
        };
        for (size_t i = 0; i < left.size(); ++i) {
            for (const NeededTerminals::Needed& n : needed)
                if (n.fillers == *left[i].fillers) note(n.start, left[i], in[i] != 0);
            for (LexState* filler : *left[i].fillers) note(filler, left[i], in[i] != 0);
        }
        for (const auto& entry : all)
            if (entry.second) free_.insert(entry.first);
        return std::all_of(in.begin(), in.end(), [](uint8_t one) { return one != 0; });
    }

    template <class F>
    void each_end(LexState* plain, int32_t before, F f) {
        LexState* start = symbols_.obligations().start(plain, before);
        if (!start || !lexer_.can_continue(start)) return;
        for (const End& end : ends(start)) f(end);
    }

    // The obligations that are left behind any run of what may stand there, with the fewest bytes of it.
    std::map<int32_t, int64_t> behind_fillers(const Left& left) {
        std::map<int32_t, int64_t> met{{left.obligation, 0}};
        std::vector<int32_t> work{left.obligation};
        while (!work.empty() && met.size() <= kMostLeft) {
            const int32_t now = work.back();
            const int64_t before = met[now];
            work.pop_back();
            for (LexState* filler : *left.fillers)
                each_end(filler, now, [&](const End& end) {
                    const auto known = met.emplace(end.obligation, before + end.bytes);
                    if (!known.second && known.first->second <= before + end.bytes) return;
                    known.first->second = before + end.bytes;
                    work.push_back(end.obligation);
                });
        }
        return met;
    }

    static std::vector<uint8_t> those_that_last(const std::vector<Ways>& after) {
        std::vector<uint8_t> in(after.size(), 1);
        auto possible = [&](const std::vector<size_t>& ways) {
            return std::any_of(ways.begin(), ways.end(), [&](size_t to) { return in[to] != 0; });
        };
        for (bool changed = true; changed;) {
            changed = false;
            for (size_t i = 0; i < after.size(); ++i)
                if (in[i] && !std::all_of(after[i].begin(), after[i].end(), possible)) in[i] = 0, changed = true;
        }
        return in;
    }

    Rows& rows_;
    Symbols& symbols_;
    Lexer& lexer_;
    std::unordered_map<LexState*, std::vector<End>> ends_;
    std::unordered_map<Row*, int64_t> costs_;
    std::set<std::pair<LexState*, int32_t>> free_;   // starts of terminals and obligations that they leave
    int always_ = -1;
    int64_t gap_ = 0;
};

}  // namespace guidedgen
