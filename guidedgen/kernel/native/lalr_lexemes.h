// What an automaton reads as its terminals: in each state those of its scanner, in lark's order.
//
// The first terminal of the order that matches at all is read, with the text that it prefers. So its lexeme has the texts of the
// terminal that have no beginning in an earlier one, and obliges what follows not to be what would have made one of them, or itself, match
// more. A terminal that owns some of another's texts is read where that one is. Earlier terminals none of whose texts begins one of the
// terminal's, or the other way round, are left out: they change nothing, and without them scanners share lexemes.
#pragma once

#include "lalr.h"
#include "obligations.h"

namespace guidedgen {

class LalrLexemes {
  public:
    // `exprs`: of each terminal, -1 where it has none. `ways`: of those that scanners tell.
    LalrLexemes(Lexer& lexer, Obligations& obligations, const Lalr& machine, std::vector<int32_t> exprs, std::vector<int32_t> ways)
        : lexer_(lexer), obligations_(obligations), machine_(machine), exprs_(std::move(exprs)), ways_(std::move(ways)) {}

    int32_t accepted(int32_t terminal) { return lexer_.expressions().accepted(exprs_[terminal]); }

    // What would stand in the way of an end of its texts where it went on so.
    int32_t tracked(int32_t terminal) { return lexer_.expressions().tracked(exprs_[terminal]); }

    // The texts of a terminal, whatever stands around them. The last line of a newline is blank: a column is where it ends.
    int32_t texts(int32_t terminal) { return terminal == machine_.newline ? lexer_.expressions().both({accepted(terminal), blank_line()}) : accepted(terminal); }

    // Where the texts of a terminal begin in a state; of a newline those that lead to a column (-1: any). More than one where they may be
    // read in several places of the order.
    const std::vector<LexState*>& of(int32_t state, int32_t terminal, int32_t column) {
        const int32_t scanner = machine_.scanner(state);
        auto& known = known_[{scanner, terminal, column}];
        if (!known.made) known = {true, starts(scanner, terminal, column)};
        return known.starts;
    }

    // The same for texts that are ignored. A scanner looks up who owns a text only after it has decided to ignore it.
    const std::vector<LexState*>& of_ignored(int32_t state, int32_t terminal) {
        const int32_t scanner = machine_.scanner(state);
        auto& known = known_[{scanner, terminal, kIgnored}];
        if (!known.made) known = {true, ignored_starts(scanner, terminal)};
        return known.starts;
    }

    // The same under an obligation: where texts begin that it lets through. `ignored`: of those that are ignored.
    const std::vector<LexState*>& under(int32_t obligation, int32_t state, int32_t terminal, int32_t column, bool ignored) {
        const Under key{machine_.scanner(state), obligation, terminal, ignored ? kIgnored : column};
        const int32_t known = under_index_.find(key.hash(), [&](int32_t id) { return under_[static_cast<size_t>(id)].first == key; });
        if (known >= 0) return under_[static_cast<size_t>(known)].second;
        std::vector<LexState*> made;
        for (LexState* plain : ignored ? of_ignored(state, terminal) : of(state, terminal, column)) {
            LexState* start = obligations_.start(plain, obligation);
            if (start && lexer_.can_continue(start)) made.push_back(start);
        }
        lexer_.expressions().work().hold(kUnder);
        under_index_.insert(key.hash(), static_cast<int32_t>(under_.size()));
        return under_.emplace_back(key, std::move(made)).second;
    }

    // Texts that a terminal takes a beginning of. What it tracks besides its texts are beginnings that it takes nothing of.
    int32_t matched(int32_t terminal) {
        matched_.resize(exprs_.size(), -1);
        int32_t& known = matched_[static_cast<size_t>(terminal)];
        return known >= 0 ? known : known = find_matched(terminal);
    }

    int64_t memory() const { return static_cast<int64_t>(known_.size() * 128 + columns_.size() * 64 + under_.size() * kUnder + pairs_.size() * sizeof(Pair) + ways_.size() * 4); }

  private:
    int32_t find_matched(int32_t terminal) {
        Expressions& e = lexer_.expressions();
        const int32_t texts = accepted(terminal), tracked = e.tracked(exprs_[terminal]), begun = e.concat(texts, Expressions::kAll);
        if (tracked == texts || tracked == Expressions::kEmpty) return begun;
        const int32_t broken = e.both({tracked, e.negate(texts)});
        return lexer_.alive(lexer_.state(broken)) ? e.both({begun, e.negate(e.concat(broken, Expressions::kAll))}) : begun;
    }

    struct Known {
        bool made = false;
        std::vector<LexState*> starts;
    };

    static constexpr int32_t kIgnored = -2;   // for a column
    static constexpr int64_t kUnder = 128;
    static constexpr size_t kMostPairs = 64;   // of states

    struct Under {
        int32_t scanner, obligation, terminal, column;
        bool operator==(const Under& o) const {
            return scanner == o.scanner && obligation == o.obligation && terminal == o.terminal && column == o.column;
        }
        uint64_t hash() const {
            const uint64_t lexeme = mix(static_cast<uint32_t>(terminal), static_cast<uint32_t>(column));
            return mix(mix(static_cast<uint32_t>(scanner), static_cast<uint32_t>(obligation)), lexeme);
        }
    };

