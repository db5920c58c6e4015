// What an automaton reads of tokens with some state on top of its stack, whatever lies below: worked out once, for all such stacks.
//
// Tokens are read by what they hold as terminals (lalr_places.h), all that begin at one place together: terminals that call for the
// same reduction stay together, so that a chain of reductions is gone through once and not for every token. What is still to be read after a
// reduction that takes the state itself is left pending for the states below; so is a newline outside of brackets, which depends on the
// columns around, and what is ignored but obliges to something that the state alone does not know of.
#pragma once

#include "lalr_places.h"
#include "viability.h"

namespace guidedgen {

// Terminals that are to be read, by number; sorted by terminal.
struct ToRead {
    std::vector<int32_t> numbers;
    int32_t id;
};

class LalrReadings {
  public:
    // What is to be read once `pops` states were taken from those below, and the one for a nonterminal was pushed there.
    struct Pending {
        int32_t pops, nonterminal, brackets;
        const ToRead* rest;
    };
    // A newline outside of brackets begins at a place, which a state shifts. `states`: from the top of the stack down to the one that was known.
    struct Line {
        TokenPlace* place;
        std::vector<int32_t> states;
    };
    // Something that is ignored may begin at a place: if what it obliges to can come, which the whole stack decides.
    struct Skip {
        TokenPlace* place;
        std::vector<int32_t> states;
        int32_t terminal, brackets;
    };
    struct Result {
        std::vector<int32_t> tokens;            // and
        std::vector<const LexMask*> shares;     // ... the tokens inside of these: what can be read
        std::vector<Pending> pending;
        std::vector<Line> lines;
        std::vector<Skip> skips;
        bool sure = true;                       // false: whether all of them can be completed is not known
    };

    LalrReadings(Symbols& symbols, Viability& viability, Lalr& machine)
        : lexer_(symbols.lexer()), viability_(viability), machine_(machine), proof_(symbols.proof(machine)), lexemes_(symbols.lexemes(machine)),
          places_(lexer_, machine, lexemes_) {
        step_.resize(static_cast<size_t>(machine.terminals()), 0);
        for (int32_t t : machine.opening) step_[static_cast<size_t>(t)] = 1;
        for (int32_t t : machine.closing) step_[static_cast<size_t>(t)] = -1;
    }

    LalrPlaces& places() { return places_; }

    // With all that may begin at a place. `brackets`: how many are open in the innermost block.
    const Result& from(TokenPlace& place, int32_t state, int32_t brackets) {
        const Key key{-1 - place.id, state, brackets};
        if (const Result* known = find(key)) return *known;
        Result made;
        std::vector<int32_t> numbers;
        Lalr::Actions actions(machine_, state);
        for (size_t i = 0; i < place.terminals.size(); ++i) {
            const int32_t t = place.terminals[i];
            if ((t == machine_.newline && brackets > 0) || actions.of(t) == Lalr::kNone) continue;
            const auto& begun = places_.begun(place, state, i);
            numbers.insert(numbers.end(), begun.begin(), begun.end());
        }
        read(made, numbers, nullptr, state, brackets);
        for (int32_t t : place.ignored_terminals) skip(made, {&place, {state}, t, brackets});
        if (machine_.newline >= 0 && brackets > 0) skip(made, {&place, {state}, machine_.newline, brackets});
        return keep(key, std::move(made));
    }

    const Result& of(const ToRead& rest, int32_t state, int32_t brackets) {
        const Key key{rest.id, state, brackets};
        if (const Result* known = find(key)) return *known;
        Result made;
        read(made, rest.numbers, &rest, state, brackets);
        return keep(key, std::move(made));
    }

    // All ways to end of what is ignored, by whether something can come after them.
    template <class F>
    Answer each_end(const Skip& skip, F goes_on) {
        bool some = false, all = true;
        const bool newline = skip.terminal == machine_.newline;
        for (LexState* start : lexemes_.under(skip.place->obligation, skip.states[0], skip.terminal, -1, !newline))
            for (const Viability::End& end : viability_.ends(start)) {
                const Answer answer = goes_on(end.obligation);
                if (answer == Answer::Unknown) return answer;
                (answer == Answer::Yes ? some : all) = answer == Answer::Yes;
            }
        return !some ? Answer::No : all ? Answer::Yes : Answer::Unknown;
    }

