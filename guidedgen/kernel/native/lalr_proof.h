// A proof, once for an automaton, that whatever its scanners leave of a text can be completed.
//
// Each terminal has a sample, its shortest text, that every scanner reads as it where nothing before stands in the way. What an end of
// some terminal may oblige the rest to is bounded by the bytes with which it, or what a scanner tries before it, could go on: also
// those that a test in its pattern refuses. Terminals that no scanner has both do not matter. From that follows which samples
// may come after a terminal, straight away or behind a blank that is ignored; terminals that agree in this are one class. A least
// fixpoint over the rules tells by which class the texts of a nonterminal that consist of samples can begin and end. A state is clean
// if one of its places can be completed by samples whatever the last terminal was, and the states behind its nonterminals are
// clean as well. On a stack of clean states every end of every terminal is viable. Rules that lost a conflict are used only
// where a state holds nothing else. What is ignored stands in classes of its own: nothing is proved below for those. Where some
// terminal has no text at all, places that lead nowhere do not count (lalr_fates.h). At the end of the text blocks end without a newline:
// such a dedent is a class of its own, behind which nothing but its like may stand.
// What of it holds before other text is proved again for the bytes that this begins with (lalr_endings.h).
// What is not proved here is searched for (viability.h); nothing is proved of automata with guests, whose texts no
// scanner reads, and of those whose scanners tell what is read.
#pragma once

#include <array>

#include "lalr_endings.h"
#include "lalr_fates.h"
#include "lalr_indents.h"
#include "lalr_lexemes.h"

namespace guidedgen {

class LalrProof {
  public:
    LalrProof(Lexer& lexer, Lalr& machine, LalrLexemes& lexemes, const LalrFates& fates) : lexer_(lexer), m_(machine), indents_(machine), fates_(fates) {
        const int32_t n = m_.terminals();
        text_.resize(n);
        any_.resize(n);
        tracked_.resize(n);
        matched_.resize(n);
        for (int32_t t = 0; t < n; ++t) {
            if (!m_.lexed(t)) continue;
            text_[t] = lexer_.state(lexemes.texts(t));
            any_[t] = lexer_.state(lexemes.accepted(t));
            tracked_[t] = lexer_.state(lexemes.tracked(t));
            matched_[t] = lexer_.state(lexemes.matched(t));
        }
        holds_ = m_.scans() && !m_.told() && !m_.has_guests() && fates.known() && indents_.brackets_hold() && newline_holds();
        if (!holds_) return;
        find_samples();
        find_barred();
        if (!(holds_ = find_classes())) return;
        find_types();
        find_clean_states();
    }

    bool clean(int32_t state) const { return holds_ && clean_[state]; }
    // False: no stack with that state on top can be completed, by the rules. A stack of clean states can, if this is true of its top.
    bool ends(int32_t state) const { return !holds_ || ends_[state]; }
    // Whether a clean state can also go on after something that is ignored.
    bool clean_after(int32_t state, int32_t ignored) const { return clean(state) && ((good_[state] >> class_[ignored]) & 1); }

    // Whether what begins with any of some bytes can stand behind the whole text, whatever that ends with.
    bool lets_follow(const ByteSet& first) const {
        if (!holds_) return false;
        Bits last = last_[static_cast<size_t>(m_.left(0))] | free_;   // what is ignored and not free ends no text
        if (m_.newline >= 0) last |= Bits{1} << class_[m_.newline];
        return !(last & ~classes_before(first));
    }

