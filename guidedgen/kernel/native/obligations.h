// How lexemes begin under an obligation: their texts have no non-empty beginning in it, and what is left of it after them goes
// on beside their own.
#pragma once

#include "lexer.h"

namespace guidedgen {

class Obligations {
  public:
    explicit Obligations(Lexer& lexer) : lexer_(lexer) {}

    // Where a lexeme begins that begins at `plain` without obligation; nullptr: it cannot. Most obligations end with the first
    // byte of what may follow, and so change nothing.
    LexState* start(LexState* plain, int32_t obligation) {
        if (obligation < 0) return plain;
        const auto key = std::make_pair(plain->expr, obligation);
        const auto known = starts_.find(key);
        if (known != starts_.end()) return known->second;
        LexState* made = begin(plain, obligation);
        lexer_.expressions().work().hold(kEach);
        starts_.emplace(key, made);
        return made;
    }

    int64_t memory() const { return static_cast<int64_t>(starts_.size()) * kEach; }

  private:
    static constexpr int64_t kEach = 64;

    LexState* begin(LexState* plain, int32_t obligation) {
        if ((lexer_.first(plain) & lexer_.first(lexer_.state(obligation))).empty()) return plain;
        Expressions& e = lexer_.expressions();
        const int32_t broken = e.concat(obligation, Expressions::kAll);
        const int32_t accepted = e.both({e.accepted(plain->expr), e.negate(broken)});
        LexState* made = lexer_.state(e.longest(accepted, e.either({e.tracked(plain->expr), obligation})));
        return lexer_.alive(made) ? made : nullptr;
    }

    Lexer& lexer_;
    std::map<std::pair<int32_t, int32_t>, LexState*> starts_;
};

}  // namespace guidedgen