    const std::vector<LexMask*>& shares(const Skip& skip) {
        const int32_t state = skip.states[0];
        return skip.terminal == machine_.newline ? places_.lines(*skip.place, state, -1) : places_.ignored(*skip.place, state, skip.terminal);
    }

    int64_t memory() const { return bytes_ + places_.memory(); }

  private:
    static constexpr int64_t kResult = sizeof(Result) + 96, kStates = 64;
    static constexpr size_t kFewTokens = 64;   // of a share: are copied

    struct Key {
        int32_t read, state, brackets;
        bool operator==(const Key& o) const { return read == o.read && state == o.state && brackets == o.brackets; }
        uint64_t hash() const { return mix(mix(static_cast<uint32_t>(read), static_cast<uint32_t>(state)), static_cast<uint32_t>(brackets)); }
    };

    const Result* find(const Key& key) const {
        const int32_t known = result_index_.find(key.hash(), [&](int32_t id) { return results_[static_cast<size_t>(id)].first == key; });
        return known < 0 ? nullptr : &results_[static_cast<size_t>(known)].second;
    }

    const Result& keep(const Key& key, Result made) {
        std::sort(made.shares.begin(), made.shares.end());
        made.shares.erase(std::unique(made.shares.begin(), made.shares.end()), made.shares.end());
        unite(made.pending);
        made.tokens.shrink_to_fit();
        bytes_ += kResult + static_cast<int64_t>(made.tokens.size() * 4 + made.shares.size() * 8 + made.pending.size() * sizeof(Pending)) +
                  static_cast<int64_t>(made.lines.size() + made.skips.size()) * kStates;
        result_index_.insert(key.hash(), static_cast<int32_t>(results_.size()));
        return results_.emplace_back(key, std::move(made)).second;
    }

    static bool same(const Pending& a, const Pending& b) { return a.pops == b.pops && a.nonterminal == b.nonterminal && a.brackets == b.brackets; }

    // What waits for the same is read together.
    void unite(std::vector<Pending>& pending) {
        if (pending.size() < 2) return;
        std::sort(pending.begin(), pending.end(), [](const Pending& a, const Pending& b) {
            return std::tie(a.pops, a.nonterminal, a.brackets, a.rest->id) < std::tie(b.pops, b.nonterminal, b.brackets, b.rest->id);
        });
        std::vector<Pending> united;
        for (size_t i = 0; i < pending.size();) {
            size_t end = i + 1;
            while (end < pending.size() && same(pending[end], pending[i])) ++end;
            united.push_back(pending[i]);
            if (pending[end - 1].rest != pending[i].rest) {
                std::vector<int32_t> all;
                for (size_t k = i; k < end; ++k) all.insert(all.end(), pending[k].rest->numbers.begin(), pending[k].rest->numbers.end());
                united.back().rest = to_read(std::move(all));
            }
            i = end;
        }
        pending = std::move(united);
    }

    const ToRead* to_read(std::vector<int32_t> numbers) {
        sort(numbers);
        uint64_t h = numbers.size();
        for (int32_t n : numbers) h = mix(h, static_cast<uint32_t>(n));
        const int32_t known = index_.find(h, [&](int32_t id) { return to_read_[static_cast<size_t>(id)].numbers == numbers; });
        if (known >= 0) return &to_read_[static_cast<size_t>(known)];
        const int32_t id = static_cast<int32_t>(to_read_.size());
        bytes_ += static_cast<int64_t>(numbers.size() * 4 + sizeof(ToRead) + 16);
        to_read_.push_back({std::move(numbers), id});
        index_.insert(h, id);
        return &to_read_.back();
    }