    // The number of a proof that texts can be brought to an end behind which some bytes may follow, whatever such a text ends with so far;
    // -1: there are too many.
    int32_t ending_before(const ByteSet& first) {
        if (!holds_) return -1;
        for (size_t i = 0; i < endings_.size(); ++i)
            if (endings_[i].first == first) return static_cast<int32_t>(i);
        if (endings_.size() >= kMostEndings) return -1;
        endings_.push_back({first, good_before(first)});
        return static_cast<int32_t>(endings_.size()) - 1;
    }
    const ByteSet& bytes_behind(int32_t ending) const { return endings_[static_cast<size_t>(ending)].first; }
    // Whether a stack of clean states with that state on top can be brought to such an end, whatever terminal was read last.
    bool clean_before(int32_t ending, int32_t state) const { return !ends_[state] || !(needed_[state] & ~good_at(ending, state)); }
    // The same after something that is ignored.
    bool clean_before(int32_t ending, int32_t state, int32_t ignored) const { return (good_at(ending, state) >> class_[ignored]) & 1; }

  private:
    static constexpr int kMostClasses = LalrEndings::kMostClasses;
    static constexpr int kMostBlanks = 8;    // before a newline's text goes on in the same way for ever
    static constexpr size_t kMostPairs = 20'000;   // of states of two terminals
    static constexpr size_t kMostEndings = 64;
    using Bits = LalrEndings::Bits;

    // The classes by which texts begin, each with those by which they end then; and whether the empty text is among them.
    struct Types {
        bool empty = false;
        std::array<Bits, kMostClasses> ends{};
        bool operator==(const Types& o) const { return empty == o.empty && ends == o.ends; }
    };

    // A newline may be followed by any number of blanks, so that every column can be reached.
    bool newline_holds() {
        if (m_.newline < 0) return true;
        LexState* after = text_[m_.newline] ? lexer_.next(text_[m_.newline], '\n') : nullptr;
        for (int blanks = 0; blanks < kMostBlanks && after && after->accepting; ++blanks) {
            LexState* wider = lexer_.next(after, ' ');
            if (wider == after) return true;
            after = wider;
        }
        return false;
    }

    // --- samples

    void find_samples() {
        const size_t n = text_.size();
        sample_.resize(n);
        std::vector<std::vector<uint8_t>> owners(n, std::vector<uint8_t>(n, 0));
        earlier_.assign(n, std::vector<uint8_t>(n, 0));
        places_.assign(n, std::vector<uint8_t>(n, 0));
        for (int32_t s = 0; s < m_.scanners(); ++s) find_competitors(s, owners);
        for (size_t t = 0; t < n; ++t) {
            if (!text_[t] || !lexer_.alive(text_[t])) continue;
            std::string text;
            for (LexState* now = text_[t]; !now->accepting; now = lexer_.next(now, static_cast<uint8_t>(text.back())))
                text.push_back(static_cast<char>(lexer_.nearest_byte(now)));
            bool good = !text.empty();
            for (size_t other = 0; other < n && good; ++other) {
                if (earlier_[t][other] && other != t) good = !takes(matched_[other], text);
                if (owners[t][other] && other != t) good = good && !takes(any_[other], text);
            }
            if (good) sample_[t] = text;
        }
    }

    // `earlier_[t]`: what is tried before t somewhere, or before a terminal that t owns texts of; `places_[t]`: itself or those terminals;
    // `owners[t]`: what owns texts before t does.
    void find_competitors(int32_t scanner, std::vector<std::vector<uint8_t>>& owners) {
        std::vector<int32_t> before;
        m_.each_ordered(scanner, [&](int32_t place, int32_t ordered) {
            for (int32_t other : before) earlier_[ordered][other] = 1;
            places_[ordered][ordered] = 1;
            std::vector<int32_t> owning;
            m_.each_owner(place, [&](int32_t owner) {
                for (int32_t other : before) earlier_[owner][other] = 1;
                places_[owner][ordered] = 1;
                for (int32_t other : owning) owners[owner][other] = 1;
                owners[ordered][owner] = 1;
                owning.push_back(owner);
                return true;
            });
            before.push_back(ordered);
        });
    }

    // Whether a text is among those of a state.
    bool takes(LexState* now, const std::string& text) {
        for (size_t i = 0; i < text.size() && now; ++i) now = lexer_.next(now, static_cast<uint8_t>(text[i]));
        return now && now->accepting;
    }

