// Forms of lexemes from which their masks follow without a walk: what they begin with, and what they are but for a few texts.
#pragma once

#include "bounded_walks.h"

namespace guidedgen {

class LexerForms : public BoundedWalks {
  protected:
    using BoundedWalks::BoundedWalks;
    ~LexerForms() = default;

    // Whitespace and punctuation up to the first quote, and what comes after it: many lexemes begin with the same opening.
    struct Opening {
        int32_t expr = -1;   // with the quote; -1: there is none
        int32_t rest = -1;
    };

    // All of the opening is read byte by byte in one way only, and no text of it begins another.
    Opening opening(int32_t expr) {
        std::vector<int32_t> heads;
        for (; heads.size() < kHeads && expressions_.at(expr).op == Op::Concat; expr = expressions_.at(expr).b) {
            const int32_t head = expressions_.at(expr).a;
            const Expr e = expressions_.at(head);
            const bool run = e.op == Op::Repeat && e.low == 0 && expressions_.at(e.a).op == Op::Bytes;
            if (e.op != Op::Bytes && !run) return {};
            heads.push_back(head);
            const ByteSet& bytes = expressions_.set_of(run ? e.a : head);
            if (!run && bytes == ByteSet::single('"')) {
                if (heads.size() < 2) return {};
                int32_t made = Expressions::kEpsilon;
                for (size_t i = heads.size(); i-- > 0;) made = expressions_.concat(heads[i], made);
                return {made, expressions_.at(expr).b};
            }
            if (bytes.has('"')) return {};
        }
        return {};
    }

    // The same expression without the complements in its first conjunction; -1 where there is none. In "any name but these"
    // all but the few ways into the names lead to the same states as in "any name", whose mask is known.
    int32_t wider(LexState* s) {
        const Expr e = expressions_.at(s->expr);
        if (!e.boolean) return -1;
        if (e.op != Op::Longest) return wider(s->expr);
        if (e.low != Expressions::kNoBan || first(s).count() < kContentBytes) return -1;
        const int32_t accepted = without_few(e.a);
        return accepted == e.a ? -1 : expressions_.longest(accepted, e.b);
    }

    // A conjunction without what complements take away along a few ways only, such as the keywords among names.
    int32_t without_few(int32_t expr) {
        if (expressions_.at(expr).op != Op::And) return expr;
        std::vector<int32_t> kept;
        for (int32_t i = 0; i < expressions_.at(expr).b; ++i) {
            const int32_t part = expressions_.part(expr, i), gone = expressions_.at(part).a;
            if (expressions_.at(part).op != Op::Not) {
                kept.push_back(part);
            } else if (expressions_.at(gone).op != Op::Or) {
                if (!few(gone)) kept.push_back(part);
            } else {
                std::vector<int32_t> many;
                for (int32_t k = 0; k < expressions_.at(gone).b; ++k)
                    if (const int32_t one = expressions_.part(gone, k); !few(one)) many.push_back(one);
                if (!many.empty()) kept.push_back(expressions_.negate(expressions_.either(std::move(many))));
            }
        }
        return kept.empty() ? expr : expressions_.both(std::move(kept));
    }

    // Whether an expression has finitely many texts, or what begins with one of finitely many.
    bool few(int32_t expr) const {
        const Expr* e = &expressions_.at(expr);
        while (e->op == Op::Concat && expressions_.at(e->a).finite) e = &expressions_.at(expr = e->b);
        if (e->op == Op::Or)
            for (int32_t k = 0; k < e->b; ++k)
                if (!few(expressions_.part(expr, k))) return false;
        return e->finite || e->op == Op::Or || expr == Expressions::kAll;
    }

    int32_t wider(int32_t expr) {
        std::vector<int32_t> heads;
        int32_t rest = expr;
        for (; heads.size() < kHeads && expressions_.at(rest).op == Op::Concat; rest = expressions_.at(rest).b) {
            const int32_t head = expressions_.at(rest).a;
            if (expressions_.at(head).op == Op::And) break;
            heads.push_back(head);
        }
        const bool tail = expressions_.at(rest).op == Op::Concat;
        const int32_t conjunction = tail ? expressions_.at(rest).a : rest;
        if (expressions_.at(conjunction).op != Op::And) return -1;
        std::vector<int32_t> kept;
        for (int32_t i = 0; i < expressions_.at(conjunction).b; ++i)
            if (const int32_t part = expressions_.part(conjunction, i); expressions_.at(part).op != Op::Not) kept.push_back(part);
        if (kept.empty() || static_cast<int32_t>(kept.size()) == expressions_.at(conjunction).b) return -1;
        int32_t made = expressions_.both(std::move(kept));
        if (tail) made = expressions_.concat(made, expressions_.at(rest).b);
        for (size_t i = heads.size(); i-- > 0;) made = expressions_.concat(heads[i], made);
        return made;
    }

    static constexpr size_t kHeads = 8;        // of an expression, before its first conjunction
    static constexpr int kContentBytes = 16;   // bytes that have to lead back before a class is worth its memory
};

}  // namespace guidedgen