    void sort(std::vector<int32_t>& numbers) const {
        const auto before = [this](int32_t a, int32_t b) {
            const int32_t x = places_.terminal(a), y = places_.terminal(b);
            return x != y ? x < y : a < b;
        };
        if (!std::is_sorted(numbers.begin(), numbers.end(), before)) std::sort(numbers.begin(), numbers.end(), before);
        numbers.erase(std::unique(numbers.begin(), numbers.end()), numbers.end());
    }

    // Reads terminals with a state on top, as far as it takes. `all`: the same ones, where they are known as what is to be read.
    void read(Result& made, const std::vector<int32_t>& numbers, const ToRead* all, int32_t state, int32_t brackets) {
        std::vector<Pending> here;   // after reductions down to the state
        if (all && reduce_all(made, here, *all, state, brackets)) return lift_all(made, here, state);
        Lalr::Actions actions(machine_, state);
        std::vector<std::pair<int32_t, std::vector<int32_t>>> reduced;   // by rule
        for (size_t i = 0; i < numbers.size();) {
            const int32_t terminal = places_.terminal(numbers[i]);
            const size_t from = i;
            while (i < numbers.size() && places_.terminal(numbers[i]) == terminal) ++i;
            lexer_.expressions().spend(static_cast<int64_t>(i - from));
            const int32_t action = actions.of(terminal);
            if (action >= 0) {
                for (size_t k = from; k < i; ++k) shift(made, here, places_.begun(numbers[k]), action, state, brackets);
            } else if (action != Lalr::kNone) {
                auto of_rule = std::find_if(reduced.begin(), reduced.end(), [&](const auto& entry) { return entry.first == -1 - action; });
                if (of_rule == reduced.end()) of_rule = reduced.insert(of_rule, {-1 - action, {}});
                const auto first = numbers.begin();
                of_rule->second.insert(of_rule->second.end(), first + static_cast<ptrdiff_t>(from), first + static_cast<ptrdiff_t>(i));
            }
        }
        for (auto& [rule, rest] : reduced) {
            reduce(made, here, rule, all && rest.size() == numbers.size() ? all : to_read(std::move(rest)), brackets);
        }
        lift_all(made, here, state);
    }

    void reduce(Result& made, std::vector<Pending>& here, int32_t rule, const ToRead* left, int32_t brackets) {
        const int32_t length = machine_.length(rule);
        (length > 0 ? made.pending : here).push_back({std::max(length - 1, 0), machine_.left(rule), brackets, left});
    }

    // Whether all terminals call for one reduction.
    bool reduce_all(Result& made, std::vector<Pending>& here, const ToRead& all, int32_t state, int32_t brackets) {
        Lalr::Actions actions(machine_, state);
        int32_t only = 0;
        for (int32_t number : all.numbers) {
            const int32_t action = actions.of(places_.terminal(number));
            if (action >= 0 || action == Lalr::kNone || (only < 0 && action != only)) return false;
            only = action;
        }
        lexer_.expressions().spend(static_cast<int64_t>(all.numbers.size()));
        if (only < 0) reduce(made, here, -1 - only, &all, brackets);
        return true;
    }

    // What is to be read after reductions down to the state.
    void lift_all(Result& made, std::vector<Pending>& here, int32_t state) {
        while (!here.empty()) {
            unite(here);
            const Pending now = here.back();
            here.pop_back();
            const int32_t to = machine_.after(state, now.nonterminal);
            if (to != Lalr::kNone) lift(made, here, of(*now.rest, to, now.brackets), state);
        }
    }

    static void add(Result& made, const LexMask& share) {
        if (share.is_list() && !share.opening && share.list.size() <= kFewTokens) made.tokens.insert(made.tokens.end(), share.list.begin(), share.list.end());
        else made.shares.push_back(&share);
    }

    void shift(Result& made, std::vector<Pending>& here, const PlaceTerminal& read, int32_t to, int32_t state, int32_t brackets) {
        if (!proof_.ends(to)) return;
        if (read.terminal == machine_.newline) return made.lines.push_back({read.place, {state}});
        brackets += step_[static_cast<size_t>(read.terminal)];
        if (brackets < 0) return;
        made.sure = made.sure && proof_.clean(state) && proof_.clean(to);
        add(made, *read.share);
        places_.each_behind(*read.share, to, [&](TokenPlace& place) {
            if (!place.bytes.empty()) lift(made, here, from(place, to, brackets), state);
        });
    }