    // --- what may follow

    // `barred_[t]`: bytes with which a terminal that is tried before t somewhere, or t itself, could go on where a text of t ends.
    void find_barred() {
        barred_.assign(text_.size(), ByteSet{});
        for (size_t t = 0; t < text_.size(); ++t)
            for (size_t other = 0; other < text_.size() && text_[t]; ++other)
                if ((earlier_[t][other] && !bar(t, any_[other])) || (places_[t][other] && !bar(t, tracked_[other]))) barred_[t] = ByteSet::all();
    }

    bool bar(size_t t, LexState* other) {
        return !other || (lexer_.first(text_[t]) & lexer_.first(other)).empty() || read_both(text_[t], other, barred_[t]);
    }

    bool read_both(LexState* one, LexState* other, ByteSet& barred) {
        std::set<std::pair<LexState*, LexState*>> met{{one, other}};
        std::vector<std::pair<LexState*, LexState*>> work{{one, other}};
        while (!work.empty()) {
            const auto [a, b] = work.back();
            work.pop_back();
            if (a->accepting) barred = barred | lexer_.first(b);
            lexer_.prune(a);
            lexer_.prune(b);
            for (size_t i = 0; i < a->edges.size(); ++i)
                for (size_t k = 0; k < b->edges.size(); ++k)
                    if (!(a->edges[i].bytes & b->edges[k].bytes).empty()) {
                        const std::pair<LexState*, LexState*> next{lexer_.target(a, i), lexer_.target(b, k)};
                        lexer_.expressions().spend(1);
                        if (met.insert(next).second) work.push_back(next);
                    }
            if (met.size() > kMostPairs) return false;
        }
        return true;
    }

    // Bytes of an ignored terminal that separate others, and what could go on behind them.
    void find_blanks() {
        for (int byte : {' ', '\n', '\t'}) {
            const std::string text(1, static_cast<char>(byte));
            for (int32_t t : m_.ignored) {
                if (t == m_.newline) continue;   // ignored within brackets alone
                LexState* after = text_[t] ? lexer_.next(text_[t], static_cast<uint8_t>(byte)) : nullptr;
                if (!after || !after->accepting) continue;
                bool taken = false;
                ByteSet behind;
                for (size_t other = 0; other < text_.size(); ++other) {
                    LexState* rest = any_[other] ? lexer_.next(any_[other], static_cast<uint8_t>(byte)) : nullptr;
                    LexState* tracked = tracked_[other] ? lexer_.next(tracked_[other], static_cast<uint8_t>(byte)) : nullptr;
                    if (tracked) behind = behind | lexer_.first(tracked);
                    if (!rest) continue;
                    taken = taken || (rest->accepting && !only_ignored(static_cast<int32_t>(other)));
                    behind = behind | lexer_.first(rest);
                }
                if (taken) continue;
                blanks_.emplace_back(static_cast<uint8_t>(byte), behind);
                break;
            }
        }
    }

    bool only_ignored(int32_t t) const { return m_.ignores(t) && t != m_.newline; }

    bool follows(int32_t before, int32_t after) const {
        const bool made[] = {before == m_.indent || before == m_.dedent, after == m_.indent || after == m_.dedent};
        if (m_.newline >= 0 && made[1]) return before == m_.newline || (before == m_.dedent && after == m_.dedent);
        if (m_.newline >= 0 && made[0]) return follows(m_.newline, after);
        if (!text_[before] || sample_[after].empty()) return false;
        const uint8_t first = static_cast<uint8_t>(sample_[after][0]);
        return !barred_[before].has(first) || std::any_of(blanks_.begin(), blanks_.end(), [&](const auto& blank) {
            return !barred_[before].has(blank.first) && !blank.second.has(first);
        });
    }

