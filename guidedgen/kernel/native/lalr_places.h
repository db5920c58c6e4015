// What tokens hold as texts of an automaton's terminals, one behind the other, whatever the stack is.
//
// A place is where a terminal of a token begins: at the token's own beginning, or where the terminal before it has ended. Tokens
// that come there in the same way share it. Which terminals may begin at a place, and which tokens are read inside of them or
// across their end, depends on the obligation and on the scanner there alone: it is worked out once, and read by all stacks.
#pragma once

#include "lalr_lexemes.h"

namespace guidedgen {

// A terminal that begins at a place: the tokens that it is read in.
struct PlaceTerminal {
    int32_t terminal;
    struct TokenPlace* place;
    LexMask* share;   // nullptr for newlines: which tokens depends on the column that the next line has
};

struct TokenPlace {
    LexMask* part;        // nullptr: the beginning of tokens
    uint32_t at;          // in the remainders of `part`
    int32_t obligation;
    int32_t scanner;
    int32_t id;
    ByteSet bytes;        // that come next in some token
    std::vector<int32_t> terminals, ignored_terminals;   // that may begin so
    struct Begun {
        bool known = false;
        std::vector<int32_t> numbers;   // of PlaceTerminals
    };
    std::vector<Begun> begun;                            // in the order of `terminals`
    std::map<int32_t, std::vector<LexMask*>> lines;      // newlines, by the column that they end on; -1: where they are ignored
    std::map<int32_t, std::vector<LexMask*>> ignored;    // by terminal
};

class LalrPlaces {
  public:
    LalrPlaces(Lexer& lexer, const Lalr& machine, LalrLexemes& lexemes) : lexer_(lexer), machine_(machine), lexemes_(lexemes) {}

    // `state`: of the automaton, whose scanner reads on there.
    TokenPlace& at(LexMask* part, uint32_t at, int32_t obligation, int32_t state) {
        const int32_t scanner = machine_.scanner(state);
        const auto same = [&](int32_t id) {
            const TokenPlace& other = places_[static_cast<size_t>(id)];
            return other.part == part && other.at == at && other.obligation == obligation && other.scanner == scanner;
        };
        const uint64_t where = mix(reinterpret_cast<uintptr_t>(part), at);
        const uint64_t hash = mix(where, mix(static_cast<uint32_t>(obligation), static_cast<uint32_t>(scanner)));
        if (const int32_t known = index_.find(hash, same); known >= 0) return places_[static_cast<size_t>(known)];
        TokenPlace place{part, at, obligation, scanner, static_cast<int32_t>(places_.size()), {}, {}, {}, {}, {}, {}};
        place.bytes = part ? lexer_.next_bytes(*part, at) : ByteSet::all();
        if (first_.empty()) find_first();
        for (int32_t t = 0; t < machine_.terminals() && !place.bytes.empty(); ++t) {
            if ((first_[static_cast<size_t>(t)] & place.bytes).empty()) continue;
            if (machine_.ignores(t)) place.ignored_terminals.push_back(t);
            place.terminals.push_back(t);   // what is ignored as well, where texts of another terminal are its own
        }
        place.begun.resize(place.terminals.size());
        bytes_ += kPlace + static_cast<int64_t>(place.begun.size() * sizeof(TokenPlace::Begun));
        index_.insert(hash, place.id);
        places_.push_back(std::move(place));
        return places_.back();
    }

    // Calls `f` with the places behind an end of a share. Where only few tokens end so, each has a place of its own: other shares end there, too.
    template <class F>
    void each_at(LexMask& part, uint32_t at, int32_t obligation, int32_t state, F f) {
        if (part.remainders[at].size() > kFewEnds) return f(this->at(&part, at, obligation, state));
        const std::vector<uint32_t> nodes = lexer_.nodes_of(part.remainders[at]);
        for (uint32_t node : nodes) f(this->at(&lexer_.alone(node), 0, obligation, state));
    }

