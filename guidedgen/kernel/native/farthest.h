// How far from its end reading a terminal can lead: a bound that a mask under a budget asks for before anything exact.
//
// Where the expression is not vague it follows from that; elsewhere from the states that the walk for the mask met.
#pragma once

#include "lexer.h"

namespace guidedgen {

class Farthest {
  public:
    explicit Farthest(Lexer& lexer) : lexer_(lexer) {}

    // No token that is read inside the terminal at `s`, whose share of the mask is `part`, leads farther from its end than
    // so many bytes.
    int64_t inside(LexState* s, LexMask& part) {
        if (!lexer_.expressions().at(s->expr).vague()) return s->farthest >= 0 ? s->farthest : s->farthest = of(s->expr);
        if (part.reached.empty() || part.reached[0] != s) return kFar;   // a share that counts were clamped for
        if (part.farthest >= 0) return part.farthest;
        int64_t most = part.like ? inside(part.like, lexer_.mask(part.like)) : 0;
        for (LexState* now : part.reached) most = std::max<int64_t>(most, lexer_.distance(now));
        return part.farthest = std::min(kFar, most + kUnfinished);
    }

  private:
    static constexpr int64_t kUnfinished = 3;   // bytes that a character may lack at the end of a content token

    // By what derivatives are made of: those of x y begin in x and end in y, those of x{m,n} are one of x and m - 1 more.
    int64_t of(int32_t id) {
        const Expr e = lexer_.expressions().at(id);
        switch (e.op) {
            case Op::Empty:
            case Op::Epsilon: return 0;
            case Op::Bytes: return 1;
            case Op::Repeat: return std::min(kFar, of(e.a) + far_times(shortest(e.a), std::max(e.low - 1, 0)));
            case Op::Or: {
                int64_t most = 0;
                for (int32_t i = 0; i < e.b; ++i) most = std::max(most, of(lexer_.expressions().part(id, i)));
                return most;
            }
            case Op::Concat: return of_sequence(id);
            default: return kFar;
        }
    }

    int64_t of_sequence(int32_t id) {
        auto found = lexer_.farthest_of.find(id);
        if (found != lexer_.farthest_of.end()) return found->second;
        std::vector<int32_t> heads;
        int32_t rest = id;   // down the spine in a loop: texts may be long
        for (; lexer_.expressions().at(rest).op == Op::Concat; rest = lexer_.expressions().at(rest).b)
            heads.push_back(lexer_.expressions().at(rest).a);
        int64_t most = of(rest), behind = shortest(rest);
        for (size_t i = heads.size(); i-- > 0;) {
            most = std::max(most, std::min(kFar, of(heads[i]) + behind));
            behind += shortest(heads[i]);
        }
        lexer_.farthest_of.emplace(id, most);
        return most;
    }

    int64_t shortest(int32_t id) const { return lexer_.expressions().at(id).shortest; }

    Lexer& lexer_;
};

}  // namespace guidedgen