    bool find_classes() {
        find_blanks();
        const int32_t n = m_.terminals();
        std::map<std::tuple<std::vector<bool>, std::vector<bool>, bool>, int32_t> known;
        class_.assign(n, 0);
        std::vector<int32_t> one;
        for (int32_t t = 0; t < n; ++t) {
            std::vector<bool> next(n), last(n);
            for (int32_t u = 0; u < n; ++u) next[u] = follows(t, u), last[u] = follows(u, t);
            const auto found = known.emplace(std::make_tuple(std::move(next), std::move(last), only_ignored(t)), static_cast<int32_t>(one.size()));
            if (found.second) one.push_back(t);
            class_[t] = found.first->second;
        }
        if (one.size() > kMostClasses) return false;
        classes_ = static_cast<int>(one.size());
        for (int c = 0; c < classes_; ++c)
            for (int d = 0; d < classes_; ++d)
                if (follows(one[c], one[d])) next_[c] |= Bits{1} << d;
        for (int c = 0; c < classes_; ++c)
            if (!only_ignored(one[c])) read_ |= Bits{1} << c;
        for (int c = 0; c < classes_; ++c) {
            bool free = true;
            for (int d = 0; d < classes_; ++d) free = free && !(((read_ >> d) & 1) && (next_[d] & ~next_[c]));
            if (free) free_ |= Bits{1} << c;
        }
        if (one.size() < kMostClasses && indents_.blocks_hold()) find_last_dedents(one);
        return true;
    }

    // The class of dedents at the end of the text, behind what is no newline: those have dedents behind them in any case.
    void find_last_dedents(const std::vector<int32_t>& one) {
        const Bits made = Bits{1} << class_[m_.newline] | Bits{1} << class_[m_.indent] | Bits{1} << class_[m_.dedent];
        for (size_t c = 0; c < one.size(); ++c)
            if (!((made >> c) & 1)) next_[c] |= Bits{1} << classes_;
        next_[classes_] = last_dedent_ = Bits{1} << classes_;
        read_ |= last_dedent_;
        ++classes_;
    }

    // --- what the rules derive

    Types of_symbol(int32_t s) const {
        if (s < 0) return types_[-1 - s];
        Types t;
        const bool made = m_.newline >= 0 && (s == m_.indent || s == m_.dedent);
        if (made || !sample_[s].empty()) t.ends[class_[s]] = Bits{1} << class_[s];
        if (last_dedent_ && s == m_.dedent) t.ends[classes_ - 1] = last_dedent_;
        return t;
    }

    Types joined(const Types& a, const Types& b) const {
        Types out;
        out.empty = a.empty && b.empty;
        for (int f = 0; f < classes_; ++f) {
            if (b.empty) out.ends[f] |= a.ends[f];
            if (a.empty) out.ends[f] |= b.ends[f];
            for (int l = 0; l < classes_; ++l)
                if ((a.ends[f] >> l) & 1)
                    for (int g = 0; g < classes_; ++g)
                        if ((next_[l] >> g) & 1) out.ends[f] |= b.ends[g];
        }
        return out;
    }

    Types of_rest(int32_t rule, int32_t place) const {
        Types out;
        out.empty = true;
        for (int32_t k = m_.length(rule); k-- > place;) out = joined(of_symbol(m_.symbol(rule, k)), out);
        return out;
    }

    void find_types() {
        types_.assign(m_.nonterminals(), {});
        last_.assign(m_.nonterminals(), 0);
        nullable_.assign(m_.nonterminals(), 0);
        for (bool changed = true; changed;) {
            changed = false;
            for (int32_t r = 0; r < m_.rules(); ++r) {
                lexer_.expressions().spend(1);
                const int32_t left = m_.left(r);
                const auto [last, empty] = last_before(r, m_.length(r));
                changed = changed || (last & ~last_[left]) || (empty && !nullable_[left]);
                last_[left] |= last;
                nullable_[left] |= empty;
                if (LalrIndents::among(m_.resolved, r)) continue;
                Types merged = of_rest(r, 0);
                merged.empty = merged.empty || types_[left].empty;
                for (int f = 0; f < classes_; ++f) merged.ends[f] |= types_[left].ends[f];
                changed = changed || !(merged == types_[left]);
                types_[left] = merged;
            }
        }
    }