    // The same behind all ends of a share.
    template <class F>
    void each_behind(LexMask& share, int32_t state, F f) {
        share.each_end([&](uint32_t at, int32_t left) { each_at(share, at, left, state, f); });
    }

    const PlaceTerminal& begun(int32_t number) const { return terminals_[static_cast<size_t>(number)]; }
    int32_t terminal(int32_t number) const { return terminal_of_[static_cast<size_t>(number)]; }

    // Numbers of what begins at a place as its i-th terminal, in more than one way perhaps.
    const std::vector<int32_t>& begun(TokenPlace& place, int32_t state, size_t i) {
        TokenPlace::Begun& begun = place.begun[i];
        if (begun.known) return begun.numbers;
        begun.known = true;
        const int32_t terminal = place.terminals[i];
        auto add = [&](LexMask* share) {
            begun.numbers.push_back(static_cast<int32_t>(terminals_.size()));
            terminals_.push_back({terminal, &place, share});
            terminal_of_.push_back(terminal);
        };
        if (terminal != machine_.newline)
            for (LexMask* share : shares(place, starts(place, state, terminal, -1, false))) add(share);
        else if (!lines(place, state, -1).empty()) add(nullptr);
        bytes_ += static_cast<int64_t>(begun.numbers.size()) * kBegun;
        return begun.numbers;
    }

    // The same of newlines that the next line follows at a column; -1: of those that are ignored.
    const std::vector<LexMask*>& lines(TokenPlace& place, int32_t state, int32_t column) {
        return kept(place.lines, place, state, machine_.newline, column, false);
    }

    const std::vector<LexMask*>& ignored(TokenPlace& place, int32_t state, int32_t terminal) {
        return kept(place.ignored, place, state, terminal, -1, true);
    }

    // Where a terminal begins at a place.
    const std::vector<LexState*>& starts(const TokenPlace& place, int32_t state, int32_t terminal, int32_t column, bool ignored) {
        return lexemes_.under(place.obligation, state, terminal, column, ignored);
    }

    int64_t memory() const { return bytes_; }

  private:
    static constexpr size_t kFewEnds = 4;
    static constexpr int64_t kPlace = sizeof(TokenPlace) + 128, kLines = 96, kBegun = 64;

    // Bytes that the texts of terminals begin with, whatever stands before.
    void find_first() {
        first_.resize(static_cast<size_t>(machine_.terminals()));
        for (int32_t t = 0; t < machine_.terminals(); ++t)
            if (machine_.terminal_symbol[t] >= 0) first_[static_cast<size_t>(t)] = lexer_.first(lexer_.state(lexemes_.accepted(t)));
    }

    const std::vector<LexMask*>& kept(std::map<int32_t, std::vector<LexMask*>>& memo, TokenPlace& place, int32_t state, int32_t terminal,
                                      int32_t column, bool ignored) {
        const int32_t key = ignored ? terminal : column;
        const auto known = memo.find(key);
        if (known != memo.end()) return known->second;
        bytes_ += kLines;
        return memo.emplace(key, shares(place, starts(place, state, terminal, column, ignored))).first->second;
    }

    // The tokens that are read from some states on, without those states that read none.
    std::vector<LexMask*> shares(TokenPlace& place, const std::vector<LexState*>& starts) {
        std::vector<LexMask*> made;
        for (LexState* start : starts) {
            lexer_.expressions().spend(1);
            if ((lexer_.may_begin(start) & place.bytes).empty()) continue;
            LexMask& share = place.part ? lexer_.below(*place.part, place.at, start) : lexer_.mask(start);
            if (!share.is_list() || share.opening || !share.list.empty() || !share.remainders.empty()) made.push_back(&share);
        }
        return made;
    }

    Lexer& lexer_;
    const Lalr& machine_;
    LalrLexemes& lexemes_;
    std::vector<ByteSet> first_;   // by terminal
    std::deque<TokenPlace> places_;
    std::deque<PlaceTerminal> terminals_;   // by number
    std::vector<int32_t> terminal_of_;
    IdTable index_;   // of places
    int64_t bytes_ = 0;
};

}  // namespace guidedgen
