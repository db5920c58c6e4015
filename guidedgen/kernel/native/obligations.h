// How lexemes begin under an obligation: their texts have no non-empty beginning in it, and what is left of it after them goes
// on beside their own.
#pragma once

#include "lexer.h"

namespace guidedgen {

class Obligations {
  public:
    static constexpr uint8_t kBeginning = kBeginningMark, kEndOfText = kEndMark;

    explicit Obligations(Lexer& lexer) : lexer_(lexer) {}

    // Where a lexeme begins that begins at `plain` without obligation; nullptr: it cannot. Most obligations end with the first
    // byte of what may follow, and so change nothing.
    LexState* start(LexState* plain, int32_t obligation) {
        if (obligation < 0) return marks_beginnings_ && needs_text_before(plain) ? nullptr : plain;
        const auto key = std::make_pair(plain->expr, obligation);
        const auto known = starts_.find(key);
        if (known != starts_.end()) return known->second;
        LexState* made = begin(plain, obligation);
        lexer_.expressions().work().hold(kEach);
        starts_.emplace(key, made);
        return made;
    }

    // Whether a text may end under an obligation, or a special token follow: in it, the byte 0xFF stands for that.
    bool may_end(int32_t obligation) {
        if (obligation < 0 || !marks_ends_) return true;
        const LexState* end = lexer_.next(lexer_.state(obligation), kEndOfText);
        return !end || !end->accepting;
    }

    // Whether some obligations speak of the end of the text.
    bool marks_ends() const { return marks_ends_; }
    void note_marks_ends() { marks_ends_ = true; }
    void note_marks_beginnings() { marks_beginnings_ = true; }

    // A nonterminal that is predicted under an obligation: whoever waits for it without that obligation waits for another one.
    int32_t frame(int32_t nonterminal, int32_t obligation) {
        if (obligation < 0) return nonterminal;
        return frames_.emplace(std::make_pair(nonterminal, obligation), kFrames + static_cast<int32_t>(frames_.size())).first->second;
    }

    // Whether what a frame waits for began under an obligation.
    static bool is_obliged(int32_t nonterminal) { return nonterminal >= kFrames; }

    int64_t memory() const { return static_cast<int64_t>(starts_.size() + frames_.size()) * kEach; }

  private:
    static constexpr int64_t kEach = 64;
    static constexpr int32_t kFrames = 1 << 30;   // above all nonterminals

    // What a lexeme is kept apart from; nullptr: nothing.
    LexState* kept_from(LexState* plain) {
        const int32_t tracked = lexer_.expressions().tracked(plain->expr);
        return tracked == Expressions::kEmpty ? nullptr : lexer_.next(lexer_.state(tracked), kBeginning);
    }

    // Whether a lexeme cannot begin where nothing was read before it: the empty mark stands for that.
    bool needs_text_before(LexState* plain) {
        const LexState* own = kept_from(plain);
        return own && own->accepting;
    }

    // Whether a mark keeps a lexeme from beginning: one that what it tracks and the obligation have.
    bool kept_out(LexState* plain, int32_t obligation) {
        LexState* own = marks_beginnings_ ? kept_from(plain) : nullptr;
        if (!own) return false;
        LexState* left = lexer_.next(lexer_.state(obligation), kBeginning);
        if (!left || !lexer_.alive(left)) return own->accepting;
        return lexer_.alive(lexer_.state(lexer_.expressions().both({own->expr, left->expr})));
    }

    // Whether that is plain to see: each text begins with a byte that must not follow, or a language with more texts cannot begin, either.
    bool cannot_begin(LexState* plain, int32_t obligation) {
        const Expressions& e = lexer_.expressions();
        const auto may_be_empty = [&e](LexState* s) { return e.at(e.accepted(s->expr)).nullable; };
        if (marks_beginnings_ || may_be_empty(plain)) return false;
        if (lexer_.bars_all(obligation, lexer_.first(plain))) return true;
        LexState* whole = lexer_.with_words(plain);
        return whole && !may_be_empty(whole) && !start(whole, obligation);
    }

    LexState* begin(LexState* plain, int32_t obligation) {
        if (kept_out(plain, obligation)) return nullptr;
        if ((lexer_.first(plain) & lexer_.first(lexer_.state(obligation))).empty()) return plain;
        if (cannot_begin(plain, obligation)) return nullptr;
        Expressions& e = lexer_.expressions();
        const int32_t broken = e.concat(obligation, Expressions::kAll);
        const int32_t accepted = e.both({e.accepted(plain->expr), e.negate(broken)});
        LexState* made = lexer_.state(e.longest(accepted, e.either({e.tracked(plain->expr), obligation})));
        return lexer_.alive(made) ? made : nullptr;
    }

    Lexer& lexer_;
    bool marks_ends_ = false, marks_beginnings_ = false;
    std::map<std::pair<int32_t, int32_t>, LexState*> starts_;
    std::map<std::pair<int32_t, int32_t>, int32_t> frames_;
};

}  // namespace guidedgen