    // The classes that what stands before a place in a rule may end by, and whether it may be empty.
    std::pair<Bits, bool> last_before(int32_t rule, int32_t place) const {
        Bits last = 0;
        for (int32_t k = place; k-- > 0;) {
            const int32_t s = m_.symbol(rule, k);
            if (last_dedent_ && s == m_.dedent) return {last | dedents_behind(last_before(rule, k).first), false};
            if (s >= 0) return {last | Bits{1} << class_[s], false};
            last |= last_[-1 - s];
            if (!nullable_[-1 - s]) return {last, false};
        }
        return {last, true};
    }

    // Which dedents may stand behind some classes.
    Bits dedents_behind(Bits before) const {
        Bits found = 0;
        for (int c = 0; c < classes_; ++c)
            if ((before >> c) & 1) found |= next_[c] & (last_dedent_ | Bits{1} << class_[m_.dedent]);
        return found;
    }

    void find_clean_states() {
        const int32_t n = m_.states();
        good_.assign(n, 0);
        needed_.assign(n, 0);
        clean_.assign(n, 1);
        ends_.assign(n, 1);
        for (int32_t s = 0; s < n; ++s) find_good(s);
        for (bool changed = true; changed;) {
            changed = false;
            for (int32_t s = 0; s < n; ++s) {
                if (!clean_[s]) continue;
                m_.each_goto(s, [&](int32_t to) { clean_[s] &= clean_[to]; });
                changed = changed || !clean_[s];
            }
        }
    }

    // After which classes a state can go on at some of its places; and whether that is after all that can be.
    void find_good(int32_t state) {
        Bits good = 0, needed = 0;
        bool can_end = false;   // a state that cannot is on no stack that can: what leads to it is not expected
        for (int32_t i = 0; i < m_.places(state); ++i) {
            const int32_t rule = m_.rule(state, i), place = m_.place(state, i);
            const auto [last, empty] = last_before(rule, place);
            const Bits before = empty ? read_ : last;
            needed |= before;
            if (m_.rest(rule, place) >= kFar || !fates_.ends(state, i)) continue;
            can_end = true;
            if (!counts(state, i)) continue;
            const LalrEndings::Ways& ways = ways_at(rule, place);
            for (int l = 0; l < classes_; ++l)
                if (ways[static_cast<size_t>(l)]) good |= Bits{1} << l;
        }
        good_[state] = good;
        needed_[state] = needed;
        ends_[state] = can_end || state == m_.start;
        clean_[state] = !ends_[state] || (state == m_.start ? good != 0 : (needed & ~good) == 0);
    }

    // Whether the rule at a place of a state is used: where it loses no conflict there.
    bool counts(int32_t state, int32_t i) const {
        const int32_t rule = m_.rule(state, i), place = m_.place(state, i);
        const bool alone = m_.places(state) == 1 && place > 0 && place == m_.length(rule);
        return alone || !LalrIndents::among(m_.resolved, rule);
    }

    // By the class that was read last: those that a rule may end by which goes on at a place; none where it cannot. A complete rule goes on
    // as the states below do, which are looked at for what the rule may end by: after what is ignored only where that stands in the way of
    // nothing.
    const LalrEndings::Ways& ways_at(int32_t rule, int32_t place) {
        const auto [known, fresh] = ways_.try_emplace({rule, place});
        LalrEndings::Ways& ways = known->second;
        if (!fresh) return ways;
        const auto [last, empty] = last_before(rule, place);
        const Types rest = of_rest(rule, place);
        const Bits same = rest.empty ? (empty ? read_ : last) | free_ : 0;
        for (int l = 0; l < classes_; ++l) {
            const Bits one = Bits{1} << l;
            ways[static_cast<size_t>(l)] = same & one;
            for (int f = 0; f < classes_; ++f)
                if ((next_[l] >> f) & 1) ways[static_cast<size_t>(l)] |= rest.ends[f];
        }
        return ways;
    }