    std::vector<LexState*> starts(int32_t scanner, int32_t terminal, int32_t column) {
        if (scanner < 0) return {begin(exprs_[terminal], column)};
        return machine_.told() ? told(scanner, terminal, column, false) : places(scanner, terminal, column);
    }

    std::vector<LexState*> ignored_starts(int32_t scanner, int32_t terminal) {
        if (scanner < 0) return {lexer_.state(exprs_[terminal])};
        return machine_.told() ? told(scanner, terminal, -1, true) : std::vector<LexState*>{ignored(scanner, terminal)};
    }

    // The ways that a scanner tells.
    std::vector<LexState*> told(int32_t scanner, int32_t terminal, int32_t column, bool ignored) {
        Expressions& e = lexer_.expressions();
        std::vector<LexState*> found;
        machine_.each_way(scanner, terminal, ignored, [&](int32_t way) {
            int32_t expr = ways_[static_cast<size_t>(way)];
            const int32_t line = terminal != machine_.newline ? Expressions::kAll : column >= 0 ? ends_at(column) : blank_line();
            if (line != Expressions::kAll) expr = e.longest(e.both({e.accepted(expr), line}), e.tracked(expr));
            LexState* start = lexer_.state(expr);
            if (lexer_.alive(start)) found.push_back(start);
        });
        return found;
    }

    std::vector<LexState*> places(int32_t scanner, int32_t terminal, int32_t column) {
        std::vector<LexState*> found;
        machine_.each_ordered(scanner, [&](int32_t place, int32_t ordered) {
            if (machine_.ignores(ordered) || (ordered != terminal && !machine_.owns(place, terminal))) return;
            std::vector<int32_t> parts{accepted(terminal)}, gone;
            if (ordered != terminal && !pair(terminal, ordered).within) parts.push_back(accepted(ordered));
            machine_.each_owner(place, [&](int32_t owner) {   // the first that matches owns the text
                if (owner == terminal) return false;
                if (ordered == terminal || pair(terminal, owner).common) gone.push_back(accepted(owner));
                return true;
            });
            if (terminal == machine_.newline) parts.push_back(column >= 0 ? ends_at(column) : blank_line());
            found.push_back(scanned(scanner, place, terminal, column, std::move(parts), std::move(gone)));
        });
        return found;
    }

    // What is known of the texts of two terminals: keywords mostly are names, and no two of them have a text in common.
    struct Pair {
        bool known = false;
        bool common = true;    // perhaps some are of both
        bool within = false;   // all of the first one's are the second one's
        bool touch = true;     // perhaps one of the one begins one of the other
    };

    Pair pair(int32_t one, int32_t other) {
        if (pairs_.empty()) pairs_.resize(exprs_.size() * exprs_.size());
        Pair& known = pairs_[static_cast<size_t>(one) * exprs_.size() + static_cast<size_t>(other)];
        if (!known.known) known = compared(lexer_.state(accepted(one)), lexer_.state(accepted(other)));
        return known;
    }

    Pair compared(LexState* one, LexState* other) {
        const bool touch = one->accepting || other->accepting;
        if ((lexer_.first(one) & lexer_.first(other)).empty()) return {true, one->accepting && other->accepting, false, touch};
        Pair found{true, false, true, false};
        std::vector<std::pair<LexState*, LexState*>> met{{one, other}};
        for (size_t i = 0; i < met.size(); ++i) {
            const auto [a, b] = met[i];
            lexer_.expressions().spend(1);
            lexer_.prune(a);
            lexer_.prune(b);
            found.common = found.common || (a->accepting && b->accepting);
            found.touch = found.touch || a->accepting || b->accepting;
            found.within = found.within && !(a->accepting && !b->accepting) && a->first.subset_of(b->first);
            for (size_t k = 0; k < a->edges.size(); ++k)
                for (size_t n = 0; n < b->edges.size(); ++n) {
                    if ((a->edges[k].bytes & b->edges[n].bytes).empty()) continue;
                    const std::pair<LexState*, LexState*> next{lexer_.target(a, k), lexer_.target(b, n)};
                    if (std::find(met.begin(), met.end(), next) == met.end()) met.push_back(next);
                }
            if (met.size() > kMostPairs) return {true, true, false, true};
        }
        return found;
    }

    LexState* ignored(int32_t scanner, int32_t terminal) {
        LexState* found = nullptr;
        machine_.each_ordered(scanner, [&](int32_t place, int32_t ordered) {
            if (ordered == terminal) found = scanned(scanner, place, ordered, -1, {accepted(ordered)}, {});
        });
        return found ? found : lexer_.state(Expressions::kEmpty);
    }

    // Bytes that the texts of a terminal begin with.
    const ByteSet& begins(int32_t terminal) {
        begins_.resize(exprs_.size());
        ByteSet& known = begins_[static_cast<size_t>(terminal)];
        if (known.empty()) known = lexer_.first(lexer_.state(exprs_[terminal]));
        return known;
    }