    // What was read on top of a state belongs to it; `here`: what it still has to read.
    static void lift(Result& made, std::vector<Pending>& here, const Result& other, int32_t state) {
        join(made, other);
        for (const Pending& p : other.pending) {
            if (p.pops == 0) here.push_back(p);
            else made.pending.push_back({p.pops - 1, p.nonterminal, p.brackets, p.rest});
        }
        for (const Line& line : other.lines) {
            made.lines.push_back(line);
            made.lines.back().states.push_back(state);
        }
        for (const Skip& skip : other.skips) {
            made.skips.push_back(skip);
            made.skips.back().states.push_back(state);
        }
    }

    static void join(Result& made, const Result& other) {
        made.tokens.insert(made.tokens.end(), other.tokens.begin(), other.tokens.end());
        made.shares.insert(made.shares.end(), other.shares.begin(), other.shares.end());
        made.sure = made.sure && other.sure;
    }

    // Reads what leaves the stack as it is.
    void skip(Result& made, Skip skip) {
        const int32_t state = skip.states[0], brackets = skip.brackets;
        const auto& shares = this->shares(skip);
        if (shares.empty()) return;
        const bool sure = proof_.clean_after(state, skip.terminal);
        const Answer answer = sure ? Answer::Yes : each_end(skip, [&](int32_t obligation) { return goes_on(state, obligation, brackets); });
        if (answer == Answer::Unknown) made.skips.push_back(std::move(skip));
        if (answer != Answer::Yes) return;
        made.sure = made.sure && proof_.clean(state);
        for (LexMask* share : shares) {
            add(made, *share);
            places_.each_behind(*share, state, [&](TokenPlace& place) {
                const Result& other = from(place, state, brackets);
                join(made, other);
                made.pending.insert(made.pending.end(), other.pending.begin(), other.pending.end());
                made.lines.insert(made.lines.end(), other.lines.begin(), other.lines.end());
                made.skips.insert(made.skips.end(), other.skips.begin(), other.skips.end());
            });
        }
    }

    // Whether something can come under an obligation with a state on top, and then be completed.
    Answer goes_on(int32_t state, int32_t obligation, int32_t brackets) {
        auto begins = [&](int32_t terminal, bool ignored) { return !lexemes_.under(obligation, state, terminal, -1, ignored).empty(); };
        bool may = machine_.dedent >= 0 && machine_.action(state, machine_.dedent) != Lalr::kNone, can = false;
        for (int32_t t : machine_.ignored) {
            if (!begins(t, true)) continue;
            may = true;
            can = can || proof_.clean_after(state, t);
        }
        machine_.each_terminal(state, [&](int32_t t) {
            if (t == machine_.end_of_text()) may = true;
            if (can || t == machine_.end_of_text() || machine_.terminal_symbol[t] < 0) return;
            const int32_t action = machine_.action(state, t);
            const bool proved = action >= 0 && t != machine_.newline && step_[static_cast<size_t>(t)] >= 0 && proof_.clean(action) && proof_.ends(action);
            if ((may && !proved) || !begins(t, false)) return;
            may = true;
            can = proved;
        });
        if (machine_.newline >= 0 && brackets > 0 && begins(machine_.newline, false)) {
            may = true;
            can = can || proof_.clean_after(state, machine_.newline);
        }
        return !may ? Answer::No : can && proof_.clean(state) ? Answer::Yes : Answer::Unknown;
    }

    Lexer& lexer_;
    Viability& viability_;
    Lalr& machine_;
    const LalrProof& proof_;
    LalrLexemes& lexemes_;
    LalrPlaces places_;
    std::vector<int32_t> step_;   // by terminal: of brackets
    std::deque<ToRead> to_read_;
    IdTable index_;
    std::deque<std::pair<Key, Result>> results_;
    IdTable result_index_;
    int64_t bytes_ = 0;
};

}  // namespace guidedgen