    // --- before other text

    // The classes behind whose terminals some bytes may follow, straight away or behind a blank.
    Bits classes_before(const ByteSet& first) const {
        Bits classes = ~Bits{0};
        auto without = [&](int32_t t) { classes &= ~(Bits{1} << class_[t]); };
        for (int32_t t = 0; t < m_.terminals(); ++t) {
            if (!text_[t] || (barred_[t] & first).empty()) continue;
            const bool follows = std::any_of(blanks_.begin(), blanks_.end(), [&](const auto& blank) {
                return !barred_[t].has(blank.first) && (blank.second & first).empty();
            });
            if (follows) continue;
            without(t);
            if (t != m_.newline) continue;
            if (m_.indent >= 0) without(m_.indent);
            if (m_.dedent >= 0) without(m_.dedent);
        }
        if (last_dedent_ && (before_last_dedents() & ~classes)) classes &= ~last_dedent_;
        return classes;
    }

    // The classes that stand before dedents at the end of the text.
    Bits before_last_dedents() const {
        Bits before = 0;
        for (int32_t r = 0; r < m_.rules(); ++r)
            for (int32_t k = 0; k < m_.length(r); ++k)
                if (m_.symbol(r, k) == m_.dedent) before |= last_before(r, k).first | free_;
        Bits behind = 0;
        for (int c = 0; c < classes_; ++c)
            if (((before >> c) & 1) && (next_[c] & last_dedent_)) behind |= Bits{1} << c;
        return behind & ~last_dedent_;
    }

    std::vector<Bits> good_before(const ByteSet& first) {
        Work& work = lexer_.expressions().work();
        std::vector<uint8_t> stands;
        for (int32_t s = 0; s < m_.states(); ++s) stands.push_back(clean_[s] && ends_[s]);
        const LalrEndings endings(m_, work, stands);
        return endings.good(classes_before(first), work, [&](int32_t state, int32_t i) -> const LalrEndings::Ways* {
            const int32_t rule = m_.rule(state, i), place = m_.place(state, i);
            if (m_.rest(rule, place) >= kFar || !fates_.ends(state, i) || !counts(state, i)) return nullptr;
            return &ways_at(rule, place);
        });
    }

    Bits good_at(int32_t ending, int32_t state) const { return endings_[static_cast<size_t>(ending)].second[static_cast<size_t>(state)]; }

    Lexer& lexer_;
    Lalr& m_;
    const LalrIndents indents_;
    const LalrFates& fates_;
    bool holds_ = false;
    std::vector<LexState*> text_, any_;     // where the texts of a terminal begin, and those that it could match; nullptr: it has none
    std::vector<LexState*> tracked_;        // those that would stand in the way of its end, such as longer ones and what a test refuses
    std::vector<LexState*> matched_;        // texts that it takes a beginning of
    std::vector<std::string> sample_;       // empty: there is none
    std::vector<std::vector<uint8_t>> earlier_, places_;
    std::vector<ByteSet> barred_;
    std::vector<std::pair<uint8_t, ByteSet>> blanks_;
    int classes_ = 0;
    std::vector<int32_t> class_;
    std::array<Bits, kMostClasses> next_{};   // by class, which may follow
    Bits last_dedent_ = 0;                    // the class of dedents at the end of the text, if there is one
    Bits read_ = 0, free_ = 0;                // classes that are not ignored; those after which all may come that may after any of these
    std::vector<Types> types_;
    std::vector<Bits> last_, good_, needed_;
    std::map<std::pair<int32_t, int32_t>, LalrEndings::Ways> ways_;   // by rule and place
    std::vector<std::pair<ByteSet, std::vector<Bits>>> endings_;      // what follows, and the classes that states are good for before it
    std::vector<uint8_t> nullable_, clean_, ends_;
};

}  // namespace guidedgen