    LexState* begin(int32_t expr, int32_t column) {
        Expressions& e = lexer_.expressions();
        return lexer_.state(column >= 0 ? e.longest(e.both({e.accepted(expr), ends_at(column)}), e.tracked(expr)) : expr);
    }

    // Texts of a terminal that are read at a place of a scanner's order: those that are in all `parts` and not in `gone`.
    // `column`: that of a newline, or -1.
    LexState* scanned(int32_t scanner, int32_t place, int32_t terminal, int32_t column, std::vector<int32_t> parts, std::vector<int32_t> gone) {
        Expressions& e = lexer_.expressions();
        std::vector<int32_t> tracked, matching;
        ByteSet first = ByteSet::all();
        for (int32_t part : parts) first = first & lexer_.first(lexer_.state(part));
        machine_.each_ordered(scanner, [&](int32_t at, int32_t other) {
            if (at == place) tracked.push_back(e.tracked(exprs_[other]));
            if (at >= place || (begins(other) & first).empty() || !pair(terminal, other).touch) return;
            matching.push_back(matched(other));
            tracked.push_back(accepted(other));
        });
        if (!gone.empty()) parts.push_back(lexer_.without(gone));
        if (!matching.empty()) parts.push_back(e.negate(e.either(std::move(matching))));
        const bool has_text = column >= 0 && std::all_of(parts.begin(), parts.end(), [&](int32_t part) { return has_line(part, column); });
        LexState* made = lexer_.state(e.longest(e.both(std::move(parts)), e.either(std::move(tracked))));
        if (has_text) made->alive = 1;
        return lexer_.endless_without_words(made) || lexer_.alive(made) ? made : lexer_.state(Expressions::kEmpty);
    }

    // Texts whose last line is blank and so many columns wide.
    int32_t ends_at(int32_t column) {
        const auto known = columns_.find(column);
        if (known != columns_.end()) return known->second;
        return columns_[column] = lexer_.expressions().concat(lines(), machine_.tab ? counted(column) : tabs_first(column));
    }

    // Whether the plainest newline of a column is in a language.
    bool has_line(int32_t language, int32_t column) {
        const int32_t tabs = machine_.tab ? 0 : column / Lalr::kTab, blanks = machine_.tab ? column : column % Lalr::kTab;
        LexState* at = lexer_.next(lexer_.state(language), '\n');
        for (int32_t i = 0; at && i < tabs; ++i) at = lexer_.next(at, '\t');
        for (int32_t i = 0; at && i < blanks; ++i) at = lexer_.next(at, ' ');
        return at && at->accepting;
    }

    // Tabs, then blanks, as many as the column says.
    int32_t tabs_first(int32_t column) {
        Expressions& e = lexer_.expressions();
        const int32_t tabs = column / Lalr::kTab, blanks = column % Lalr::kTab;
        auto times = [&](char what, int32_t count) { return e.repeat(e.bytes(ByteSet::single(what)), count, count); };
        const int32_t before = e.repeat(e.bytes(ByteSet::single('\f') | ByteSet::single('\r')), 0, -1);
        return e.concat(before, e.concat(times('\t', tabs), times(' ', blanks)));
    }

    // w columns are a blank and w - 1, or a tab and w - tab.
    int32_t counted(int32_t column) {
        Expressions& e = lexer_.expressions();
        std::vector<int32_t> wide{e.repeat(e.bytes(ByteSet::single('\f') | ByteSet::single('\r')), 0, -1)};
        for (int32_t w = 1; w <= column; ++w) {
            std::vector<int32_t> first{e.concat(e.bytes(ByteSet::single(' ')), wide[w - 1])};
            if (w >= machine_.tab) first.push_back(e.concat(e.bytes(ByteSet::single('\t')), wide[w - machine_.tab]));
            wide.push_back(e.concat(wide[0], e.either(std::move(first))));
        }
        return wide[column];
    }

    int32_t blank_line() {
        Expressions& e = lexer_.expressions();
        const ByteSet blanks = ByteSet::single(' ') | ByteSet::single('\t') | ByteSet::single('\f') | ByteSet::single('\r');
        return e.concat(lines(), e.repeat(e.bytes(blanks), 0, -1));
    }

    int32_t lines() {
        Expressions& e = lexer_.expressions();
        return e.concat(Expressions::kAll, e.bytes(ByteSet::single('\n')));
    }

    Lexer& lexer_;
    Obligations& obligations_;
    const Lalr& machine_;
    std::vector<int32_t> exprs_, ways_;
    std::deque<std::pair<Under, std::vector<LexState*>>> under_;
    IdTable under_index_;
    std::vector<Pair> pairs_;
    std::vector<int32_t> matched_;   // by terminal, -1: not known yet
    std::vector<ByteSet> begins_;    // by terminal
    std::map<std::tuple<int32_t, int32_t, int32_t>, Known> known_;
    std::map<int32_t, int32_t> columns_;
};

}  // namespace guidedgen
